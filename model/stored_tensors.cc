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

const TensorInfo& locate(const Checkpoint& checkpoint, const WantedTensor& wanted) {
  const std::string& where = checkpoint.config().where;
  const TensorInfo* info = checkpoint.find(wanted.name);
  if (info == nullptr) {
    throw Error(ErrorCode::kNotFound, "missing tensor: " + where + ": " + wanted.name);
  }
  if (info->shape != wanted.shape) {
    throw Error(ErrorCode::kCorruptFile, "tensor of another shape than the config says: " + where +
                                             ": " + wanted.name + " is " + to_string(info->shape) +
                                             ", expected " + to_string(wanted.shape));
  }
  if (!is_floating(info->dtype)) {
    throw Error(ErrorCode::kCorruptFile, "expected a floating tensor: " + where + ": " +
                                             wanted.name + " is " +
                                             std::string(safetensors_name(info->dtype)));
  }
  return *info;
}

using Parts = std::vector<const TensorInfo*>;

Parts locate_all(const Checkpoint& checkpoint, const std::vector<WantedTensor>& wanted) {
  Parts parts;
  for (const WantedTensor& part : wanted) parts.push_back(&locate(checkpoint, part));
  return parts;
}

// Values of one row; the parts agree in it.
std::size_t row_size(const std::vector<WantedTensor>& parts) {
  check(!parts.empty(), "StoredTensors: a tensor");
  const auto of = [](const WantedTensor& part) {
    return element_count(part.shape).value_or(0) / part.rows();
  };
  const std::size_t size = of(parts.front());
  check(std::ranges::all_of(parts, [&](const WantedTensor& part) { return of(part) == size; }),
        "StoredTensors: tensors that differ in the number of rows alone");
  return size;
}

std::size_t num_rows(const std::vector<WantedTensor>& parts) {
  std::size_t rows = 0;
  for (const WantedTensor& part : parts) rows += part.rows();
  return rows;
}

void read_parts(const Checkpoint& checkpoint, const Parts& parts, std::span<float> out) {
  for (const TensorInfo* part : parts) {
    const std::size_t size = element_count(part->shape).value_or(0);
    checkpoint.read(*part, out.first(size));
    out = out.subspan(size);
  }
}

// Of tensors together; "" if one is unknown.
std::string origin_of(const Checkpoint& checkpoint, const Parts& parts) {
  std::string all;
  for (const TensorInfo* const part : parts) {
    const std::string origin = checkpoint.origin(*part);
    if (origin.empty()) return "";
    all += origin + "\n";
  }
  return all;
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
                                              std::vector<WantedTensor> parts,
                                              WeightFormat format) {
  locate_all(checkpoint, parts);
  auto matrix = make_weight(format, num_rows(parts), row_size(parts));
  return tensors_.emplace_back(Tensor{std::move(parts), std::move(matrix), {}, {}}).matrix.get();
}

MatrixView<const float> StoredTensors::add_floats(const Checkpoint& checkpoint,
                                                  std::vector<WantedTensor> parts) {
  locate_all(checkpoint, parts);
  Matrix<float> floats(num_rows(parts), row_size(parts));
  Tensor& tensor = tensors_.emplace_back(Tensor{std::move(parts), nullptr, std::move(floats), {}});
  return std::as_const(tensor.floats).view();
}

std::span<const float> StoredTensors::add_vector(const Checkpoint& checkpoint,
                                                 std::vector<WantedTensor> parts) {
  const MatrixView<const float> column = add_floats(checkpoint, std::move(parts));
  return {column.data(), column.rows()};
}

LinearWeights StoredTensors::add_linears(const Checkpoint& checkpoint,
                                         const std::vector<WantedTensor>& modules,
                                         WeightFormat format, bool biased) {
  std::vector<WantedTensor> weights;
  std::vector<WantedTensor> biases;
  for (const WantedTensor& module : modules) {
    weights.push_back({module.name + ".weight", module.shape});
    biases.push_back({module.name + ".bias", {module.rows()}});
  }
  const WeightMatrix* weight = add_matrix(checkpoint, std::move(weights), format);
  if (!biased) return {weight, {}};
  return {weight, add_vector(checkpoint, std::move(biases))};
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
    parts.push_back(locate_all(checkpoint, tensor.parts));
  }
  const std::vector<std::string> origins = start_filling(checkpoint, parts);
  for (const std::vector<std::size_t>& batch : batches()) {
    pool.parallel_for(batch.size(), [&](std::size_t i) {
      Tensor& tensor = tensors_[batch[i]];
      if (!tensor.origin.empty()) return;
      const auto read = [&](std::span<float> out) { read_parts(checkpoint, parts[batch[i]], out); };
      tensor.matrix ? tensor.matrix->fill(read) : read(tensor.floats.values());
    });
  }
  for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].origin = origins[i];
}

// Forgets the origin of what will be read anew, which a failure leaves undefined.
std::vector<std::string> StoredTensors::start_filling(
    const Checkpoint& checkpoint, const std::vector<std::vector<const TensorInfo*>>& parts) {
  std::vector<std::string> origins;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    origins.push_back(origin_of(checkpoint, parts[i]));
    if (tensors_[i].origin != origins.back()) tensors_[i].origin.clear();
  }
  return origins;
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
