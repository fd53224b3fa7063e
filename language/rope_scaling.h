#pragma once

// Rotary frequencies that are changed so that a model reaches beyond the context it was trained on.
// hf: modeling_rope_utils.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

enum class RopeScalingKind : std::uint8_t {
  kNone,
  kLinear,   // all frequencies divided by `factor`
  kDynamic,  // theta grows with a sequence that is longer than `original_context`
  kLlama3    // low frequencies divided by `factor`, high ones kept, those between interpolated
};

struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::kNone;
  double factor = 1.0;
  double low_frequency_factor = 1.0;  // kLlama3: low is a wavelength above original_context / this
  double high_frequency_factor =
      4.0;                           // kLlama3: high is a wavelength below original_context / this
  std::size_t original_context = 0;  // tokens; kDynamic and kLlama3

  bool operator==(const RopeScaling&) const = default;
  // Whether a sequence of so many tokens has frequencies of its own. Keys computed for a shorter
  // sequence are then not those of this one.
  [[nodiscard]] bool depends_on_length(std::size_t num_tokens) const noexcept {
    return kind == RopeScalingKind::kDynamic && num_tokens > original_context;
  }
};

// Reads `rope_scaling` of a language model's config; absent means kNone. `head_dim` is that of the
// model. Throws Error{kUnsupported} for a kind that is not known and Error{kCorruptFile} for
// missing or senseless numbers.
RopeScaling parse_rope_scaling(const JsonFields& text, std::size_t head_dim);

// Inverse frequencies [head_dim / 2] for a sequence of `num_tokens`.
// REQUIRES: head_dim even; for kDynamic above 2.
std::vector<float> scaled_inverse_frequencies(const RopeScaling& scaling, double theta,
                                              std::size_t head_dim, std::size_t num_tokens);

}  // namespace vlm
