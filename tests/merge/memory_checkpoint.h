#pragma once

// A small checkpoint made by a test, and the golden checkpoints in tests/data/merge.

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/file_checkpoint.h"
#include "core/check.h"
#include "merge/plan.h"

namespace vlm {

class MemoryCheckpoint final : public Checkpoint {
 public:
  explicit MemoryCheckpoint(ModelConfig config) : config_(std::move(config)) {}

  void add(const std::string& name, Shape shape, std::vector<float> values,
           DType dtype = DType::kF32) {
    tensors_.push_back({name, dtype, std::move(shape)});
    values_.push_back(std::move(values));
  }

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& info, std::span<float> out) const override {
    check(out.size() == element_count(info.shape), "MemoryCheckpoint::read: all elements");
    read_part(info, 0, out);
  }
  void read_part(const TensorInfo& info, std::size_t first, std::span<float> out) const override {
    const auto index = static_cast<std::size_t>(&info - tensors_.data());
    check(index < values_.size(), "MemoryCheckpoint::read: a tensor of it");
    std::ranges::copy(std::span(values_[index]).subspan(first, out.size()), out.begin());
  }
  [[nodiscard]] bool reads_parts() const override { return true; }

 private:
  ModelConfig config_;
  std::filesystem::path directory_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::vector<float>> values_;
};

// Opens "models/x" below tests/data/merge/`folder`.
inline OpenModel golden_models(const std::string& folder = "") {
  return [folder](const std::string& model) -> std::shared_ptr<const Checkpoint> {
    return FileCheckpoint::open(std::filesystem::path(VLM_TEST_DATA) / "merge" / folder / model);
  };
}

// All values of a tensor.
inline std::vector<float> read_all(const Checkpoint& checkpoint, const TensorInfo& info) {
  std::vector<float> values(element_count(info.shape).value_or(0));
  checkpoint.read(info, values);
  return values;
}

// The largest difference between the values of two models.
inline double largest_difference(const Checkpoint& a, const Checkpoint& b) {
  double largest = 0;
  for (const TensorInfo& info : a.tensors()) {
    const std::vector<float> x = read_all(a, info);
    const std::vector<float> y = read_all(b, *b.find(info.name));
    for (std::size_t i = 0; i < x.size(); ++i) {
      largest = std::max(largest, std::fabs(double{x[i]} - double{y[i]}));
    }
  }
  return largest;
}

}  // namespace vlm
