#include "language/generation_options.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace vlm {
namespace {

constexpr std::size_t kLargestTokenCount = std::size_t{1} << 20U;
constexpr std::size_t kLargestBeamCount = 1024;

void require(bool holds, const std::string& what, const std::string& seen) {
  if (!holds) throw Error(ErrorCode::kInvalidArgument, "generation options: " + what + ": " + seen);
}

}  // namespace

void validate(const GenerationOptions& options) {
  require(options.max_tokens >= 1 && options.max_tokens <= kLargestTokenCount,
          "expected max_tokens between 1 and " + std::to_string(kLargestTokenCount),
          std::to_string(options.max_tokens));
  require(options.min_tokens <= options.max_tokens, "min_tokens is larger than max_tokens",
          std::to_string(options.min_tokens));
  require(options.num_beams >= 1 && options.num_beams <= kLargestBeamCount,
          "expected num_beams between 1 and " + std::to_string(kLargestBeamCount),
          std::to_string(options.num_beams));
  require(std::isfinite(options.length_penalty), "expected a finite length_penalty",
          std::to_string(options.length_penalty));
  require(std::isfinite(options.repetition_penalty) && options.repetition_penalty > 0.0,
          "expected a positive repetition_penalty", std::to_string(options.repetition_penalty));
  require(std::isfinite(options.temperature) && options.temperature >= 0.0,
          "expected a temperature of 0 or more", std::to_string(options.temperature));
  require(options.top_p >= 0.0 && options.top_p <= 1.0, "expected top_p between 0 and 1",
          std::to_string(options.top_p));
  require(options.min_p >= 0.0 && options.min_p <= 1.0, "expected min_p between 0 and 1",
          std::to_string(options.min_p));
  require(options.temperature == 0.0 || options.num_beams == 1,
          "a temperature works with one beam only; num_beams", std::to_string(options.num_beams));
  const auto is_empty = [](const std::string& text) { return text.empty(); };
  require(std::ranges::none_of(options.stop, is_empty), "a stop text is empty", "\"\"");
  require(options.stop.empty() || options.num_beams == 1,
          "stop texts, which generation_config.json may give, work with one beam only; num_beams",
          std::to_string(options.num_beams));
}

EarlyStopping read_early_stopping(const JsonFields& fields, std::string_view key) {
  const Json& value = fields.json().at(key);
  if (value == "never") return EarlyStopping::kNever;
  if (value.is_boolean()) {
    return value.get<bool>() ? EarlyStopping::kWhenFull : EarlyStopping::kEstimate;
  }
  throw Error(ErrorCode::kCorruptFile, "expected true, false or \"never\": " + fields.where() +
                                           ": " + std::string(key) + " = " + json_line(value));
}

}  // namespace vlm
