#include "merge/adapter_writer.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "core/files.h"
#include "merge/ordered_json.h"

namespace vlm {
namespace {

// "self_attn.q_proj" of "text/model.layers.3.self_attn.q_proj"
std::string kind_of_module(const std::string& module) {
  const std::size_t layers = module.find(".layers.");
  if (layers == std::string::npos) return module;
  const std::size_t number = layers + std::string_view(".layers.").size();
  const std::string component = module.starts_with("vision/") ? "vision " : "";
  return component + module.substr(module.find('.', number) + 1);
}

std::string peft_name(const std::string& on_disk) {
  return "base_model.model." + on_disk;
}

double ratio(const SquaredNorms& norms) {
  return norms.matrix == 0 ? 0 : std::sqrt(norms.residual / norms.matrix);
}

OrderedJson text_or_null(const std::string& text) {
  return text.empty() ? OrderedJson() : OrderedJson(text);
}

}  // namespace

std::string module_of(const std::string& tensor) {
  return tensor.substr(0, tensor.rfind('.'));
}

void AdapterWriter::add(std::string name, Shape shape, std::span<const float> values) {
  Tensor tensor{std::move(name), std::move(shape), {}};
  tensor.bytes.resize(values.size() * element_size_bytes(dtype_));
  store_floats(values, dtype_, tensor.bytes);
  tensors_.push_back(std::move(tensor));
}

void AdapterWriter::add_product(const std::string& tensor, const AdapterProduct& product,
                                const SquaredNorms& norms) {
  const std::string module = module_of(layout_.disk_name(tensor));
  const bool is_of_embedding = product.is_of_embedding;
  add(peft_name(module) + (is_of_embedding ? ".lora_embedding_A" : ".lora_A.weight"),
      product.a_shape, product.a);
  add(peft_name(module) + (is_of_embedding ? ".lora_embedding_B" : ".lora_B.weight"),
      product.b_shape, product.b);
  ranks_[module] = product.a_shape.front();
  remainders_.push_back({kind_of_module(module_of(tensor)), norms});
}

void AdapterWriter::add_bias(const std::string& tensor, std::span<const float> values) {
  const std::string module = module_of(layout_.disk_name(tensor));
  add(peft_name(module) + ".lora_B.bias", {values.size()}, values);
  with_bias_.insert(module);
}

void AdapterWriter::add_whole(const std::string& tensor, const Shape& shape,
                              std::span<const float> values) {
  const std::string on_disk = layout_.disk_name(tensor);
  add(peft_name(on_disk), shape, values);
  saved_.insert(module_of(on_disk));
  const std::string module = module_of(tensor);
  if (saved_whole_.empty() || saved_whole_.back() != module) saved_whole_.push_back(module);
}

std::string AdapterWriter::config_json(const AdapterConfig& config) const {
  std::set<std::string> targets = with_bias_;
  OrderedJson ranks = OrderedJson::object();
  for (const auto& [module, rank] : ranks_) {
    targets.insert(module);
    if (rank != config.rank) ranks[module] = rank;
  }
  const OrderedJson json{{"peft_type", "LORA"},
                         {"task_type", text_or_null(config.task_type)},
                         {"base_model_name_or_path", text_or_null(config.base_name)},
                         {"r", config.rank},
                         {"lora_alpha", config.rank},
                         {"lora_dropout", 0.0},
                         {"lora_bias", !with_bias_.empty()},
                         {"bias", "none"},
                         {"fan_in_fan_out", false},
                         {"inference_mode", true},
                         {"init_lora_weights", true},
                         {"use_rslora", false},
                         {"use_dora", false},
                         {"target_modules", targets},
                         {"modules_to_save", saved_.empty() ? OrderedJson() : OrderedJson(saved_)},
                         {"rank_pattern", ranks},
                         {"alpha_pattern", ranks}};
  return written(json);
}

void AdapterWriter::write(const std::filesystem::path& directory,
                          const AdapterConfig& config) const {
  std::vector<NamedTensor> named;
  for (const Tensor& tensor : tensors_) {
    named.push_back({tensor.name, {dtype_, tensor.shape, tensor.bytes}});
  }
  write_file_atomically(directory / "adapter_config.json", config_json(config));
  write_safetensors(directory / "adapter_model.safetensors", named, {{"format", "pt"}});
}

AdapterReport AdapterWriter::report() const {
  AdapterReport report;
  report.saved_whole = saved_whole_;
  std::map<std::string, std::pair<std::size_t, SquaredNorms>> kinds;  // place in the report
  for (const auto& [kind_name, norms] : remainders_) {
    const auto [found, is_new] = kinds.try_emplace(kind_name, report.kinds.size(), SquaredNorms{});
    if (is_new) report.kinds.push_back({kind_name, 0, 0, 0});
    auto& [place, sums] = found->second;
    sums.matrix += norms.matrix;
    sums.residual += norms.residual;
    AdaptedKind& kind = report.kinds[place];
    ++kind.modules;
    kind.relative_error = ratio(sums);
    kind.largest_error = std::max(kind.largest_error, ratio(norms));
  }
  return report;
}

}  // namespace vlm
