#pragma once

// Methods that stay in the span of their inputs (slerp, Karcher mean, Model Stock) need nothing of
// the tensors but their inner products; the result is one linear combination.

#include <cstddef>
#include <span>
#include <vector>

#include "merge/kernels/elementwise.h"

namespace vlm {

using Bfloat16Vectors = std::vector<std::span<const Bfloat16>>;  // all of one length

// The inner products of k vectors, in double.
class GramMatrix {
 public:
  explicit GramMatrix(std::size_t size) : size_(size), products_(size * size) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] double at(std::size_t i, std::size_t j) const { return products_[i * size_ + j]; }
  void add(std::size_t i, std::size_t j, double product);  // to (i, j) and (j, i)
  // Adds the products of further elements of the same vectors. REQUIRES: the same size.
  void add(const GramMatrix& other);

  // The inner product of sum_i a_i x_i and sum_i b_i x_i.
  [[nodiscard]] double product(std::span<const double> a, std::span<const double> b) const;
  // The norm of sum_i a_i x_i.
  [[nodiscard]] double norm(std::span<const double> a) const;

 private:
  std::size_t size_;
  std::vector<double> products_;
};

// Memory of add_gram_matrix() between its calls.
struct GramScratch {
  std::vector<float> memory;
  Vectors deltas;
};

// Adds the products of the vectors, or of their differences from `base` unless that is empty, to
// those of `gram`. REQUIRES: gram.size() == vectors.size().
void add_gram_matrix(const Vectors& vectors, std::span<const float> base, GramScratch& scratch,
                     GramMatrix& gram);
void add_gram_matrix(const Bfloat16Vectors& vectors, std::span<const Bfloat16> base,
                     GramScratch& scratch, GramMatrix& gram);

// out = sum_i c_i x_i, or base + sum_i c_i (x_i - base) unless `base` is empty.
void combine(const Vectors& vectors, std::span<const float> base,
             std::span<const double> coefficients, std::span<float> out);
void combine(const Bfloat16Vectors& vectors, std::span<const Bfloat16> base,
             std::span<const double> coefficients, std::span<float> out);

// Elements [first, first + count) of each.
template <typename Value>
std::vector<std::span<const Value>> part_of(const std::vector<std::span<const Value>>& vectors,
                                            std::size_t first, std::size_t count) {
  std::vector<std::span<const Value>> parts;
  parts.reserve(vectors.size());
  for (const std::span<const Value> vector : vectors) parts.push_back(vector.subspan(first, count));
  return parts;
}

}  // namespace vlm
