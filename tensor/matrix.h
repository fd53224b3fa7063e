#pragma once

// Owning, row-major, 64-byte aligned 2-D arrays. Views: tensor/matrix_view.h.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <span>

#include "core/check.h"
#include "tensor/matrix_view.h"

namespace vlm {

// Owns rows * cols elements without padding, value-initialised. Moves; copies only by clone().
// `memory` is where they lie; it must outlive the matrix.
template <typename T>
class Matrix {
 public:
  using Memory = std::pmr::memory_resource;

  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols, Memory& memory = *std::pmr::new_delete_resource()) {
    *this = for_overwrite(rows, cols, memory);
    std::uninitialized_value_construct_n(data_.get(), size());
  }

  // Elements have no value before they are written.
  [[nodiscard]] static Matrix for_overwrite(std::size_t rows, std::size_t cols,
                                            Memory& memory = *std::pmr::new_delete_resource()) {
    Matrix matrix;
    matrix.rows_ = rows;
    matrix.cols_ = cols;
    std::size_t count = 0;
    check(!__builtin_mul_overflow(rows, cols, &count), "Matrix: rows * cols fits");
    if (count == 0) return matrix;
    matrix.data_ = {static_cast<T*>(memory.allocate(count * sizeof(T), kAlignment)),
                    Deleter{&memory, count * sizeof(T)}};
    std::uninitialized_default_construct_n(matrix.data_.get(), count);
    return matrix;
  }

  [[nodiscard]] Matrix clone() const {
    Matrix copy(rows_, cols_, memory());
    std::copy_n(data_.get(), size(), copy.data_.get());
    return copy;
  }

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t cols() const noexcept { return cols_; }
  [[nodiscard]] std::size_t size() const noexcept { return rows_ * cols_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  // Where they lie: for an empty matrix the heap.
  [[nodiscard]] Memory& memory() const noexcept {
    Memory* const used = data_.get_deleter().memory;
    return used == nullptr ? *std::pmr::new_delete_resource() : *used;
  }

  [[nodiscard]] std::span<T> values() noexcept { return {data_.get(), size()}; }
  [[nodiscard]] std::span<const T> values() const noexcept { return {data_.get(), size()}; }
  [[nodiscard]] std::span<T> row(std::size_t r) noexcept {
    return {data_.get() + r * cols_, cols_};
  }
  [[nodiscard]] std::span<const T> row(std::size_t r) const noexcept {
    return {data_.get() + r * cols_, cols_};
  }
  [[nodiscard]] MatrixView<T> view() noexcept { return {data_.get(), rows_, cols_, cols_}; }
  [[nodiscard]] MatrixView<const T> view() const noexcept {
    return {data_.get(), rows_, cols_, cols_};
  }
  // The first `count` rows. REQUIRES: count <= rows().
  [[nodiscard]] MatrixView<T> first_rows(std::size_t count) noexcept {
    check(count <= rows_, "Matrix::first_rows: count <= rows");
    return {data_.get(), count, cols_, cols_};
  }

 private:
  static constexpr std::size_t kAlignment = 64;
  struct Deleter {
    void operator()(T* pointer) const noexcept {
      memory->deallocate(pointer, size_bytes, kAlignment);
    }
    Memory* memory = nullptr;
    std::size_t size_bytes = 0;
  };

  std::unique_ptr<T, Deleter> data_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
};

}  // namespace vlm
