#include "model/stored_tensors.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "core/error.h"

namespace vlm {
namespace {

// What tensors that are read at the same time may take besides their values.
constexpr std::size_t kFillBytes = std::size_t{1} << 30U;

const TensorInfo& locate(const Checkpoint& checkpoint, const std::string& name,
                         const Shape& shape) {
  const std::string& where = checkpoint.config().where;
  const TensorInfo* info = checkpoint.find(name);
  if (info == nullptr) {
    throw Error(ErrorCode::kNotFound, "missing tensor: " + where + ": " + name);
  }
  if (info->shape != shape) {
    throw Error(ErrorCode::kCorruptFile, "tensor of another shape than the config says: " + where +
                                             ": " + name + " is " + to_string(info->shape) +
                                             ", expected " + to_string(shape));
  }
  if (!is_floating(info->dtype)) {
    throw Error(ErrorCode::kCorruptFile, "expected a floating tensor: " + where + ": " + name +
                                             " is " + std::string(safetensors_name(info->dtype)));
  }
  return *info;
}

using Parts = std::vector<const TensorInfo*>;

Parts locate_all(const Checkpoint& checkpoint, const std::vector<std::string>& names,
                 const Shape& shape) {
  check(!names.empty(), "StoredTensors: a name");
  Parts parts;
  for (const std::string& name : names) parts.push_back(&locate(checkpoint, name, shape));
  return parts;
}

void read_parts(const Checkpoint& checkpoint, const Parts& parts, std::span<float> out) {
  const std::size_t part_size = out.size() / parts.size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    checkpoint.read(*parts[i], out.subspan(i * part_size, part_size));
  }
}

}  // namespace

std::size_t StoredTensors::Tensor::size() const noexcept {
  return matrix ? matrix->rows() * matrix->cols() : floats.size();
}

std::size_t StoredTensors::Tensor::value_bytes() const noexcept {
  return matrix ? matrix->value_bytes() : floats.size() * sizeof(float);
}

std::size_t StoredTensors::Tensor::fill_bytes() const noexcept {
  return matrix ? matrix->fill_bytes() : 0;
}

const WeightMatrix* StoredTensors::add_matrix(const Checkpoint& checkpoint,
                                              std::vector<std::string> names, const Shape& shape,
                                              WeightFormat format) {
  const Parts parts = locate_all(checkpoint, names, shape);
  auto matrix = make_weight(format, parts.size() * shape.at(0), shape.at(1));
  return tensors_.emplace_back(Tensor{std::move(names), shape, std::move(matrix), {}}).matrix.get();
}

MatrixView<const float> StoredTensors::add_floats(const Checkpoint& checkpoint,
                                                  std::vector<std::string> names,
                                                  const Shape& shape) {
  const Parts parts = locate_all(checkpoint, names, shape);
  const std::size_t rows = shape.front();
  Matrix<float> floats(parts.size() * rows, element_count(shape).value_or(0) / rows);
  Tensor& tensor =
      tensors_.emplace_back(Tensor{std::move(names), shape, nullptr, std::move(floats)});
  return std::as_const(tensor.floats).view();
}

std::span<const float> StoredTensors::add_vector(const Checkpoint& checkpoint,
                                                 std::vector<std::string> names, std::size_t size) {
  const MatrixView<const float> column = add_floats(checkpoint, std::move(names), {size});
  return {column.data(), column.rows()};
}

std::vector<std::vector<std::size_t>> StoredTensors::batches() const {
  std::vector<std::size_t> largest_first(tensors_.size());
  std::iota(largest_first.begin(), largest_first.end(), std::size_t{0});
  std::ranges::stable_sort(largest_first, [&](std::size_t a, std::size_t b) {
    return tensors_[a].size() > tensors_[b].size();
  });
  std::vector<std::vector<std::size_t>> batches;
  std::size_t bytes = 0;
  for (const std::size_t number : largest_first) {
    bytes += tensors_[number].fill_bytes();
    if (batches.empty() || bytes > kFillBytes) {
      batches.emplace_back();
      bytes = tensors_[number].fill_bytes();
    }
    batches.back().push_back(number);
  }
  return batches;
}

void StoredTensors::fill(const Checkpoint& checkpoint, ThreadPool& pool) {
  std::vector<Parts> parts;
  for (const Tensor& tensor : tensors_) {
    parts.push_back(locate_all(checkpoint, tensor.names, tensor.shape));
  }
  for (const std::vector<std::size_t>& batch : batches()) {
    pool.parallel_for(batch.size(), [&](std::size_t i) {
      Tensor& tensor = tensors_[batch[i]];
      const auto read = [&](std::span<float> out) { read_parts(checkpoint, parts[batch[i]], out); };
      tensor.matrix ? tensor.matrix->fill(read) : read(tensor.floats.values());
    });
  }
}

std::size_t StoredTensors::fill_bytes(const std::vector<std::size_t>& batch) const {
  std::size_t sum = 0;
  for (const std::size_t number : batch) sum += tensors_[number].fill_bytes();
  return sum;
}

StorageBytes StoredTensors::bytes() const {
  StorageBytes bytes;
  for (const Tensor& tensor : tensors_) bytes.values += tensor.value_bytes();
  for (const auto& batch : batches()) bytes.loading = std::max(bytes.loading, fill_bytes(batch));
  return bytes;
}

}  // namespace vlm
