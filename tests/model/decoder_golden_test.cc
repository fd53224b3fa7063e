// The decoder against transformers 5.23 in float32: tests/data/language/lm.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/safetensors_writer.h"
#include "language/generate.h"
#include "tests/checkpoint/temporary_directory.h"
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

// Configs that share the weights of another folder: positions that grow with the sequence, windows
// in some layers.
TEST(ConfigVariantGolden, LogitsOfAPromptAndOfItsContinuationAreEqual) {
  ThreadPool pool(2);
  const Json golden = read_json_file(golden_lm("variants.json"));
  for (const Json& item : golden["cases"]) {
    const FileCheckpoint checkpoint(golden_lm(item["weights"].get<std::string>()));
    const ModelConfig model = parse_model_config(item["config"], "variants.json");
    const DecoderStorage storage =
        DecoderStorage::load(checkpoint, parse_decoder_config(model.text()), pool);
    const Decoder decoder(storage.config(), storage.weights());
    auto ids = item["input_ids"].get<std::vector<TokenId>>();
    const SequenceRun run = run_sequence(decoder, ids, pool);
    EXPECT_LT(largest_difference(run.logits.row(ids.size() - 1),
                                 item["last_logits"].get<std::vector<float>>()),
              kTolerance)
        << item["name"];
    std::vector<float> of_ids(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      of_ids[i] = run.logits.row(i)[static_cast<std::size_t>(ids[i])];
    }
    EXPECT_LT(largest_difference(of_ids, item["logits_of_ids"].get<std::vector<float>>()),
              kTolerance)
        << item["name"];

    const auto new_ids = item["greedy_new_ids"].get<std::vector<TokenId>>();
    GenerationOptions options;
    options.max_tokens = new_ids.size();
    const std::vector<GenerationPrompt> prompts{{ids, {}}};
    EXPECT_EQ(generate_ids(decoder, prompts, options, BatchOptions{}, pool)[0].ids, new_ids)
        << item["name"];
  }
  EXPECT_EQ(golden["cases"].size(), 3U);
}

LayerPath layer_path(const Json& golden) {
  LayerPath path;
  path.scaling = golden["variant"] == "mlp_delta" ? HopScaling::kMlpOutput : HopScaling::kStream;
  for (std::size_t i = 0; i < golden["path"].size(); ++i) {
    const float scale = golden["scales"].is_null() ? 1.0F : golden["scales"][i].get<float>();
    path.hops.push_back({golden["path"][i].get<std::size_t>(), scale});
  }
  return path;
}

std::vector<TokenId> greedy_16(const Decoder& decoder, const std::vector<TokenId>& ids,
                               ThreadPool& pool) {
  const std::vector<GenerationPrompt> prompts{{ids, {}}};
  GenerationOptions options;
  options.max_tokens = 16;
  return generate_ids(decoder, prompts, options, BatchOptions{}, pool)[0].ids;
}

class LayerPathGolden : public ::testing::Test {
 protected:
  Matrix<float> expected_logits(const Json& item) const {
    return read_matrix(tensors_, item["logits"].get<std::string>());
  }

  ThreadPool pool_{2};
  std::filesystem::path directory_ = golden_lm("dfs");
  SafetensorsFile tensors_{directory_ / "tensors.safetensors"};
  Json golden_ = read_json_file(directory_ / "cases.json");
};

TEST_F(LayerPathGolden, RepeatsAndBothKindsOfScalesGiveEqualLogitsAndIds) {
  const DecoderStorage storage = load_decoder_storage(directory_, pool_);
  for (const Json& item : golden_["cases"]) {
    DecoderConfig config = storage.config();
    config.path = layer_path(item);
    const Decoder decoder(config, storage.weights());
    const auto ids = item["input_ids"].get<std::vector<TokenId>>();
    const SequenceRun run = run_sequence(decoder, ids, pool_);
    EXPECT_EQ(run.hidden.size(), item["path"].size());
    EXPECT_LT(largest_difference(run.logits.values(), expected_logits(item).values()), kTolerance)
        << item["id"];
    EXPECT_EQ(greedy_16(decoder, ids, pool_), item["greedy_16_new_ids"].get<std::vector<TokenId>>())
        << item["id"];
  }
  EXPECT_EQ(golden_["cases"].size(), 6U);
}

// The layout of SakanaAI's EvoLLM-JP-v1-10B, with the path of a golden case.
void write_released_layout(const std::filesystem::path& from, const Json& item,
                           const std::filesystem::path& to) {
  Json config = read_json_file(from / "config.json");
  config["architectures"] = {"EvoMistralForCausalLM"};
  config["model_type"] = "evomistral";
  config["num_hops"] = item["path"].size();
  if (item["variant"] == "whole_stream") config["input_scales_of"] = "stream";
  write_file_atomically(to / "config.json", config.dump());
  const auto layers = item["path"].get<std::vector<std::int32_t>>();
  const auto scales = item["scales"].get<std::vector<float>>();
  const SafetensorsFile model(from / "model.safetensors");
  std::vector<NamedTensor> tensors;
  for (const SafetensorsEntry& entry : model.entries()) {
    tensors.push_back({entry.name, model.view(entry)});
  }
  tensors.push_back(
      {"model.input_layers", {DType::kI32, {layers.size()}, std::as_bytes(std::span(layers))}});
  tensors.push_back(
      {"model.input_scales", {DType::kF32, {scales.size()}, std::as_bytes(std::span(scales))}});
  write_safetensors(to / "model.safetensors", tensors);
}

TEST_F(LayerPathGolden, TheReleasedLayoutOfADataFlowModelRuns) {
  std::size_t compared = 0;
  for (const Json& item : golden_["cases"]) {
    if (item["scales"].is_null()) continue;
    ++compared;
    const TemporaryDirectory directory;
    write_released_layout(directory_, item, directory.path());
    const DecoderStorage storage = load_decoder_storage(directory.path(), pool_);
    const Decoder decoder(storage.config(), storage.weights());
    EXPECT_EQ(decoder.make_cache().num_hops(), item["path"].size());
    const auto ids = item["input_ids"].get<std::vector<TokenId>>();
    const SequenceRun run = run_sequence(decoder, ids, pool_);
    EXPECT_LT(largest_difference(run.logits.values(), expected_logits(item).values()), kTolerance)
        << item["id"];
    EXPECT_EQ(greedy_16(decoder, ids, pool_), item["greedy_16_new_ids"].get<std::vector<TokenId>>())
        << item["id"];
  }
  EXPECT_EQ(compared, 4U);
}

}  // namespace
}  // namespace vlm
