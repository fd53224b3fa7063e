// When beam search ends, against transformers 5.24: tests/data/language/beam_search.

#include <cmath>
#include <filesystem>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "core/json_fields.h"
#include "language/beam_search.h"
#include "tests/model/golden_decoder.h"

namespace vlm {
namespace {

TEST(EarlyStoppingGolden, AllBeamsAndScoresAreEqual) {
  const Json golden = read_json_file(std::filesystem::path(VLM_TEST_DATA) /
                                     "language/beam_search/early_stopping.json");
  ThreadPool pool(2);
  const DecoderStorage storage = load_decoder_storage(
      std::filesystem::path(VLM_PROJECT_DIR) / golden.at("model").get<std::string>(), pool);
  const Decoder decoder(storage.config(), storage.weights());
  for (const Json& item : golden.at("cases")) {
    GenerationOptions options;
    options.max_tokens = item.at("max_new_tokens").get<std::size_t>();
    options.num_beams = item.at("num_beams").get<std::size_t>();
    options.length_penalty = item.at("length_penalty").get<double>();
    options.early_stopping = read_early_stopping({item, "case"}, "early_stopping");
    options.eos_ids = golden.at("eos_token_id").get<std::vector<TokenId>>();
    const GenerationPrompt prompt{item.at("input_ids").get<std::vector<TokenId>>(), {}};
    const GenerationPrompt* const pointer = &prompt;
    const auto found = beam_search(decoder, {std::span(&pointer, 1), 1}, options, pool).front();
    ASSERT_EQ(found.size(), item.at("sequences").size()) << item;
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].ids, item.at("sequences")[i].get<std::vector<TokenId>>()) << i << item;
      const double score = item.at("scores")[i].get<double>();
      EXPECT_NEAR(found[i].score, score, 1e-5 * std::abs(score)) << i << item;
    }
  }
  EXPECT_EQ(golden.at("cases").size(), 18U);
}

}  // namespace
}  // namespace vlm
