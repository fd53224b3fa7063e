#pragma once

// A weight [out, in] of a linear layer as a model uses it: multiplied by, read by rows, filled from
// a checkpoint. How the numbers are kept is the format's matter.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/thread_pool.h"
#include "tensor/matrix_view.h"

namespace vlm {

enum class WeightFormat : std::uint8_t { kFloat32, kBfloat16, kInt8 };

// "float32", "bfloat16", "int8": names on the command line.
std::string_view weight_format_name(WeightFormat format) noexcept;
std::optional<WeightFormat> weight_format_from_name(std::string_view name) noexcept;
std::vector<std::string> weight_format_names();

// multiply() and read_row() may be called from several threads at once.
class WeightMatrix {
 public:
  // Writes all values in row-major order.
  using Reader = std::function<void(std::span<float>)>;

  WeightMatrix(std::size_t rows, std::size_t cols) noexcept : rows_(rows), cols_(cols) {}
  virtual ~WeightMatrix() = default;
  WeightMatrix(const WeightMatrix&) = delete;
  WeightMatrix& operator=(const WeightMatrix&) = delete;
  WeightMatrix(WeightMatrix&&) = delete;
  WeightMatrix& operator=(WeightMatrix&&) = delete;

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t cols() const noexcept { return cols_; }

  // Takes the memory for the values of `read`, or replaces those there are in it.
  virtual void fill(const Reader& read) = 0;
  // Memory of the values once they are there, and what fill() takes besides, while it runs.
  [[nodiscard]] virtual std::size_t value_bytes() const noexcept = 0;
  [[nodiscard]] virtual std::size_t fill_bytes() const noexcept = 0;

  // Writes one row, out [cols]. REQUIRES: row < rows().
  virtual void read_row(std::size_t row, std::span<float> out) const noexcept = 0;

  // out = x * weight^T: x [m, cols], out [m, rows]; out must not overlap x. The result is the same
  // for any number of threads.
  virtual void multiply(MatrixView<const float> x, MatrixView<float> out,
                        ThreadPool& pool) const = 0;

 private:
  std::size_t rows_;
  std::size_t cols_;
};

// A weight without values: fill() comes first. REQUIRES: rows, cols > 0.
std::unique_ptr<WeightMatrix> make_weight(WeightFormat format, std::size_t rows, std::size_t cols);

}  // namespace vlm
