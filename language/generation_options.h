#pragma once

// How to continue a prompt. Names and meaning follow transformers' GenerationConfig.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fields.h"
#include "language/token_id.h"

namespace vlm {

// When a beam search with num_beams complete hypotheses ends; transformers' early_stopping.
enum class EarlyStopping : std::uint8_t {
  kEstimate,  // false: the best beam, were it to end now, would not be among them
  kWhenFull,  // true: at once
  kNever      // "never": as kEstimate, were it to end at the length that favours it most
};

struct GenerationOptions {
  std::size_t max_tokens = 256;  // new tokens, the end token not counted
  std::size_t min_tokens = 0;    // the end token is forbidden before so many
  std::size_t num_beams = 1;     // 1: no beam search
  double length_penalty = 1.0;   // beam scores are divided by length ^ length_penalty
  EarlyStopping early_stopping = EarlyStopping::kEstimate;
  double repetition_penalty = 1.0;
  std::size_t no_repeat_ngram = 0;  // 0: off
  double temperature = 0.0;         // above 0: tokens are drawn; 0: the most probable one
  std::size_t top_k = 0;            // draw from the k most probable; 0: off
  double top_p = 1.0;               // draw from the most probable that have this sum; 1: off
  double min_p = 0.0;               // draw from those above min_p * the largest; 0: off
  std::uint64_t seed = 0;           // of the draws
  std::vector<TokenId> eos_ids;     // any of them ends a text
  std::vector<std::string> stop;    // the text is cut before the first of them; one beam only

  friend bool operator==(const GenerationOptions&, const GenerationOptions&) = default;
};

// Throws Error{kInvalidArgument} naming the option: max_tokens or num_beams zero or absurd,
// penalties that are not finite and positive, a negative temperature, top_p or min_p outside
// [0, 1], an empty stop text, stop texts or a temperature with beams.
void validate(const GenerationOptions& options);

// true, false or "never". REQUIRES: the key is there. Throws Error{kCorruptFile} for all else.
EarlyStopping read_early_stopping(const JsonFields& fields, std::string_view key);

}  // namespace vlm
