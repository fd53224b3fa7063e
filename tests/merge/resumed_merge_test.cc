// Merges with `scope: model` that are stopped, and those that go on with their work.

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/checkpoint/writer_fixture.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A model that lies in `folder` and counts how often its tensors are read.
class CountingCheckpoint final : public Checkpoint {
 public:
  CountingCheckpoint(const MadeUpModel& model, fs::path folder, std::atomic<std::size_t>& reads)
      : model_(make_up(model)), folder_(std::move(folder)), reads_(reads) {}

  [[nodiscard]] const ModelConfig& config() const override { return model_->config(); }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override {
    return model_->tensors();
  }
  [[nodiscard]] const fs::path& directory() const override { return folder_; }
  void read(const TensorInfo& info, std::span<float> out) const override {
    ++reads_;
    model_->read(info, out);
    const auto place = static_cast<float>(&info - model_->tensors().data());
    for (std::size_t i = 0; i < out.size(); ++i) {  // magnitudes that differ
      out[i] *= 1 + place + static_cast<float>(i) / 8;
    }
  }

 private:
  std::shared_ptr<const Checkpoint> model_;
  fs::path folder_;
  std::atomic<std::size_t>& reads_;
};

class ResumedMerge : public Writer {
 protected:
  // The bytes of the merged weights, how often tensors were read, and how a stop is told.
  struct Outcome {
    std::string bytes;
    std::size_t reads = 0;
    std::string message;
  };

  // After `most_reads` the merge is asked to stop.
  Outcome merge(const std::string& recipe, std::size_t most_reads = SIZE_MAX) {
    std::atomic<std::size_t> reads{0};
    const auto open = [&](const std::string& name) -> std::shared_ptr<const Checkpoint> {
      const float value = name == "base" ? 0 : name == "a" ? 1 : -2;
      return std::make_shared<const CountingCheckpoint>(MadeUpModel{.value = value},
                                                        directory.path() / "source", reads);
    };
    const auto inner = std::make_shared<const MergedCheckpoint>(
        make_merge_plan(parse_recipe(kInner, "inner.yaml"), open));
    const MergedCheckpoint merged(
        make_merge_plan(parse_recipe(recipe, "recipe.yaml"),
                        [&](const std::string& name) -> std::shared_ptr<const Checkpoint> {
                          return name == "inner" ? inner : open(name);
                        }));
    options.resumption = Resumption::kTaken;
    options.stop_requested = [&] { return reads >= most_reads; };
    Outcome outcome;
    try {
      write(merged);
      outcome.bytes = read_text_file(target / "model.safetensors");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInterrupted) << error.what();
      outcome.message = error.what();
    }
    outcome.reads = reads;
    return outcome;
  }
  void expect_resumed(const std::string& recipe, std::size_t num_models) {
    const Outcome whole = merge(recipe);
    fs::remove_all(target);
    // All is known then, and some of the seven tensors are written.
    EXPECT_THAT(merge(recipe, whole.reads - 4 * num_models).message,
                testing::AllOf(HasSubstr("stopped while writing"),
                               HasSubstr("of 7 tensors (continue with --resume)")));
    const Outcome resumed = merge(recipe);
    EXPECT_TRUE(resumed.bytes == whole.bytes);
    EXPECT_FALSE(resumed.bytes.empty());
    // Searching for cuts would have read every tensor four times more.
    EXPECT_LE(resumed.reads, num_models * make_up({})->tensors().size());
    EXPECT_GE(whole.reads, 5 * 2 * make_up({})->tensors().size());
  }

  static constexpr const char* kInner =
      "base_model: base\nmodels: [{model: a, parameters: {weight: 1, density: 0.5}},\n"
      "{model: b, parameters: {weight: 0.5, density: 0.25}}]\nmerge_method: ties\n"
      "parameters: {scope: model}\n";
};

TEST_F(ResumedMerge, TakesTheCutsOfAllTensorsFromTheRunBefore) {
  expect_resumed(kInner, 3);
}

TEST_F(ResumedMerge, TakesBothCutsOfAWindow) {
  expect_resumed(
      "base_model: base\nmodels: [{model: a, parameters: {gamma: 0.1}}, {model: b}]\n"
      "merge_method: breadcrumbs\nparameters: {weight: 1, density: 0.5, scope: model}\n",
      3);
}

TEST_F(ResumedMerge, TakesTheRangesOfCompetition) {
  expect_resumed(
      "base_model: base\nmodels: [{model: a}, {model: b, parameters: {density: 0.25}}]\n"
      "merge_method: pcb\nparameters: {weight: 1, density: 0.5, scope: model}\n",
      3);
}

// Cuts are looked for in four passes over three models of seven tensors.
TEST_F(ResumedMerge, StopsWhileItLooksForCuts) {
  const std::string whole = merge(kInner).bytes;
  fs::remove_all(target);
  const Outcome stopped = merge(kInner, 20);
  EXPECT_THAT(stopped.message, HasSubstr("0 of 7 tensors (continue with --resume)"));
  EXPECT_LT(stopped.reads, 30U);
  EXPECT_TRUE(merge(kInner).bytes == whole);
}

TEST_F(ResumedMerge, StopsWhileItDecomposesMatrices) {
  const std::string recipe =
      "base_model: base\nmodels: [{model: a}, {model: b}]\nmerge_method: iso_c\n";
  const std::string whole = merge(recipe).bytes;
  fs::remove_all(target);
  EXPECT_THAT(merge(recipe, 3).message, HasSubstr("0 of 7 tensors (continue with --resume)"));
  EXPECT_TRUE(merge(recipe).bytes == whole);
}

TEST_F(ResumedMerge, TakesTheCutsOfAnInputThatIsAMerge) {
  expect_resumed(
      "models: [{model: base}, {model: inner}]\nmerge_method: linear\n"
      "parameters: {weight: 1}\n",
      4);
}

}  // namespace
}  // namespace vlm
