#include "merge/adapter_outline.h"

#include <utility>

#include "merge/ordered_json.h"

namespace vlm {
namespace {

std::string peft_name(const std::string& on_disk) {
  return "base_model.model." + on_disk;
}

OrderedJson text_or_null(const std::string& text) {
  return text.empty() ? OrderedJson() : OrderedJson(text);
}

}  // namespace

std::string module_of(const std::string& tensor) {
  return tensor.substr(0, tensor.rfind('.'));
}

std::size_t AdapterOutline::add(std::string name, Shape shape) {
  tensors_.push_back({std::move(name), dtype_, std::move(shape)});
  return tensors_.size() - 1;
}

std::size_t AdapterOutline::add_product(const std::string& tensor, const AdapterProduct& product) {
  const std::string module = module_of(layout_.disk_name(tensor));
  const bool is_of_embedding = product.is_of_embedding;
  const std::size_t a =
      add(peft_name(module) + (is_of_embedding ? ".lora_embedding_A" : ".lora_A.weight"),
          product.a_shape);
  add(peft_name(module) + (is_of_embedding ? ".lora_embedding_B" : ".lora_B.weight"),
      product.b_shape);
  ranks_[module] = product.a_shape.front();
  return a;
}

std::size_t AdapterOutline::add_bias(const std::string& tensor, std::size_t size) {
  const std::string module = module_of(layout_.disk_name(tensor));
  with_bias_.insert(module);
  return add(peft_name(module) + ".lora_B.bias", {size});
}

std::size_t AdapterOutline::add_whole(const std::string& tensor, const Shape& shape) {
  const std::string on_disk = layout_.disk_name(tensor);
  saved_.insert(module_of(on_disk));
  const std::string module = module_of(tensor);
  if (saved_whole_.empty() || saved_whole_.back() != module) saved_whole_.push_back(module);
  return add(peft_name(on_disk), shape);
}

std::string AdapterOutline::config_json(const AdapterConfig& config) const {
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

}  // namespace vlm
