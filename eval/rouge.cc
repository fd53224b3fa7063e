#include "eval/rouge.h"

#include <algorithm>

#include "core/check.h"

namespace vlm {
namespace {

using NGram = std::vector<std::uint32_t>;

std::map<NGram, std::size_t> count_ngrams(std::span<const std::uint32_t> tokens, std::size_t n) {
  std::map<NGram, std::size_t> counts;
  for (std::size_t i = 0; i + n <= tokens.size(); ++i) {
    const auto ngram = tokens.subspan(i, n);
    ++counts[NGram(ngram.begin(), ngram.end())];
  }
  return counts;
}

RougeScore score_overlap(std::size_t overlap, std::size_t num_reference,
                         std::size_t num_prediction) {
  RougeScore score;
  if (overlap == 0) return score;
  const auto matched = static_cast<double>(overlap);
  score.precision = matched / static_cast<double>(num_prediction);
  score.recall = matched / static_cast<double>(num_reference);
  score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

std::size_t count_windows(std::size_t num_tokens, std::size_t n) {
  return num_tokens < n ? 0 : num_tokens - n + 1;
}

}  // namespace

RougeScore rouge_n(const NumberedTokens& tokens, std::size_t n) {
  check(n > 0, "an n-gram has at least one token");
  const auto in_reference = count_ngrams(tokens.reference, n);
  std::size_t overlap = 0;
  for (const auto& [ngram, count] : count_ngrams(tokens.prediction, n)) {
    const auto found = in_reference.find(ngram);
    if (found != in_reference.end()) overlap += std::min(count, found->second);
  }
  return score_overlap(overlap, count_windows(tokens.reference.size(), n),
                       count_windows(tokens.prediction.size(), n));
}

RougeScore rouge_l(const NumberedTokens& tokens) {
  const auto& prediction = tokens.prediction;
  std::vector<std::size_t> above(prediction.size() + 1, 0);  // LCS with the reference so far
  std::vector<std::size_t> row(prediction.size() + 1, 0);
  for (const std::uint32_t token : tokens.reference) {
    for (std::size_t j = 0; j < prediction.size(); ++j) {
      row[j + 1] = token == prediction[j] ? above[j] + 1 : std::max(above[j + 1], row[j]);
    }
    std::swap(above, row);
  }
  return score_overlap(above.back(), tokens.reference.size(), prediction.size());
}

}  // namespace vlm
