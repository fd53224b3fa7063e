#include "merge/kernels/gram.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "merge/kernels/reduce.h"
#include "merge/kernels/weighted_sums.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock =
    2048;  // elements of each vector that are worked on at once, in cache

template <typename Value>
void combine_values(const std::vector<std::span<const Value>>& vectors, std::span<const Value> base,
                    std::span<const double> coefficients, std::span<float> out) {
  const auto terms = weighted_terms<double>(vectors, coefficients);
  if (base.empty()) {
    weighted_sum(terms, 1.0F, out);
  } else {
    add_task_vectors(base, terms, 1.0F, out);
  }
}

}  // namespace

void GramMatrix::add(std::size_t i, std::size_t j, double product) {
  products_[i * size_ + j] += product;
  if (i != j) products_[j * size_ + i] += product;
}

void GramMatrix::add(const GramMatrix& other) {
  std::transform(products_.begin(), products_.end(), other.products_.begin(), products_.begin(),
                 std::plus<>());
}

double GramMatrix::product(std::span<const double> a, std::span<const double> b) const {
  double sum = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    for (std::size_t j = 0; j < size_; ++j) sum += a[i] * b[j] * at(i, j);
  }
  return sum;
}

double GramMatrix::norm(std::span<const double> a) const {
  return std::sqrt(std::max(0.0, product(a, a)));
}

GramMatrix gram_matrix(const Vectors& vectors, std::span<const float> base,
                       std::span<float> buffers) {
  const std::size_t count = vectors.size();
  GramMatrix gram(count);
  const std::size_t size = count == 0 ? 0 : vectors.front().size();
  for (std::size_t first = 0; first < size; first += kBlock) {
    Vectors block = part_of(vectors, first, std::min(kBlock, size - first));
    for (std::size_t i = 0; i < count && !base.empty(); ++i) {
      const auto difference = buffers.subspan(i * block[i].size(), block[i].size());
      subtract(block[i], base.subspan(first, block[i].size()), difference);
      block[i] = difference;
    }
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = i; j < count; ++j) gram.add(i, j, dot(block[i], block[j]));
    }
  }
  return gram;
}

void combine(const Vectors& vectors, std::span<const float> base,
             std::span<const double> coefficients, std::span<float> out) {
  combine_values(vectors, base, coefficients, out);
}

void combine(const Bfloat16Vectors& vectors, std::span<const Bfloat16> base,
             std::span<const double> coefficients, std::span<float> out) {
  combine_values(vectors, base, coefficients, out);
}

Vectors part_of(const Vectors& vectors, std::size_t first, std::size_t count) {
  Vectors parts;
  parts.reserve(vectors.size());
  for (const std::span<const float> vector : vectors) parts.push_back(vector.subspan(first, count));
  return parts;
}

}  // namespace vlm
