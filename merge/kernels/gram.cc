#include "merge/kernels/gram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "merge/kernels/delta_sums.h"
#include "merge/kernels/reduce.h"
#include "merge/kernels/weighted_sums.h"

namespace vlm {
namespace {

// Elements of each vector that are worked on at once, in cache.
constexpr std::size_t kBlock = 2048;
constexpr std::size_t kMostAtOnce = 12;  // products that are added together

template <typename Value>
void add_inner_products(const std::vector<std::span<const Value>>& vectors, GramMatrix& gram) {
  std::array<double, kMostAtOnce> products{};
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    for (std::size_t j = i; j < vectors.size(); j += kMostAtOnce) {
      const std::size_t count = std::min(kMostAtOnce, vectors.size() - j);
      dots(vectors[i], std::span(vectors).subspan(j, count), std::span(products).first(count));
      for (std::size_t k = 0; k < count; ++k) gram.add(i, j + k, products[k]);
    }
  }
}

template <typename Value>
void add_gram_of_values(const std::vector<std::span<const Value>>& vectors,
                        std::span<const Value> base, GramScratch& scratch, GramMatrix& gram) {
  const std::size_t count = vectors.size();
  const std::size_t size = count == 0 ? 0 : vectors.front().size();
  if (base.empty() && size <= kBlock) return add_inner_products(vectors, gram);
  scratch.memory.resize(base.empty() ? 0 : count * std::min(kBlock, size));
  scratch.deltas.resize(count);
  for (std::size_t first = 0; first < size; first += kBlock) {
    const std::size_t length = std::min(kBlock, size - first);
    if (base.empty()) {
      add_inner_products(part_of(vectors, first, length), gram);
      continue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto delta = std::span(scratch.memory).subspan(i * length, length);
      subtract(vectors[i].subspan(first, length), base.subspan(first, length), delta);
      scratch.deltas[i] = delta;
    }
    add_inner_products(scratch.deltas, gram);
  }
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

void add_gram_matrix(const Vectors& vectors, std::span<const float> base, GramScratch& scratch,
                     GramMatrix& gram) {
  add_gram_of_values(vectors, base, scratch, gram);
}

void add_gram_matrix(const Bfloat16Vectors& vectors, std::span<const Bfloat16> base,
                     GramScratch& scratch, GramMatrix& gram) {
  add_gram_of_values(vectors, base, scratch, gram);
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
