#pragma once

// Adapters that have saved tensors whole of more elements than are computed, stored and read at a
// time.

#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "merge/adapter_writer.h"
#include "merge/model_pool.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/made_up_models.h"

namespace vlm {

class LargeAdapters {
 public:
  static constexpr std::size_t kRows = 700;
  static constexpr std::size_t kColumns = 500;
  static constexpr std::array kTensors{"text/lm_head.weight", "text/model.embed_tokens.weight"};
  static constexpr const char* kRecipe =
      "merge_method: task_arithmetic\nbase_model: base\nmodels:\n"
      "- {model: one, parameters: {weight: 0.5}}\n"
      "- {model: other, parameters: {weight: 0.25}}\n";

  LargeAdapters() {
    for (const char* const tensor : kTensors) base_->add(tensor, {kRows, kColumns}, values(1));
    write("one", 0.3F);
    write("other", 0.7F);
  }

  [[nodiscard]] ModelPool models() const {
    return {[base = base_](const std::string&) { return base; }, folder_.path()};
  }
  // Of all tensors of the base (1), of "one" (0.3) and of "other" (0.7).
  static std::vector<float> values(float step) {
    std::vector<float> made(kRows * kColumns);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = std::sin(step * static_cast<float>(i));
    return made;
  }

 private:
  void write(const std::string& name, float step) const {
    AdapterOutline outline(Layout(LayoutKind::kPlainText), DType::kF32);
    for (const char* const tensor : kTensors) outline.add_whole(tensor, {kRows, kColumns});
    std::filesystem::create_directory(folder_.path() / name);
    AdapterWriter writer(folder_.path() / name, outline);
    for (std::size_t i = 0; i < kTensors.size(); ++i) writer.write(i, 0, values(step));
    writer.finish({.base_name = "base", .task_type = "CAUSAL_LM", .rank = 1});
  }

  TemporaryDirectory folder_;
  std::shared_ptr<MemoryCheckpoint> base_ =
      std::make_shared<MemoryCheckpoint>(make_up({})->config());
};

}  // namespace vlm
