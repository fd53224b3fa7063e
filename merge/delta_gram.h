#pragma once

// The numbers behind model kinship (arXiv 2410.12613): sums, inner products and so all similarities
// of parameter deltas. They add up over tensors and follow linear combinations, so a pass over the
// weights is needed once.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace vlm {

// Sums over the elements of vectors v_0 = theta_0 (the base's parameters) and, for each model i =
// 1, 2, ..., v_i = theta_i - theta_0. In double.
class DeltaGram {
 public:
  // Of vectors without elements.
  explicit DeltaGram(std::size_t num_vectors);

  [[nodiscard]] std::size_t num_vectors() const noexcept { return sums_.size(); }
  [[nodiscard]] std::size_t num_elements() const noexcept { return num_elements_; }
  // The sum of v_i.
  [[nodiscard]] double sum(std::size_t i) const { return sums_[i]; }
  // The inner product of v_i and v_j.
  [[nodiscard]] double product(std::size_t i, std::size_t j) const {
    return products_[i * num_vectors() + j];
  }

  // Appends elements: vectors[i] are those of v_i. Sums have a fixed order.
  // REQUIRES: num_vectors() spans of one length.
  void append(std::span<const std::span<const double>> vectors);
  // Appends the elements that `other` was made of. REQUIRES: the same number of vectors.
  void append(const DeltaGram& other);

  // Of the vectors u_r = sum_i rows[r][i] v_i. REQUIRES: rows of num_vectors() factors.
  [[nodiscard]] DeltaGram combined(const std::vector<std::vector<double>>& rows) const;

 private:
  // Sets the product of v_i and v_j, and so that of v_j and v_i.
  void set_product(std::size_t i, std::size_t j, double value) {
    products_[i * num_vectors() + j] = value;
    products_[j * num_vectors() + i] = value;
  }

  std::size_t num_elements_ = 0;
  std::vector<double> sums_;
  std::vector<double> products_;  // [num_vectors, num_vectors], symmetric
};

// How two deltas relate. Undefined values (a delta of norm 0, or for the correlation one without
// variance) are absent.
struct Similarity {
  std::optional<double> pcc;     // Pearson's correlation
  std::optional<double> cosine;  // with its sign
  double euclid = 0;             // |v_a - v_b|, which is the distance of the models
  double norm_a = 0;
  double norm_b = 0;
  std::optional<double> norm_ratio;  // |v_a| / |v_b|
};

// Of v_a and v_b. The relative error of `euclid` grows with the square of norm / distance.
Similarity similarity(const DeltaGram& gram, std::size_t a, std::size_t b);

// |v_i|
double norm(const DeltaGram& gram, std::size_t i);

}  // namespace vlm
