#pragma once

// Non-owning, row-major, 2-D views. Pass by value; the owner must outlive the view.

#include <cstddef>
#include <span>
#include <type_traits>

#include "core/check.h"

namespace vlm {

template <typename T>
class MatrixView {
 public:
  MatrixView(T* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {
    check(stride >= cols, "MatrixView: stride >= cols");
  }
  MatrixView(std::span<T> data, std::size_t rows, std::size_t cols)
      : MatrixView(data.data(), rows, cols, cols) {
    check(cols == 0 || data.size() / cols >= rows, "MatrixView: data covers rows * cols");
  }
  // A view of mutable elements is also a view of constant ones.
  operator MatrixView<const T>() const  // NOLINT(google-explicit-constructor)
      requires(!std::is_const_v<T>) {
    return {data_, rows_, cols_, stride_};
  }

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t cols() const noexcept { return cols_; }
  [[nodiscard]] std::size_t stride() const noexcept { return stride_; }
  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] std::span<T> row(std::size_t r) const noexcept {
    return {data_ + r * stride_, cols_};
  }
  // Rows [first, first + count) and columns [first, first + count), as views of the same elements.
  // REQUIRES: the range inside the view.
  [[nodiscard]] MatrixView rows(std::size_t first, std::size_t count) const noexcept {
    check(first <= rows_ && count <= rows_ - first, "MatrixView::rows: range");
    return {data_ + first * stride_, count, cols_, stride_};
  }
  [[nodiscard]] MatrixView columns(std::size_t first, std::size_t count) const noexcept {
    check(first <= cols_ && count <= cols_ - first, "MatrixView::columns: range");
    return {data_ + first, rows_, count, stride_};
  }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;  // elements between the starts of two rows, >= cols_
};

}  // namespace vlm
