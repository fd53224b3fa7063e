#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "merge/kernels/gram.h"
#include "merge/methods/input_span.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr double kSmallestSine = 1e-9;  // opposite points: no direction is the shortest

// A point of the inputs' span: sum_i c_i x_i.
using Coefficients = std::vector<double>;

void divide_all(Coefficients& point, double by) {
  for (double& each : point) each /= by;
}

class KarcherMean {
 public:
  KarcherMean(const GramMatrix& gram, double tolerance) : gram_(gram), tolerance_(tolerance) {
    for (std::size_t i = 0; i < gram.size(); ++i) {
      const double norm = std::sqrt(gram.at(i, i));
      mean_norm_ += norm / static_cast<double>(gram.size());
      if (norm <= tolerance) continue;
      Coefficients direction(gram.size());
      direction[i] = 1.0 / norm;
      directions_.push_back(std::move(direction));
    }
  }

  // The mean direction times the mean norm; zeros if no input has a direction.
  [[nodiscard]] Coefficients find(std::size_t max_iterations) const {
    if (directions_.empty()) return Coefficients(gram_.size());
    Coefficients point = start();
    for (std::size_t i = 0; i < max_iterations; ++i) {
      const Coefficients tangent = mean_tangent(point);
      const double length = gram_.norm(tangent);
      if (length < tolerance_) break;
      for (std::size_t j = 0; j < point.size(); ++j) {
        point[j] = std::cos(length) * point[j] + std::sin(length) / length * tangent[j];
      }
      divide_all(point, gram_.norm(point));
    }
    for (double& each : point) each *= mean_norm_;
    return point;
  }

 private:
  [[nodiscard]] Coefficients start() const {
    Coefficients sum(gram_.size());
    for (const Coefficients& direction : directions_) {
      for (std::size_t i = 0; i < sum.size(); ++i) {
        sum[i] += direction[i] / static_cast<double>(directions_.size());
      }
    }
    const double norm = gram_.norm(sum);
    if (norm < tolerance_) return directions_.front();
    divide_all(sum, norm);
    return sum;
  }

  // The mean of the logarithms of the inputs at `point`.
  [[nodiscard]] Coefficients mean_tangent(const Coefficients& point) const {
    Coefficients tangent(gram_.size());
    for (const Coefficients& direction : directions_) {
      const double cosine = std::clamp(gram_.product(direction, point), -1.0, 1.0);
      const double angle = std::acos(cosine);
      const double sine = std::sin(angle);
      if (angle < tolerance_ || sine < kSmallestSine) continue;
      const double factor = angle / sine / static_cast<double>(gram_.size());
      for (std::size_t i = 0; i < tangent.size(); ++i) {
        tangent[i] += factor * (direction[i] - cosine * point[i]);
      }
    }
    return tangent;
  }

  const GramMatrix& gram_;
  double tolerance_;
  double mean_norm_ = 0;
  std::vector<Coefficients> directions_;  // of length 1
};

BlockMerge start_karcher(const TensorMerge& task, ThreadPool& pool) {
  const GramMatrix gram = gram_of(task, pool);
  const KarcherMean mean(gram, task.parameters.at("tol"));
  return combine_models(mean.find(static_cast<std::size_t>(task.parameters.at("max_iter"))));
}

}  // namespace

MergeMethod karcher_method() {
  return {.name = "karcher",
          .paper = "Karcher, CPAM 1977, \"Riemannian center of mass\"",
          .formula =
              "the point of the sphere with the smallest sum of squared arcs to all tensors, times "
              "their mean norm; every model counts alike, a base_model too",
          .base = BaseRole::kOrdinary,
          .min_models = 1,
          .max_models = 64,
          .parameters = {number_in("max_iter", ParameterScope::kGlobal, {0, 100'000}, 10,
                                   "steps at most"),
                         number_in("tol", ParameterScope::kGlobal, {0, 1}, 1e-5,
                                   "a shorter step is the last; shorter tensors have no direction"),
                         int8_mask_parameter()},
          .start = start_karcher,
          .complaint = nullptr};
}

}  // namespace vlm
