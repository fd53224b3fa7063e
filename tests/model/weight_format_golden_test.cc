// The decoder with bfloat16 and int8 weights against itself in float32. tests/data/language/
// weight_errors.json holds how far transformers with such weights is from itself in float32.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/model/format_errors.h"
#include "tests/model/golden_decoder.h"
#include "tests/relative_error.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;

Json golden_errors() {
  return read_json_file(std::filesystem::path(VLM_TEST_DATA) / "language/weight_errors.json");
}

// The folder, in letters a test's name may have.
std::string name_of(const std::string& model) {
  std::string name = std::filesystem::path(model).filename().string();
  std::ranges::replace(name, '-', '_');
  return name;
}

class WeightFormatGolden : public ::testing::TestWithParam<std::string> {
 protected:
  SequenceRun run(WeightFormat format, ThreadPool& pool) {
    const FileCheckpoint checkpoint(kProject / GetParam());
    const DecoderStorage storage = DecoderStorage::load(
        checkpoint, parse_decoder_config(checkpoint.config().text()), pool, format);
    return run_sequence(Decoder(storage.config(), storage.weights()), ids_, pool);
  }

  // Of each layer and, last, of the logits.
  std::vector<double> errors(WeightFormat format) {
    ThreadPool pool(2);
    const SequenceRun exact = run(WeightFormat::kFloat32, pool);
    const SequenceRun found = run(format, pool);
    std::vector<double> errors;
    for (std::size_t i = 0; i < exact.hidden.size(); ++i) {
      errors.push_back(relative_error(found.hidden[i].values(), exact.hidden[i].values()));
    }
    errors.push_back(relative_error(found.logits.values(), exact.logits.values()));
    return errors;
  }

  [[nodiscard]] std::vector<double> their_errors(const char* format) const {
    auto errors = golden_[format]["layers"].get<std::vector<double>>();
    errors.push_back(golden_[format]["logits"].get<double>());
    return errors;
  }

  Json golden_ = golden_errors()["models"][GetParam()];
  std::vector<TokenId> ids_ = golden_["input_ids"].get<std::vector<TokenId>>();
};

TEST_P(WeightFormatGolden, Bfloat16ErrsAtMostThriceAsMuchAsTransformers) {
  expect_at_most_thrice(errors(WeightFormat::kBfloat16), their_errors("bfloat16"));
}

TEST_P(WeightFormatGolden, Int8ErrsAsMuchAsTransformersWithTheSameSteps) {
  expect_as_with_the_same_steps(errors(WeightFormat::kInt8), their_errors("int8"),
                                their_errors("bfloat16"));
}

TEST_P(WeightFormatGolden, ThreadsDoNotChangeABit) {
  ThreadPool one(1);
  ThreadPool three(3);
  for (const WeightFormat format : {WeightFormat::kBfloat16, WeightFormat::kInt8}) {
    const SequenceRun a = run(format, one);
    const SequenceRun b = run(format, three);
    EXPECT_EQ(largest_difference(a.logits.values(), b.logits.values()), 0.0F);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, WeightFormatGolden,
                         ::testing::Values("tests/data/language/lm/mistral_gqa",
                                           "tests/data/language/lm/mistral_head_dim",
                                           "tests/data/language/lm/mistral_window",
                                           "tests/data/language/lm/llama_rope3_tied_bias",
                                           "tests/data/language/lm/qwen2", "zoo/models/base-lm"),
                         [](const auto& test_case) { return name_of(test_case.param); });

}  // namespace
}  // namespace vlm
