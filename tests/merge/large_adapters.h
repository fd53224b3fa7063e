#pragma once

// Adapters that have saved large tensors whole.

#include <array>
#include <memory>
#include <string>

#include "merge/model_pool.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/large_tensors.h"
#include "tests/merge/made_up_models.h"
#include "tests/merge/written_adapter.h"

namespace vlm {

// All tensors of the base are large_values(1), of "one" large_values(0.3), of "other"
// large_values(0.7).
class LargeAdapters {
 public:
  static constexpr std::array kTensors{"text/lm_head.weight", "text/model.embed_tokens.weight"};
  static constexpr const char* kRecipe =
      "merge_method: task_arithmetic\nbase_model: base\nmodels:\n"
      "- {model: one, parameters: {weight: 0.5}}\n"
      "- {model: other, parameters: {weight: 0.25}}\n";

  LargeAdapters() {
    for (const char* const tensor : kTensors) base_->add(tensor, kLargeShape, large_values(1));
    write("one", 0.3F);
    write("other", 0.7F);
  }

  [[nodiscard]] ModelPool models() const {
    return {[base = base_](const std::string&) { return base; }, folder_.path()};
  }

 private:
  void write(const std::string& name, float step) const {
    AdapterOutline outline(Layout(LayoutKind::kPlainText), DType::kF32);
    for (const char* const tensor : kTensors) outline.add_whole(tensor, kLargeShape);
    write_adapter(folder_.path() / name, outline, 1,
                  [step](const Shape&) { return large_values(step); });
  }

  TemporaryDirectory folder_;
  std::shared_ptr<MemoryCheckpoint> base_ =
      std::make_shared<MemoryCheckpoint>(make_up({})->config());
};

}  // namespace vlm
