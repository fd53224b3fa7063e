#include "language/rope_scaling.h"

#include <cmath>
#include <numbers>
#include <string>
#include <string_view>

#include "core/error.h"
#include "tensor/rope.h"

namespace vlm {
namespace {

constexpr std::size_t kLongestContext = std::size_t{1} << 40U;  // as in JsonFields::size

[[noreturn]] void fail(const JsonFields& fields, const std::string& wanted, std::string_view key,
                       const std::string& seen) {
  throw Error(ErrorCode::kCorruptFile,
              wanted + ": " + fields.where() + ": " + std::string(key) + " = " + seen);
}

// hf requires a factor of at least 1: a smaller one would shrink the context.
double factor_of(const JsonFields& scaling) {
  const double factor = scaling.number("factor");
  if (!(factor >= 1.0)) {
    fail(scaling, "expected a factor of at least 1", "factor", std::to_string(factor));
  }
  return factor;
}

// The key in `scaling`, or else the fallback.
std::size_t context_of(const JsonFields& scaling, std::string_view key, std::size_t fallback) {
  const std::size_t tokens = scaling.size_or(key, fallback);
  if (tokens == 0 || tokens > kLongestContext) {
    fail(scaling, "expected a number of tokens", key, std::to_string(tokens));
  }
  return tokens;
}

RopeScaling parse_dynamic(const JsonFields& text, const JsonFields& scaling, std::size_t head_dim) {
  if (head_dim <= 2) {
    fail(text, "dynamic position scaling needs a head_dim above 2", "head_dim",
         std::to_string(head_dim));
  }
  return {.kind = RopeScalingKind::kDynamic,
          .factor = factor_of(scaling),
          .original_context = context_of(text, "max_position_embeddings", 0)};
}

RopeScaling parse_llama3(const JsonFields& text, const JsonFields& scaling) {
  constexpr std::string_view kContext = "original_max_position_embeddings";
  RopeScaling parsed{.kind = RopeScalingKind::kLlama3,
                     .factor = factor_of(scaling),
                     .low_frequency_factor = scaling.number("low_freq_factor"),
                     .high_frequency_factor = scaling.number("high_freq_factor"),
                     // hf: the model's own key goes before that of the scaling
                     .original_context = context_of(text.has(kContext) ? text : scaling, kContext,
                                                    text.size_or("max_position_embeddings", 0))};
  if (!(parsed.low_frequency_factor > 0.0 &&
        parsed.high_frequency_factor > parsed.low_frequency_factor)) {
    fail(scaling, "expected 0 < low_freq_factor < high_freq_factor", "low_freq_factor",
         std::to_string(parsed.low_frequency_factor) +
             ", high_freq_factor = " + std::to_string(parsed.high_frequency_factor));
  }
  return parsed;
}

// theta' = theta * (factor * n / context - (factor - 1)) ^ (d / (d - 2)): "NTK-aware" scaling.
double stretched_theta(const RopeScaling& scaling, double theta, std::size_t head_dim,
                       std::size_t num_tokens) {
  if (!scaling.depends_on_length(num_tokens)) return theta;
  const auto length = static_cast<double>(num_tokens);
  const auto context = static_cast<double>(scaling.original_context);
  const auto dim = static_cast<double>(head_dim);
  const double stretch = scaling.factor * length / context - (scaling.factor - 1.0);
  return theta * std::pow(stretch, dim / (dim - 2.0));
}

float llama3_frequency(const RopeScaling& scaling, float frequency) {
  const auto context = static_cast<double>(scaling.original_context);
  const double wavelength = 2.0 * std::numbers::pi / double{frequency};
  if (wavelength < context / scaling.high_frequency_factor) return frequency;
  const double lowest = double{frequency} / scaling.factor;
  if (wavelength > context / scaling.low_frequency_factor) return static_cast<float>(lowest);
  const double smooth = (context / wavelength - scaling.low_frequency_factor) /
                        (scaling.high_frequency_factor - scaling.low_frequency_factor);
  return static_cast<float>((1.0 - smooth) * lowest + smooth * double{frequency});
}

}  // namespace

RopeScaling parse_rope_scaling(const JsonFields& text, std::size_t head_dim) {
  if (!text.has("rope_scaling")) return {};
  const JsonFields scaling = text.object("rope_scaling");
  const std::string kind = scaling.text_or("rope_type", scaling.text_or("type", "default"));
  if (kind == "default") return {};
  if (kind == "linear") return {.kind = RopeScalingKind::kLinear, .factor = factor_of(scaling)};
  if (kind == "dynamic") return parse_dynamic(text, scaling, head_dim);
  if (kind == "llama3") return parse_llama3(text, scaling);
  throw Error(ErrorCode::kUnsupported, "position scaling of the language model: " + text.where() +
                                           ": rope_scaling = " + kind +
                                           " (known: linear, dynamic, llama3)");
}

std::vector<float> scaled_inverse_frequencies(const RopeScaling& scaling, double theta,
                                              std::size_t head_dim, std::size_t num_tokens) {
  std::vector<float> frequencies =
      rope_inverse_frequencies(stretched_theta(scaling, theta, head_dim, num_tokens), head_dim);
  for (float& frequency : frequencies) {
    if (scaling.kind == RopeScalingKind::kLinear) {
      frequency = static_cast<float>(double{frequency} / scaling.factor);
    } else if (scaling.kind == RopeScalingKind::kLlama3) {
      frequency = llama3_frequency(scaling, frequency);
    }
  }
  return frequencies;
}

}  // namespace vlm
