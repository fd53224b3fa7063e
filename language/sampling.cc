#include "language/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "core/philox.h"
#include "language/logits_rules.h"
#include "tensor/maximum.h"

namespace vlm {
namespace {

// In proportion to the probability; 1 for the most probable token.
double weight(float score, float best) {
  return std::exp(double{score} - double{best});
}

double total_weight(std::span<const float> scores, float best) {
  double total = 0.0;
  for (const float score : scores) total += weight(score, best);
  return total;
}

}  // namespace

void apply_temperature(std::span<float> scores, double temperature) {
  const double best = largest(scores);
  for (float& score : scores) score = static_cast<float>((double{score} - best) / temperature);
}

void keep_top_k(std::span<float> scores, std::size_t k) {
  if (k == 0 || k >= scores.size()) return;
  std::vector<float> ordered(scores.begin(), scores.end());
  const auto kth = ordered.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(ordered.begin(), kth, ordered.end(), std::greater<>());
  for (float& score : scores) {
    if (score < *kth) score = kForbidden;
  }
}

void keep_top_p(std::span<float> scores, double p) {
  if (p >= 1.0) return;
  const float best = largest(scores);
  const double enough = p * total_weight(scores, best);
  std::vector<std::size_t> ids;  // a heap, the most probable token on top
  for (std::size_t id = 0; id < scores.size(); ++id) {
    if (scores[id] != kForbidden) ids.push_back(id);
  }
  const auto is_less_probable = [&](std::size_t a, std::size_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : a > b;
  };
  std::ranges::make_heap(ids, is_less_probable);
  double kept = 0.0;
  bool is_first = true;
  while (!ids.empty() && (is_first || kept < enough)) {
    kept += weight(scores[ids.front()], best);
    std::ranges::pop_heap(ids, is_less_probable);
    ids.pop_back();
    is_first = false;
  }
  for (const std::size_t id : ids) scores[id] = kForbidden;
}

void keep_min_p(std::span<float> scores, double p) {
  if (p <= 0.0) return;
  const float best = largest(scores);
  for (float& score : scores) {
    if (weight(score, best) < p) score = kForbidden;
  }
}

TokenId draw_token(std::span<const float> scores, double u) {
  const float best = largest(scores);
  const double place = u * total_weight(scores, best);
  double cumulative = 0.0;
  std::size_t last = 0;  // where rounding ends the search
  for (std::size_t id = 0; id < scores.size(); ++id) {
    if (scores[id] == kForbidden) continue;
    last = id;
    cumulative += weight(scores[id], best);
    if (cumulative > place) break;
  }
  return static_cast<TokenId>(last);
}

TokenId sample_token(const GenerationOptions& options, std::uint64_t stream, std::size_t position,
                     std::span<float> scores) {
  apply_temperature(scores, options.temperature);
  keep_top_k(scores, options.top_k);
  keep_top_p(scores, options.top_p);
  keep_min_p(scores, options.min_p);
  RandomStream random(philox_key(options.seed, "sampling"), stream, position);
  return draw_token(scores, random.uniform());
}

}  // namespace vlm
