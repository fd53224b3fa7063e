#include "checkpoint/layer_path_tensors.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"

namespace vlm {
namespace {

constexpr std::string_view kLayers = "model.input_layers";
constexpr std::string_view kScales = "model.input_scales";
constexpr std::size_t kMostHops = 65536;
constexpr std::string_view kPrefix = "model.";

[[noreturn]] void fail(const ModelConfig& config, std::string_view name, const std::string& what,
                       const std::string& seen) {
  throw Error(ErrorCode::kCorruptFile,
              what + ": " + config.where + ": " + std::string(name) + ": " + seen);
}

template <typename Integer>
std::vector<double> integers(const TensorView& tensor, std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    Integer value = 0;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(Integer), sizeof(Integer));
    values[i] = static_cast<double>(value);
  }
  return values;
}

std::vector<double> numbers(const TensorView& tensor, std::size_t count) {
  if (tensor.dtype == DType::kI64) return integers<std::int64_t>(tensor, count);
  if (tensor.dtype == DType::kI32) return integers<std::int32_t>(tensor, count);
  std::vector<float> values(count);
  read_floats(tensor, 0, values);
  return {values.begin(), values.end()};
}

template <typename Value>
void append(const ModelConfig& config, std::string_view name, DType dtype,
            std::vector<LayerPathTensor>& tensors) {
  const auto found = config.json.find(std::string(name.substr(kPrefix.size())));
  if (found == config.json.end()) return;
  const auto values = found->get<std::vector<Value>>();
  const auto bytes = std::as_bytes(std::span(values));
  tensors.push_back({{std::string(name), dtype, {values.size()}}, {bytes.begin(), bytes.end()}});
}

bool is_layer(double value) {
  return value >= 0.0 && value <= 1e6 && value == std::floor(value);
}

}  // namespace

bool is_layer_path_tensor(std::string_view disk_name) noexcept {
  return disk_name == kLayers || disk_name == kScales;
}

void add_layer_path_tensor(ModelConfig& config, std::string_view disk_name,
                           const TensorView& tensor) {
  const bool has_numbers =
      is_floating(tensor.dtype) || tensor.dtype == DType::kI64 || tensor.dtype == DType::kI32;
  if (!has_numbers) {
    fail(config, disk_name, "expected numbers", std::string(safetensors_name(tensor.dtype)));
  }
  if (tensor.shape.size() != 1 || tensor.shape[0] == 0 || tensor.shape[0] > kMostHops) {
    fail(config, disk_name, "expected one number for each hop", to_string(tensor.shape));
  }
  const std::vector<double> values = numbers(tensor, tensor.shape[0]);
  const bool are_layers = disk_name == kLayers;
  Json list = Json::array();
  for (const double value : values) {
    if (!(are_layers ? is_layer(value) : std::isfinite(value))) {
      fail(config, disk_name, are_layers ? "expected whole numbers" : "expected finite numbers",
           std::to_string(value));
    }
    if (are_layers) {
      list.push_back(static_cast<std::size_t>(value));
    } else {
      list.push_back(value);
    }
  }
  config.json[std::string(disk_name.substr(kPrefix.size()))] = std::move(list);
}

std::vector<LayerPathTensor> layer_path_tensors(const ModelConfig& config) {
  std::vector<LayerPathTensor> tensors;
  if (!config.has_layer_path()) return tensors;
  append<std::int32_t>(config, kLayers, DType::kI32, tensors);
  append<float>(config, kScales, DType::kF32, tensors);
  return tensors;
}

}  // namespace vlm
