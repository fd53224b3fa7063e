#pragma once

// ROUGE-N and ROUGE-L on sequences of tokens (Lin 2004, "ROUGE: A Package for Automatic Evaluation
// of Summaries", sections 2 and 3), with the arithmetic of the Python package rouge-score 0.1.2.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace vlm {

// All in [0, 1]. 0 where a side has nothing to count.
struct RougeScore {
  double precision = 0.0;
  double recall = 0.0;
  double f1 = 0.0;
};

// A pair of sequences with tokens replaced by numbers: equal tokens, equal numbers.
struct NumberedTokens {
  std::vector<std::uint32_t> reference;
  std::vector<std::uint32_t> prediction;
};

// Overlap of n-grams, each counted at most as often as in the other text. REQUIRES: n > 0.
RougeScore rouge_n(const NumberedTokens& tokens, std::size_t n);

// Longest common subsequence; O(reference * prediction) time, two rows of memory.
RougeScore rouge_l(const NumberedTokens& tokens);

// Numbers the tokens of any ordered type.
template <class Token>
NumberedTokens number_tokens(std::span<const Token> reference, std::span<const Token> prediction) {
  std::map<Token, std::uint32_t> numbers;
  const auto number_all = [&numbers](std::span<const Token> tokens) {
    std::vector<std::uint32_t> result;
    result.reserve(tokens.size());
    for (const Token& token : tokens) {
      const auto next = static_cast<std::uint32_t>(numbers.size());
      result.push_back(numbers.try_emplace(token, next).first->second);
    }
    return result;
  };
  NumberedTokens result;
  result.reference = number_all(reference);
  result.prediction = number_all(prediction);
  return result;
}

}  // namespace vlm
