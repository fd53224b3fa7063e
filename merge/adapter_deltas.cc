#include "merge/adapter_deltas.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.h"
#include "core/thread_pool.h"

namespace vlm {

void ZeroCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  read_part(info, 0, out);
}

void ZeroCheckpoint::read_part(const TensorInfo& /*info*/, std::size_t /*first*/,
                               std::span<float> out) const {
  std::ranges::fill(out, 0.0F);
}

// The adapter on zeros, less the base of what it has saved whole.
class AdapterDeltas::Reader final : public TensorReader {
 public:
  Reader(const AdapterDeltas& deltas, std::span<const TensorInfo* const> tensors, ThreadPool& pool)
      : changed_(deltas.changed_.open_tensors(tensors, pool)), bases_(tensors.size()) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!deltas.saved_whole_.contains(tensors[i]->name)) continue;
      const std::array base{deltas.base_->find(tensors[i]->name)};
      bases_[i] = deltas.base_->open_tensors(base, pool);
    }
  }

  [[nodiscard]] std::size_t part_size(std::size_t index) const override {
    return bases_[index] == nullptr ? changed_->part_size(index) : bases_[index]->part_size(0);
  }
  void read(std::size_t index, std::size_t first, std::span<float> out) const override {
    changed_->read(index, first, out);
    if (bases_[index] == nullptr) return;
    std::vector<float> before(out.size());
    bases_[index]->read(0, first, before);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] -= before[i];
  }

 private:
  std::unique_ptr<TensorReader> changed_;
  std::vector<std::unique_ptr<TensorReader>> bases_;  // null: zeros
};

AdapterDeltas::AdapterDeltas(std::shared_ptr<const ZeroCheckpoint> zeros,
                             const std::shared_ptr<const LoraAdapter>& adapter,
                             std::shared_ptr<const Checkpoint> base)
    : directory_(adapter->directory()),
      changed_(std::move(zeros), adapter),
      base_(std::move(base)) {
  for (const LoraUpdate& update : adapter->updates()) {
    if (update.kind == LoraUpdateKind::kReplacement) saved_whole_.insert(update.target);
  }
  check(saved_whole_.empty() || base_ != nullptr, "AdapterDeltas: a base for what is saved whole");
}

void AdapterDeltas::read(const TensorInfo& info, std::span<float> out) const {
  ThreadPool alone(1);
  const std::array tensors{&info};
  open_tensors(tensors, alone)->read(0, 0, out);
}

std::unique_ptr<TensorReader> AdapterDeltas::open_tensors(
    std::span<const TensorInfo* const> tensors, ThreadPool& pool) const {
  return std::make_unique<Reader>(*this, tensors, pool);
}

}  // namespace vlm
