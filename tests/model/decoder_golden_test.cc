// The decoder against transformers 5.23 in float32: tests/data/language/lm.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "language/generate.h"
#include "tests/model/golden_decoder.h"

namespace vlm {
namespace {

// The documented bound for logits; the streams are of the same size.
constexpr float kTolerance = 1e-4F;

class DecoderGolden : public ::testing::TestWithParam<std::string> {
 protected:
  ThreadPool pool_{2};
  std::filesystem::path directory_ = golden_lm(GetParam());
  DecoderStorage storage_ = load_decoder_storage(directory_, pool_);
  Decoder decoder_{storage_.config(), storage_.weights()};
  SafetensorsFile tensors_{directory_ / "tensors.safetensors"};
  Json case_ = read_json_file(directory_ / "case.json");
  std::vector<TokenId> ids_ = case_["input_ids"].get<std::vector<TokenId>>();
};

TEST_P(DecoderGolden, EveryStreamAndAllLogitsAreEqual) {
  const SequenceRun run = run_sequence(decoder_, ids_, pool_);
  for (std::size_t i = 0; i < run.hidden.size(); ++i) {
    const Matrix<float> expected = read_matrix(tensors_, "layer_" + std::to_string(i));
    EXPECT_LT(largest_difference(run.hidden[i].values(), expected.values()), kTolerance) << i;
  }
  EXPECT_LT(
      largest_difference(run.final_norm.values(), read_matrix(tensors_, "final_norm").values()),
      kTolerance);
  EXPECT_LT(largest_difference(run.logits.values(), read_matrix(tensors_, "logits").values()),
            kTolerance);
}

TEST_P(DecoderGolden, TokenByTokenGivesTheLogitsOfOnePass) {
  const SequenceRun whole = run_sequence(decoder_, ids_, pool_);
  DecoderScratch scratch;
  KvCache cache = decoder_.make_cache();
  const std::vector<SequenceRows> sequences{{&cache, 0, 1}};
  Matrix<float> hidden(1, decoder_.config().hidden_size);
  Matrix<float> logits(1, decoder_.config().vocab_size);
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    decoder_.embed(std::span(ids_).subspan(i, 1), hidden.view());
    decoder_.forward(hidden.view(), sequences, scratch, pool_);
    decoder_.logits(hidden.view(), logits.view(), scratch, pool_);
    EXPECT_LT(largest_difference(logits.values(), whole.logits.row(i)), kTolerance);
  }
  EXPECT_EQ(cache.num_tokens(), ids_.size());
}

TEST_P(DecoderGolden, RaggedBatchGivesTheLogitsOfEachSequence) {
  const Json& batch = case_["left_padded_batch"];
  std::vector<std::vector<TokenId>> sequences;
  for (std::size_t i = 0; i < batch["input_ids"].size(); ++i) {
    const auto padded = batch["input_ids"][i].get<std::vector<TokenId>>();
    const auto mask = batch["attention_mask"][i].get<std::vector<int>>();
    const auto pads = std::count(mask.begin(), mask.end(), 0);
    sequences.emplace_back(padded.begin() + pads, padded.end());
  }
  std::vector<KvCache> caches;
  caches.reserve(sequences.size());
  std::vector<SequenceRows> rows;
  std::vector<TokenId> all;
  for (const auto& ids : sequences) {
    caches.push_back(decoder_.make_cache());
    rows.push_back({&caches.back(), all.size(), ids.size()});
    all.insert(all.end(), ids.begin(), ids.end());
  }
  DecoderScratch scratch;
  Matrix<float> hidden(all.size(), decoder_.config().hidden_size);
  Matrix<float> logits(all.size(), decoder_.config().vocab_size);
  decoder_.embed(all, hidden.view());
  decoder_.forward(hidden.view(), rows, scratch, pool_);
  decoder_.logits(hidden.view(), logits.view(), scratch, pool_);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Matrix<float> expected = read_matrix(tensors_, "batch_logits_" + std::to_string(i));
    const auto found = logits.values().subspan(rows[i].first_row * logits.cols(), expected.size());
    EXPECT_LT(largest_difference(found, expected.values()), kTolerance) << i;
  }
}

TEST_P(DecoderGolden, ThreadsDoNotChangeABit) {
  ThreadPool one(1);
  ThreadPool three(3);
  const SequenceRun a = run_sequence(decoder_, ids_, one);
  const SequenceRun b = run_sequence(decoder_, ids_, three);
  EXPECT_EQ(largest_difference(a.logits.values(), b.logits.values()), 0.0F);
}

TEST_P(DecoderGolden, ConfigsOfBothVersionsOfTransformersAreOneDecoder) {
  const auto parse = [&](const char* file) {
    const Json json = read_json_file(directory_ / file);
    return parse_decoder_config(parse_model_config(json, file).text());
  };
  EXPECT_EQ(parse("config_v5.json"), parse("config.json"));
}

INSTANTIATE_TEST_SUITE_P(Families, DecoderGolden,
                         ::testing::Values("mistral_gqa", "mistral_head_dim", "mistral_window",
                                           "llama_rope_linear", "llama_rope3_tied_bias", "qwen2"));

class HalfPrecisionGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(HalfPrecisionGolden, SixteenBitWeightsGiveEqualLogits) {
  ThreadPool pool(2);
  const auto directory = golden_lm(GetParam());
  const DecoderStorage storage = load_decoder_storage(directory, pool);
  const Decoder decoder(storage.config(), storage.weights());
  const Json golden = read_json_file(directory / "case_16bit.json");
  const SequenceRun run =
      run_sequence(decoder, golden["input_ids"].get<std::vector<TokenId>>(), pool);
  const SafetensorsFile tensors(directory / "tensors.safetensors");
  EXPECT_LT(largest_difference(run.logits.values(), read_matrix(tensors, "logits").values()),
            kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Families, HalfPrecisionGolden,
                         ::testing::Values("mistral_gqa_bf16", "mistral_gqa_f16", "qwen2_bf16"));

std::vector<LayerHop> layer_path(const Json& golden) {
  std::vector<LayerHop> path;
  for (std::size_t i = 0; i < golden["path"].size(); ++i) {
    const float scale = golden["scales"].is_null() ? 1.0F : golden["scales"][i].get<float>();
    path.push_back({golden["path"][i].get<std::size_t>(), scale});
  }
  return path;
}

// The variant mlp_delta is another network (one sublayer's output is scaled); it is not executed.
TEST(LayerPathGolden, RepeatsAndScalesGiveEqualLogitsAndIds) {
  ThreadPool pool(2);
  const DecoderStorage storage = load_decoder_storage(golden_lm("dfs"), pool);
  const SafetensorsFile tensors(golden_lm("dfs") / "tensors.safetensors");
  const Json golden = read_json_file(golden_lm("dfs") / "cases.json");
  std::size_t compared = 0;
  for (const Json& item : golden["cases"]) {
    if (item["variant"] == "mlp_delta") continue;
    ++compared;
    const Decoder decoder(storage.config(), storage.weights(), layer_path(item));
    const auto ids = item["input_ids"].get<std::vector<TokenId>>();
    const SequenceRun run = run_sequence(decoder, ids, pool);
    const Matrix<float> expected = read_matrix(tensors, item["logits"].get<std::string>());
    EXPECT_LT(largest_difference(run.logits.values(), expected.values()), kTolerance) << item["id"];
    std::vector<GenerationPrompt> prompts{{ids, {}}};
    GenerationOptions options;
    options.max_tokens = 16;
    const auto found = generate_ids(decoder, prompts, options, BatchOptions{}, pool);
    EXPECT_EQ(found[0].ids, item["greedy_16_new_ids"].get<std::vector<TokenId>>()) << item["id"];
  }
  EXPECT_EQ(compared, 4U);
}

}  // namespace
}  // namespace vlm
