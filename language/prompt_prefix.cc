#include "language/prompt_prefix.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>

namespace vlm {
namespace {

// A prompt as numbers: ids, and for embedded rows numbers that no id has.
using PromptKey = std::vector<std::int64_t>;

// Numbers of embedded rows, counted from the first prompt on; the same memory has the same ones.
class RowNumbers {
 public:
  std::int64_t of(const EmbeddedRows& embedded) {
    const auto [place, is_new] = first_.try_emplace(embedded.rows.data(), next_);
    if (is_new) next_ -= static_cast<std::int64_t>(embedded.rows.rows());
    return place->second;
  }

 private:
  std::map<const float*, std::int64_t> first_;
  std::int64_t next_ = -2;  // below every id, also those of rows without one
};

PromptKey key_of(const GenerationPrompt& prompt, RowNumbers& numbers) {
  PromptKey key(prompt.ids.begin(), prompt.ids.end());
  for (const EmbeddedRows& embedded : prompt.embedded) {
    const std::int64_t first = numbers.of(embedded);
    for (std::size_t r = 0; r < embedded.rows.rows(); ++r) {
      key[embedded.first_token + r] = first - static_cast<std::int64_t>(r);
    }
  }
  return key;
}

}  // namespace

std::size_t common_prefix(const GenerationPrompt& a, const GenerationPrompt& b) {
  RowNumbers numbers;
  const PromptKey left = key_of(a, numbers);
  const PromptKey right = key_of(b, numbers);
  const auto [end, other] = std::ranges::mismatch(left, right);
  return static_cast<std::size_t>(end - left.begin());
}

std::vector<std::size_t> order_by_prefix(std::span<const GenerationPrompt> prompts) {
  RowNumbers numbers;
  std::vector<PromptKey> keys;
  keys.reserve(prompts.size());
  for (const GenerationPrompt& prompt : prompts) keys.push_back(key_of(prompt, numbers));
  std::vector<std::size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) -> const PromptKey& { return keys[i]; });
  return order;
}

}  // namespace vlm
