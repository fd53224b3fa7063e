#include "checkpoint/checkpoint.h"

#include <algorithm>

namespace vlm {

Layout Checkpoint::layout() const {
  return Layout(config().is_vlm() ? LayoutKind::kLlavaHub : LayoutKind::kPlainText);
}

const TensorInfo* Checkpoint::find(std::string_view name) const {
  const std::vector<TensorInfo>& all = tensors();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const TensorInfo& info) { return info.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace vlm
