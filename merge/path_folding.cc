#include "merge/path_folding.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/number_text.h"

namespace vlm {
namespace {

constexpr double kLargestFactor = 1e30;
constexpr double kLargestSilentFactor = 2;

// c_j of every hop.
std::vector<double> stream_factors(const std::vector<double>& scales, PathScaling scaling) {
  std::vector<double> factors;
  double factor = 1;
  for (const double scale : scales) {
    if (factors.empty() || scaling == PathScaling::kStream) factor *= scale;
    factors.push_back(factor);
  }
  return factors;
}

bool can_divide(double factor) {
  return std::abs(factor) >= 1 / kLargestFactor && std::abs(factor) <= kLargestFactor;
}

SettingLine line(const char* filter, double value) {
  return {.filter = filter, .layers = std::nullopt, .values = {value}};
}

}  // namespace

FoldedScales fold_scales(const std::vector<double>& scales, PathScaling scaling,
                         const std::string& where) {
  const std::vector<double> factors = stream_factors(scales, scaling);
  FoldedScales folded;
  for (std::size_t hop = 0; hop < factors.size(); ++hop) {
    const double factor = factors[hop];
    if (!can_divide(factor)) {
      throw Error(ErrorCode::kInvalidArgument, "scales cannot be folded into weights: " + where +
                                                   ": scales up to hop " + std::to_string(hop) +
                                                   " multiply to " + number_text(factor) +
                                                   " (layout: evomistral keeps them)");
    }
    const bool scales_mlp = scaling == PathScaling::kMlpOutput && hop + 1 < scales.size();
    const double of_mlp = scales_mlp ? scales[hop + 1] : 1;
    Setting setting{line("self_attn.o_proj", 1 / factor), line("mlp.down_proj", of_mlp / factor)};
    if (factor < 0) setting.push_back(line("layernorm", -1));
    folded.layers.push_back({{"scale", std::move(setting)}});
  }
  if (factors.back() < 0) folded.outer = {{"scale", {line("model.norm", -1)}}};
  return folded;
}

std::string folding_warning(const std::vector<double>& scales, PathScaling scaling) {
  const std::vector<double> factors = stream_factors(scales, scaling);
  const auto size = [](double factor) { return std::abs(std::log(std::abs(factor))); };
  const auto worst = std::ranges::max_element(factors, {}, size);
  if (size(*worst) <= std::log(kLargestSilentFactor)) return "";
  return "scales fold into weights only up to rms_norm_eps: the stream before hop " +
         std::to_string(worst - factors.begin()) + " is " + number_text(*worst) +
         " times that of the result (layout: evomistral keeps the scales)";
}

}  // namespace vlm
