#include "language/logits_rules.h"

#include <algorithm>

#include "core/error.h"
#include "tensor/maximum.h"

namespace vlm {
namespace {

bool has_score(std::span<const float> scores, TokenId id) {
  return id >= 0 && static_cast<std::size_t>(id) < scores.size();
}

void forbid(std::span<float> scores, TokenId id) {
  if (has_score(scores, id)) scores[static_cast<std::size_t>(id)] = kForbidden;
}

}  // namespace

void penalize_repetition(std::span<float> scores, std::span<const TokenId> ids, double penalty) {
  if (penalty == 1.0) return;
  std::vector<TokenId> distinct(ids.begin(), ids.end());
  std::ranges::sort(distinct);
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const auto factor = static_cast<float>(penalty);
  for (const TokenId id : distinct) {
    if (!has_score(scores, id)) continue;
    float& score = scores[static_cast<std::size_t>(id)];
    score = score < 0.0F ? score * factor : score / factor;
  }
}

void forbid_repeated_ngrams(std::span<float> scores, std::span<const TokenId> ids, std::size_t n) {
  if (n == 0 || ids.size() < n) return;
  const std::span<const TokenId> recent = ids.last(n - 1);
  for (std::size_t first = 0; first + n <= ids.size(); ++first) {
    if (std::ranges::equal(ids.subspan(first, n - 1), recent)) forbid(scores, ids[first + n - 1]);
  }
}

void refuse_nan(MatrixView<const float> logits) {
  for (std::size_t r = 0; r < logits.rows(); ++r) {
    if (has_nan(logits.row(r))) {
      throw Error(ErrorCode::kCorruptFile,
                  "model: it predicts with NaN: its weights are damaged or too large");
    }
  }
}

void apply_rules(const GenerationOptions& options, std::span<const TokenId> ids,
                 std::size_t num_new, std::span<float> scores) {
  penalize_repetition(scores, ids, options.repetition_penalty);
  forbid_repeated_ngrams(scores, ids, options.no_repeat_ngram);
  if (num_new >= options.min_tokens) return;
  for (const TokenId eos : options.eos_ids) forbid(scores, eos);
}

}  // namespace vlm
