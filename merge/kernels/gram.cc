#include "merge/kernels/gram.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "merge/kernels/delta_sums.h"
#include "merge/kernels/reduce.h"
#include "merge/kernels/weighted_sums.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock =
    2048;  // elements of each vector that are worked on at once, in cache

template <typename Value>
void add_products(const std::vector<std::span<const Value>>& vectors, GramMatrix& gram) {
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    for (std::size_t j = i; j < vectors.size(); ++j) gram.add(i, j, dot(vectors[i], vectors[j]));
  }
}

template <typename Value>
GramMatrix gram_of_values(const std::vector<std::span<const Value>>& vectors,
                          std::span<const Value> base) {
  const std::size_t count = vectors.size();
  GramMatrix gram(count);
  const std::size_t size = count == 0 ? 0 : vectors.front().size();
  std::vector<float> memory(base.empty() ? 0 : count * std::min(kBlock, size));
  Vectors deltas(count);
  for (std::size_t first = 0; first < size; first += kBlock) {
    const auto block = part_of(vectors, first, std::min(kBlock, size - first));
    const std::size_t length = block.front().size();
    for (std::size_t i = 0; i < count && !base.empty(); ++i) {
      const auto delta = std::span(memory).subspan(i * length, length);
      subtract(block[i], base.subspan(first, length), delta);
      deltas[i] = delta;
    }
    base.empty() ? add_products(block, gram) : add_products(deltas, gram);
  }
  return gram;
}

template <typename Value>
void combine_values(const std::vector<std::span<const Value>>& vectors, std::span<const Value> base,
                    std::span<const double> coefficients, std::span<float> out) {
  if (base.empty()) return weighted_sum(weighted_terms<double>(vectors, coefficients), 1.0F, out);
  std::vector<WeightedDelta<Value>> deltas;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const auto weight = static_cast<float>(coefficients[i]);
    if (weight == 0.0F) continue;
    deltas.emplace_back().values = vectors[i];
    deltas.back().weight = weight;
  }
  add_deltas(base, deltas, 1.0F, 1.0F, out);
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

GramMatrix gram_matrix(const Vectors& vectors, std::span<const float> base) {
  return gram_of_values(vectors, base);
}

GramMatrix gram_matrix(const Bfloat16Vectors& vectors, std::span<const Bfloat16> base) {
  return gram_of_values(vectors, base);
}

void combine(const Vectors& vectors, std::span<const float> base,
             std::span<const double> coefficients, std::span<float> out) {
  combine_values(vectors, base, coefficients, out);
}

void combine(const Bfloat16Vectors& vectors, std::span<const Bfloat16> base,
             std::span<const double> coefficients, std::span<float> out) {
  combine_values(vectors, base, coefficients, out);
}

}  // namespace vlm
