#include "checkpoint/adapted_checkpoint.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.h"
#include "tensor/gemm.h"

namespace vlm {
namespace {

std::vector<float> floats_of(const TensorView& view) {
  std::vector<float> values(view.bytes.size() / element_size_bytes(view.dtype));
  read_floats(view, 0, values);
  return values;
}

// What b a changes, as a shape: [out, in ...], turned around if `is_transposed`.
Shape shape_of_product(const LoraUpdate& update, bool is_transposed) {
  Shape shape = update.a.shape;
  shape.front() = update.b.shape.front();
  if (is_transposed) std::reverse(shape.begin(), shape.end());
  return shape;
}

void add_transposed(const std::vector<float>& product, std::size_t rows, std::size_t cols,
                    std::span<float> out) {
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t col = 0; col < cols; ++col) {
      out[col * rows + row] += product[row * cols + col];
    }
  }
}

// out += scale * b a
void add_product(const LoraUpdate& update, std::span<float> out) {
  const std::vector<float> a = floats_of(update.a);
  std::vector<float> b = floats_of(update.b);
  for (float& value : b) value = static_cast<float>(double{value} * update.scale);
  const std::size_t rank = update.a.shape.front();
  const std::size_t rows = update.b.shape.front();
  const std::size_t cols = a.size() / rank;
  const MatrixView<const float> left(b, rows, rank);
  const MatrixView<const float> right(a, rank, cols);
  if (!update.is_transposed) {
    multiply_add(left, right, MatrixView<float>(out, rows, cols));
    return;
  }
  std::vector<float> product(rows * cols);
  multiply(left, right, MatrixView<float>(product, rows, cols));
  add_transposed(product, rows, cols, out);
}

void apply(const LoraUpdate& update, std::span<float> out) {
  switch (update.kind) {
    case LoraUpdateKind::kReplacement:
      read_floats(update.a, 0, out);
      break;
    case LoraUpdateKind::kSum: {
      const std::vector<float> values = floats_of(update.a);
      for (std::size_t i = 0; i < values.size(); ++i) {
        out[i] += static_cast<float>(double{values[i]} * update.scale);
      }
      break;
    }
    case LoraUpdateKind::kProduct:
      add_product(update, out);
      break;
  }
}

}  // namespace

AdaptedCheckpoint::AdaptedCheckpoint(std::shared_ptr<const Checkpoint> model,
                                     std::shared_ptr<const LoraAdapter> adapter)
    : model_(std::move(model)), adapter_(std::move(adapter)) {
  for (const LoraUpdate& update : adapter_->updates()) add_update(update);
}

void AdaptedCheckpoint::add_update(const LoraUpdate& update) {
  const TensorInfo* const info = model_->find(update.target);
  if (info == nullptr) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "adapter names a module that the model does not have: " + adapter_->directory().string() +
            ": " + update.target + " (model: " + model_->directory().string() + ")");
  }
  const Shape shape = update.kind == LoraUpdateKind::kProduct
                          ? shape_of_product(update, update.is_transposed)
                          : update.a.shape;
  if (shape != info->shape) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "adapter was trained on a model of other shapes: " + adapter_->directory().string() + ": " +
            update.target + ": " + to_string(shape) + ", but " + to_string(info->shape) + " in " +
            model_->directory().string());
  }
  updates_[info].push_back(&update);
}

void AdaptedCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  model_->read(info, out);
  const auto found = updates_.find(&info);
  if (found == updates_.end()) return;
  for (const LoraUpdate* const update : found->second) apply(*update, out);
}

std::vector<FileState> AdaptedCheckpoint::weight_files() const {
  std::vector<FileState> files = model_->weight_files();
  files.push_back(adapter_->weight_file());
  return files;
}

}  // namespace vlm
