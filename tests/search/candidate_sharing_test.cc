// Candidates of a search follow each other in one memory; of the next one only what differs is
// merged, and the answers are the same.

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "merge/merged_checkpoint.h"
#include "merge/recipe_parser.h"
#include "tests/model/golden_decoder.h"

namespace vlm {
namespace {

// The tensors that were read, by name.
using Reads = std::map<std::string, std::size_t>;

// A model of the zoo that writes down what is read.
class ObservedCheckpoint final : public Checkpoint {
 public:
  ObservedCheckpoint(const std::string& name, Reads& reads)
      : file_(std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models" / name), reads_(reads) {}

  [[nodiscard]] const ModelConfig& config() const override { return file_.config(); }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return file_.tensors(); }
  [[nodiscard]] const std::filesystem::path& directory() const override {
    return file_.directory();
  }
  [[nodiscard]] std::string origin(const TensorInfo& info) const override {
    return file_.origin(info);
  }
  void read(const TensorInfo& info, std::span<float> out) const override {
    file_.read(info, out);
    const std::lock_guard lock(mutex_);
    ++reads_[info.name];
  }

 private:
  FileCheckpoint file_;
  mutable std::mutex mutex_;
  Reads& reads_;
};

class CandidateSharing : public ::testing::Test {
 protected:
  // Opens all models anew.
  MergedCheckpoint merge(const std::string& recipe, std::uint64_t seed = 1) {
    return MergedCheckpoint(make_merge_plan(parse_recipe(recipe, "r.yaml"),
                                            [this](const std::string& name) {
                                              return std::make_shared<const ObservedCheckpoint>(
                                                  name, reads_);
                                            }),
                            {.seed = seed, .cache = nullptr});
  }
  DecoderStorage load(const Checkpoint& checkpoint) {
    return DecoderStorage::load(checkpoint, parse_decoder_config(checkpoint.config().text()),
                                pool_);
  }
  // Puts `next` into the memory of `storage`; compares with `next` alone. Returns what was read.
  Reads refill(DecoderStorage& storage, const Checkpoint& next) {
    reads_.clear();
    storage.refill(next, pool_);
    Reads reads = std::exchange(reads_, {});
    const std::vector<TokenId> ids{1, 330, 331, 7};
    const Decoder refilled(storage.config(), storage.weights());
    const DecoderStorage fresh = load(next);
    const Decoder alone(fresh.config(), fresh.weights());
    EXPECT_EQ(largest_difference(run_sequence(refilled, ids, pool_).logits.values(),
                                 run_sequence(alone, ids, pool_).logits.values()),
              0);
    return reads;
  }

  ThreadPool pool_{1};
  Reads reads_;
};

std::string average(const std::string& attention) {
  return "merge_method: linear\nmodels:\n- {model: base-lm, parameters: {weight: 1}}\n"
         "- model: ja-lm\n  parameters:\n    weight:\n    - {filter: self_attn, value: " +
         attention + "}\n    - {value: 0.5}\n";
}

TEST_F(CandidateSharing, OnlyTensorsWhoseWeightsChangedAreMergedAgain) {
  DecoderStorage storage = load(merge(average("0.3")));
  const Reads reads = refill(storage, merge(average("0.7")));
  EXPECT_EQ(reads.size(), 6U * 4U);
  for (const auto& [name, count] : reads) {
    EXPECT_GE(count, 2U) << name << ": of both models";
    EXPECT_NE(name.find("self_attn"), std::string::npos) << name;
  }
  EXPECT_TRUE(refill(storage, merge(average("0.7"))).empty());
}

TEST_F(CandidateSharing, AnotherModelMethodOrDtypeIsMergedAgain) {
  const std::string first = average("0.5");
  std::string other_model = first;
  other_model.replace(other_model.find("ja-lm"), 5, "math-lm");
  std::string other_method = first;
  other_method.replace(other_method.find("linear"), 6, "task_arithmetic\nbase_model: base-lm");
  other_method.replace(other_method.find("- {model: base-lm"), std::string::npos,
                       "- {model: ja-lm, parameters: {weight: 0.5}}\n");
  for (const std::string& next : {other_model, other_method, first + "dtype: float32\n"}) {
    const MergedCheckpoint merged = merge(next);
    DecoderStorage storage = load(merge(first));
    EXPECT_EQ(refill(storage, merged).size(), merged.tensors().size()) << next;
  }
}

TEST_F(CandidateSharing, SeedsOfMasksAndTrimsOverTheWholeModelCount) {
  const auto recipe = [](const std::string& method, const std::string& parameters) {
    return "merge_method: " + method +
           "\nbase_model: base-lm\nmodels: [{model: ja-lm, parameters: {weight: 1, density: "
           "0.5}}]\n" +
           parameters;
  };
  const std::string dare = recipe("dare_linear", "");
  DecoderStorage storage = load(merge(dare, 1));
  EXPECT_TRUE(refill(storage, merge(dare, 1)).empty());
  EXPECT_FALSE(refill(storage, merge(dare, 2)).empty());
  const std::string ties = recipe("ties", "parameters: {scope: model}\n");
  storage = load(merge(ties));
  EXPECT_FALSE(refill(storage, merge(ties)).empty());
}

}  // namespace
}  // namespace vlm
