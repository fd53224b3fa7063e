#include "merge/adapter_deltas.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace vlm {

void ZeroCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  read_part(info, 0, out);
}

void ZeroCheckpoint::read_part(const TensorInfo& /*info*/, std::size_t /*first*/,
                               std::span<float> out) const {
  std::ranges::fill(out, 0.0F);
}

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
  changed_.read(info, out);
  if (!saved_whole_.contains(info.name)) return;
  std::vector<float> before(out.size());
  base_->read(*base_->find(info.name), before);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] -= before[i];
}

}  // namespace vlm
