#include "merge/adapter_writer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "checkpoint/finite_weights.h"
#include "core/checksum.h"
#include "core/files.h"
#include "merge/block_loop.h"
#include "tensor/tensor_view.h"

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

double ratio(const SquaredNorms& norms) {
  return norms.matrix == 0 ? 0 : std::sqrt(norms.residual / norms.matrix);
}

}  // namespace

AdapterWriter::AdapterWriter(const std::filesystem::path& directory, const AdapterOutline& outline,
                             WriteJournal* journal)
    : directory_(directory),
      outline_(outline),
      journal_(journal),
      file_(directory / kAdapterWeights, outline.tensors(), {{"format", "pt"}},
            journal == nullptr ? SafetensorsWriter::Existing::kRefuse
                               : SafetensorsWriter::Existing::kContinue) {}

bool AdapterWriter::is_written(std::size_t tensor) const {
  if (journal_ == nullptr) return false;
  const TensorInfo& info = outline_.tensors()[tensor];
  const std::size_t elements = element_count(info.shape).value_or(0);
  std::size_t end = 0;  // of what is there from the beginning on
  for (const TensorPart& part : journal_->parts_of(0, tensor)) {
    const bool is_there = part.first == end && part.count <= elements - end &&
                          vlm::is_written(journal_, file_, part, element_size_bytes(info.dtype));
    if (is_there) end += part.count;
  }
  return end == elements;
}

void AdapterWriter::write(std::size_t tensor, std::size_t first, std::span<const float> values) {
  const TensorInfo& info = outline_.tensors()[tensor];
  const std::size_t element_bytes = element_size_bytes(info.dtype);
  std::vector<std::byte> bytes;
  std::vector<float> stored;
  const Parts parts(values.size());
  for (std::size_t part = 0; part < parts.count(); ++part) {
    const std::size_t size = parts.size(part);
    const std::size_t begin = first + parts.first(part);
    bytes.resize(size * element_bytes);
    store_floats(values.subspan(parts.first(part), size), info.dtype, bytes);
    stored.resize(size);
    read_floats({info.dtype, {size}, bytes}, 0, stored);
    require_fit(stored, info, begin, "");
    file_.write(tensor, begin * element_bytes, bytes);
    if (journal_ != nullptr) journal_->add({0, tensor, begin, size}, checksum(bytes));
  }
}

void AdapterWriter::finish(const AdapterConfig& config) {
  write_file_atomically(directory_ / "adapter_config.json", outline_.config_json(config));
}

AdapterReport report_losses(std::span<const AdapterLoss> losses, const AdapterOutline& outline) {
  AdapterReport report;
  report.saved_whole = outline.saved_whole();
  std::map<std::string, std::pair<std::size_t, SquaredNorms>> kinds;  // place in the report
  for (const auto& [tensor, norms] : losses) {
    const std::string name = kind_of_module(module_of(tensor));
    const auto [found, is_new] = kinds.try_emplace(name, report.kinds.size(), SquaredNorms{});
    if (is_new) report.kinds.push_back({name, 0, 0, 0});
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
