#include "merge/delta_gram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/check.h"

namespace vlm {
namespace {

constexpr std::size_t kLanes = 8;

// Eight interleaved partial sums, added in a fixed order.
template <typename Term>
double lane_sum(std::size_t count, const Term& term) {
  std::array<double, kLanes> lanes{};
  const std::size_t whole = count - count % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  }
  for (std::size_t i = whole; i < count; ++i) lanes[i - whole] += term(i);
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

// n times the covariance of v_i and v_j.
double centred_product(const DeltaGram& gram, std::size_t i, std::size_t j) {
  if (gram.num_elements() == 0) return 0;
  return gram.product(i, j) - gram.sum(i) * gram.sum(j) / static_cast<double>(gram.num_elements());
}

// Whether a vector varies by more than the rounding of the two terms its variance is made of.
bool varies(const DeltaGram& gram, std::size_t i) {
  constexpr double kRounding = 1e-14;
  return centred_product(gram, i, i) > kRounding * gram.product(i, i);
}

}  // namespace

DeltaGram::DeltaGram(std::size_t num_vectors)
    : sums_(num_vectors), products_(num_vectors * num_vectors) {}

void DeltaGram::append(std::span<const std::span<const double>> vectors) {
  check(vectors.size() == num_vectors(), "DeltaGram::append: a span for each vector");
  const std::size_t count = vectors.empty() ? 0 : vectors.front().size();
  num_elements_ += count;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const std::span<const double> x = vectors[i];
    check(x.size() == count, "DeltaGram::append: spans of one length");
    sums_[i] += lane_sum(count, [&](std::size_t k) { return x[k]; });
    for (std::size_t j = 0; j <= i; ++j) {
      const std::span<const double> y = vectors[j];
      const double more = lane_sum(count, [&](std::size_t k) { return x[k] * y[k]; });
      set_product(i, j, product(i, j) + more);
    }
  }
}

void DeltaGram::append(const DeltaGram& other) {
  check(other.num_vectors() == num_vectors(), "DeltaGram::append: the same number of vectors");
  num_elements_ += other.num_elements_;
  std::transform(sums_.begin(), sums_.end(), other.sums_.begin(), sums_.begin(), std::plus<>());
  std::transform(products_.begin(), products_.end(), other.products_.begin(), products_.begin(),
                 std::plus<>());
}

DeltaGram DeltaGram::combined(const std::vector<std::vector<double>>& rows) const {
  DeltaGram result(rows.size());
  result.num_elements_ = num_elements_;
  const std::size_t n = num_vectors();
  for (std::size_t r = 0; r < rows.size(); ++r) {
    check(rows[r].size() == n, "DeltaGram::combined: a factor for each vector");
    result.sums_[r] = std::inner_product(rows[r].begin(), rows[r].end(), sums_.begin(), 0.0);
    std::vector<double> with_each(n);  // inner products of u_r and v_j
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t i = 0; i < n; ++i) with_each[j] += rows[r][i] * product(i, j);
    }
    for (std::size_t s = 0; s <= r; ++s) {
      result.set_product(
          r, s, std::inner_product(rows[s].begin(), rows[s].end(), with_each.begin(), 0.0));
    }
  }
  return result;
}

Similarity similarity(const DeltaGram& gram, std::size_t a, std::size_t b) {
  Similarity found;
  found.norm_a = norm(gram, a);
  found.norm_b = norm(gram, b);
  const double squared = gram.product(a, a) + gram.product(b, b) - 2 * gram.product(a, b);
  found.euclid = std::sqrt(std::max(squared, 0.0));
  if (found.norm_b > 0) found.norm_ratio = found.norm_a / found.norm_b;
  if (found.norm_a > 0 && found.norm_b > 0) {
    found.cosine = std::clamp(gram.product(a, b) / (found.norm_a * found.norm_b), -1.0, 1.0);
  }
  if (varies(gram, a) && varies(gram, b)) {
    const double deviations =
        std::sqrt(centred_product(gram, a, a)) * std::sqrt(centred_product(gram, b, b));
    found.pcc = std::clamp(centred_product(gram, a, b) / deviations, -1.0, 1.0);
  }
  return found;
}

double norm(const DeltaGram& gram, std::size_t i) {
  return std::sqrt(std::max(gram.product(i, i), 0.0));
}

}  // namespace vlm
