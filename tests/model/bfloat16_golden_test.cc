// The decoder with bfloat16 weights against itself in float32. tests/data/language/
// bfloat16_errors.json holds how far transformers in bfloat16 is from transformers in float32.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/model/golden_decoder.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;

Json golden_errors() {
  return read_json_file(std::filesystem::path(VLM_TEST_DATA) / "language/bfloat16_errors.json");
}

// Frobenius norm of the difference over that of the expected values.
double relative_error(std::span<const float> found, std::span<const float> expected) {
  double difference = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(double{found[i]} - expected[i], 2);
    size += std::pow(double{expected[i]}, 2);
  }
  return std::sqrt(difference / size);
}

// The folder, in letters a test's name may have.
std::string name_of(const std::string& model) {
  std::string name = std::filesystem::path(model).filename().string();
  std::ranges::replace(name, '-', '_');
  return name;
}

class Bfloat16Golden : public ::testing::TestWithParam<std::string> {
 protected:
  SequenceRun run(WeightFormat format, ThreadPool& pool) {
    const FileCheckpoint checkpoint(kProject / GetParam());
    const DecoderStorage storage = DecoderStorage::load(
        checkpoint, parse_decoder_config(checkpoint.config().text()), pool, format);
    return run_sequence(Decoder(storage.config(), storage.weights()), ids_, pool);
  }

  Json golden_ = golden_errors()["models"][GetParam()];
  std::vector<TokenId> ids_ = golden_["input_ids"].get<std::vector<TokenId>>();
};

// Both roundings are random and independent, so a layer may be worse than the reference's by luck;
// issue 4 asks for at most three times its error. Not 0: other code must have run.
TEST_P(Bfloat16Golden, EveryLayerErrsAtMostThriceAsMuchAsTransformers) {
  ThreadPool pool(2);
  const SequenceRun exact = run(WeightFormat::kFloat32, pool);
  const SequenceRun found = run(WeightFormat::kBfloat16, pool);
  ASSERT_EQ(found.hidden.size(), golden_["layers"].size());
  for (std::size_t i = 0; i < found.hidden.size(); ++i) {
    const double error = relative_error(found.hidden[i].values(), exact.hidden[i].values());
    const double theirs = golden_["layers"][i].get<double>();
    EXPECT_GT(error, 0.0) << i;
    EXPECT_LT(error, 3.0 * theirs) << i;
    RecordProperty("layer_" + std::to_string(i), std::to_string(error / theirs));
  }
  const double error = relative_error(found.logits.values(), exact.logits.values());
  EXPECT_LT(error, 3.0 * golden_["logits"].get<double>());
  RecordProperty("logits", std::to_string(error / golden_["logits"].get<double>()));
}

TEST_P(Bfloat16Golden, ThreadsDoNotChangeABit) {
  ThreadPool one(1);
  ThreadPool three(3);
  const SequenceRun a = run(WeightFormat::kBfloat16, one);
  const SequenceRun b = run(WeightFormat::kBfloat16, three);
  EXPECT_EQ(largest_difference(a.logits.values(), b.logits.values()), 0.0F);
}

INSTANTIATE_TEST_SUITE_P(Models, Bfloat16Golden,
                         ::testing::Values("tests/data/language/lm/mistral_gqa",
                                           "tests/data/language/lm/mistral_head_dim",
                                           "tests/data/language/lm/mistral_window",
                                           "zoo/models/base-lm"),
                         [](const auto& test_case) { return name_of(test_case.param); });

}  // namespace
}  // namespace vlm
