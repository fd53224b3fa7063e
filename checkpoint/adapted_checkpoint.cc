#include "checkpoint/adapted_checkpoint.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "tensor/float32_kernels.h"
#include "tensor/transposed.h"

namespace vlm {
namespace {

// scale * b a, or its transpose, as the product of two small matrices.
class LowRankProduct {
 public:
  explicit LowRankProduct(const LoraUpdate& update)
      : left_(floats_of(update.b)), right_(floats_of(update.a)), rank_(update.a.shape.front()) {
    for (float& value : left_) value = static_cast<float>(double{value} * update.scale);
    if (!update.is_transposed) return;
    std::swap(left_, right_);
    left_ = transposed(left_, rank_);
    right_ = transposed(right_, right_.size() / rank_);
  }

  // Adds elements [first, first + out.size()): whole rows together, parts of rows alone.
  void add_to(std::size_t first, std::span<float> out) const {
    const std::size_t cols = right_.size() / rank_;
    const MatrixView<const float> left(left_, left_.size() / rank_, rank_);
    const MatrixView<const float> right(right_, rank_, cols);
    while (!out.empty()) {
      const std::size_t col = first % cols;
      const std::size_t rows = col == 0 && out.size() >= cols ? out.size() / cols : 1;
      const std::size_t width = std::min(cols - col, out.size());
      add_product(left.rows(first / cols, rows), right.columns(col, width),
                  MatrixView<float>(out.first(rows * width), rows, width));
      first += rows * width;
      out = out.subspan(rows * width);
    }
  }

 private:
  std::vector<float> left_;   // [rows, rank]
  std::vector<float> right_;  // [rank, cols]
  std::size_t rank_;
};

}  // namespace

// An update that any elements can be read with.
class AdaptedCheckpoint::PreparedUpdate {
 public:
  explicit PreparedUpdate(const LoraUpdate& update) : update_(update) {
    if (update.kind == LoraUpdateKind::kProduct) product_.emplace(update);
  }

  void apply(std::size_t first, std::span<float> out) const {
    switch (update_.kind) {
      case LoraUpdateKind::kReplacement:
        read_floats(update_.a, first, out);
        break;
      case LoraUpdateKind::kSum: {
        std::vector<float> values(out.size());
        read_floats(update_.a, first, values);
        for (std::size_t i = 0; i < values.size(); ++i) {
          out[i] += static_cast<float>(double{values[i]} * update_.scale);
        }
        break;
      }
      case LoraUpdateKind::kProduct:
        product_->add_to(first, out);
        break;
    }
  }

 private:
  const LoraUpdate& update_;
  std::optional<LowRankProduct> product_;
};

// The tensors of the model, and what is done to each.
class AdaptedCheckpoint::Reader final : public TensorReader {
 public:
  Reader(const AdaptedCheckpoint& checkpoint, std::span<const TensorInfo* const> tensors,
         ThreadPool& pool)
      : model_(checkpoint.model_->open_tensors(tensors, pool)) {
    for (const TensorInfo* const info : tensors) updates_.push_back(checkpoint.prepare(*info));
  }

  [[nodiscard]] std::size_t part_size(std::size_t index) const override {
    return model_->part_size(index);
  }
  [[nodiscard]] std::optional<DType> exact_dtype(std::size_t index) const override {
    return updates_[index].empty() ? model_->exact_dtype(index) : std::nullopt;
  }
  [[nodiscard]] std::span<const Bfloat16> bfloat16(std::size_t index) const override {
    return updates_[index].empty() ? model_->bfloat16(index) : std::span<const Bfloat16>();
  }
  void read(std::size_t index, std::size_t first, std::span<float> out) const override {
    model_->read(index, first, out);
    for (const PreparedUpdate& update : updates_[index]) update.apply(first, out);
  }

 private:
  std::unique_ptr<TensorReader> model_;
  std::vector<Updates> updates_;
};

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
  const Shape shape = changed_shape(update);
  if (shape != info->shape) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "adapter was trained on a model of other shapes: " + adapter_->directory().string() + ": " +
            update.target + ": " + to_string(shape) + ", but " + to_string(info->shape) + " in " +
            model_->directory().string());
  }
  updates_[info].push_back(&update);
}

AdaptedCheckpoint::Updates AdaptedCheckpoint::prepare(const TensorInfo& info) const {
  Updates prepared;
  const auto found = updates_.find(&info);
  if (found == updates_.end()) return prepared;
  for (const LoraUpdate* const update : found->second) prepared.emplace_back(*update);
  return prepared;
}

void AdaptedCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  model_->read(info, out);
  for (const PreparedUpdate& update : prepare(info)) update.apply(0, out);
}

std::unique_ptr<TensorReader> AdaptedCheckpoint::open_tensors(
    std::span<const TensorInfo* const> tensors, ThreadPool& pool) const {
  return std::make_unique<Reader>(*this, tensors, pool);
}

std::string AdaptedCheckpoint::origin(const TensorInfo& info) const {
  std::string origin = model_->origin(info);
  if (!origin.empty() && updates_.contains(&info)) {
    origin += " + " + to_string(adapter_->config_file()) + " " + to_string(adapter_->weight_file());
  }
  return origin;
}

std::uint64_t AdaptedCheckpoint::adapter_bytes(const TensorInfo& info) const {
  std::uint64_t bytes = 0;
  const auto found = updates_.find(&info);
  if (found == updates_.end()) return bytes;
  for (const LoraUpdate* const update : found->second) {
    bytes += update->a.bytes.size() + update->b.bytes.size();
  }
  return bytes;
}

std::vector<FileState> AdaptedCheckpoint::weight_files() const {
  std::vector<FileState> files = model_->weight_files();
  files.push_back(adapter_->config_file());
  files.push_back(adapter_->weight_file());
  return files;
}

}  // namespace vlm
