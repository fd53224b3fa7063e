#include "tensor/weight_matrix.h"

#include <array>

#include "core/check.h"
#include "tensor/bfloat16_weight.h"
#include "tensor/float32_weight.h"
#include "tensor/int8_weight.h"

namespace vlm {
namespace {

struct NamedFormat {
  WeightFormat format;
  std::string_view name;
};

constexpr std::array<NamedFormat, 3> kFormats{{{WeightFormat::kFloat32, "float32"},
                                               {WeightFormat::kBfloat16, "bfloat16"},
                                               {WeightFormat::kInt8, "int8"}}};

}  // namespace

std::string_view weight_format_name(WeightFormat format) noexcept {
  return kFormats[static_cast<std::size_t>(format)].name;
}

std::optional<WeightFormat> weight_format_from_name(std::string_view name) noexcept {
  for (const NamedFormat& known : kFormats) {
    if (known.name == name) return known.format;
  }
  return std::nullopt;
}

std::vector<std::string> weight_format_names() {
  std::vector<std::string> names;
  names.reserve(kFormats.size());
  for (const NamedFormat& known : kFormats) names.emplace_back(known.name);
  return names;
}

std::unique_ptr<WeightMatrix> make_weight(WeightFormat format, std::size_t rows, std::size_t cols) {
  check(rows > 0 && cols > 0, "make_weight: rows, cols > 0");
  switch (format) {
    case WeightFormat::kBfloat16:
      return std::make_unique<Bfloat16Weight>(rows, cols);
    case WeightFormat::kInt8:
      return std::make_unique<Int8Weight>(rows, cols);
    case WeightFormat::kFloat32:
      break;
  }
  return std::make_unique<Float32Weight>(rows, cols);
}

}  // namespace vlm
