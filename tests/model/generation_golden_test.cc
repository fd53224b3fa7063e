// Generation against transformers 5.23: tests/data/language/lm and tests/data/zoo_golden.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/byte_text.h"
#include "core/error.h"
#include "language/beam_search.h"
#include "language/generate.h"
#include "language/logits_rules.h"
#include "tests/model/golden_decoder.h"

namespace vlm {
namespace {

std::vector<TokenId> ids_of(const Json& list) {
  return list.get<std::vector<TokenId>>();
}

GenerationOptions options_of(const Json& item) {
  GenerationOptions options;
  options.max_tokens = item.value("max_new_tokens", std::size_t{24});
  options.num_beams = item.value("num_beams", std::size_t{1});
  options.length_penalty = item.value("length_penalty", 1.0);
  if (item.contains("early_stopping")) {
    options.early_stopping = read_early_stopping({item, "case"}, "early_stopping");
  }
  options.repetition_penalty = item.value("repetition_penalty", 1.0);
  options.no_repeat_ngram = item.value("no_repeat_ngram_size", std::size_t{0});
  if (item.contains("eos_token_id") && !item["eos_token_id"].is_null()) {
    options.eos_ids = {item["eos_token_id"].get<TokenId>()};
  }
  return options;
}

class GenerationGolden : public ::testing::TestWithParam<std::string> {
 protected:
  std::vector<TokenId> greedy(const std::string& key, GenerationOptions options) {
    options.max_tokens = 24;
    std::vector<GenerationPrompt> prompts{{ids_of(case_["input_ids"]), {}}};
    const auto found = generate_ids(decoder_, prompts, options, BatchOptions{}, pool_);
    std::vector<TokenId> ids = found[0].ids;
    if (found[0].finish == FinishReason::kEndToken) ids.push_back(options.eos_ids[0]);
    expected_ = ids_of(case_[key]["new_ids"]);
    return ids;
  }

  std::vector<GenerationPrompt> batch_prompts() const {
    const Json& batch = case_["left_padded_batch"];
    std::vector<GenerationPrompt> prompts;
    for (std::size_t i = 0; i < batch["input_ids"].size(); ++i) {
      GenerationPrompt& prompt = prompts.emplace_back();
      for (std::size_t t = 0; t < batch["input_ids"][i].size(); ++t) {
        if (batch["attention_mask"][i][t] == 1) {
          prompt.ids.push_back(batch["input_ids"][i][t].get<TokenId>());
        }
      }
    }
    return prompts;
  }

  ThreadPool pool_{2};
  std::filesystem::path directory_ = golden_lm(GetParam());
  DecoderStorage storage_ = load_decoder_storage(directory_, pool_);
  Decoder decoder_{storage_.config(), storage_.weights()};
  Json case_ = read_json_file(directory_ / "case.json");
  std::vector<TokenId> expected_;
};

TEST_P(GenerationGolden, GreedyIdsAreEqual) {
  EXPECT_EQ(greedy("greedy", {}), expected_);
  GenerationOptions penalty;
  penalty.repetition_penalty = 1.5;
  EXPECT_EQ(greedy("greedy_repetition_penalty_1.5", penalty), expected_);
  GenerationOptions ngram;
  ngram.no_repeat_ngram = 2;
  EXPECT_EQ(greedy("greedy_no_repeat_ngram_2", ngram), expected_);
}

TEST_P(GenerationGolden, EndTokenEndsAndMinTokensPostponeIt) {
  GenerationOptions options;
  options.repetition_penalty = 1.5;
  options.eos_ids = {case_["greedy_eos"]["eos_token_id"].get<TokenId>()};
  EXPECT_EQ(greedy("greedy_eos", options), expected_);
  options.min_tokens = 12;
  EXPECT_EQ(greedy("greedy_eos_min_new_tokens_12", options), expected_);
}

TEST_P(GenerationGolden, AllBeamsAndScoresAreEqual) {
  const GenerationPrompt prompt{ids_of(case_["input_ids"]), {}};
  const GenerationPrompt* const pointer = &prompt;
  for (const Json& item : case_["beam"]) {
    const auto found =
        beam_search(decoder_, {std::span(&pointer, 1), 1}, options_of(item), pool_).front();
    ASSERT_EQ(found.size(), item["sequences"].size()) << item;
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].ids, ids_of(item["sequences"][i])) << i << item;
      const double score = item["scores"][i].get<double>();
      EXPECT_NEAR(found[i].score, score, 1e-5 * std::abs(score)) << i << item;
    }
  }
}

TEST_P(GenerationGolden, BatchesOfDifferentLengthsGiveEqualIds) {
  const Json& batch = case_["left_padded_batch"];
  const std::vector<GenerationPrompt> prompts = batch_prompts();
  GenerationOptions options;
  options.max_tokens = 12;
  for (const std::size_t batch_size : {1U, 2U, 16U}) {
    const auto found = generate_ids(decoder_, prompts, options, {batch_size}, pool_);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(found[i].ids, ids_of(batch["greedy_new_ids"][i])) << i;
    }
  }
  options.num_beams = 5;
  options.repetition_penalty = 1.5;
  options.eos_ids = {batch["beam_eos_token_id"].get<TokenId>()};
  const auto found = generate_ids(decoder_, prompts, options, BatchOptions{}, pool_);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    std::vector<TokenId> ids = found[i].ids;
    if (found[i].finish == FinishReason::kEndToken) ids.push_back(options.eos_ids[0]);
    EXPECT_EQ(ids, ids_of(batch["beam5_rep1.5_new_ids"][i])) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GenerationGolden,
                         ::testing::Values("mistral_gqa", "mistral_head_dim", "mistral_window",
                                           "llama_rope_linear", "llama_rope3_tied_bias", "qwen2"));

TEST(ZooGolden, IdsLogitsAndTextsOfTextPromptsAreEqual) {
  ThreadPool pool(2);
  const std::filesystem::path golden_directory =
      std::filesystem::path(VLM_TEST_DATA) / "zoo_golden";
  const Json golden = read_json_file(golden_directory / "golden.json");
  const SafetensorsFile tensors(golden_directory / "text_logits.safetensors");
  std::size_t compared = 0;
  for (const Json& item : golden["cases"]) {
    if (item.contains("image")) continue;
    ++compared;
    const std::filesystem::path model =
        std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models" / item["model"].get<std::string>();
    const Tokenizer tokenizer = Tokenizer::load(model);
    const DecoderStorage storage = load_decoder_storage(model, pool);
    const Decoder decoder(storage.config(), storage.weights());
    const auto ids = tokenizer.encode(item["prompt"].get<std::string>());
    ASSERT_EQ(ids, ids_of(item["input_ids"])) << item["id"];
    const SequenceRun run = run_sequence(decoder, ids, pool);
    const Matrix<float> logits = read_matrix(tensors, item["id"].get<std::string>());
    EXPECT_LT(largest_difference(run.logits.row(ids.size() - 1), logits.values()), 1e-4F);

    const std::vector<GenerationPrompt> prompts{{ids, {}}};
    GenerationOptions options;
    options.max_tokens = 64;
    options.eos_ids = {*tokenizer.eos_id()};
    const auto greedy = generate(decoder, tokenizer, prompts, options, BatchOptions{}, pool);
    EXPECT_EQ(greedy[0].text, item["greedy"]["text"]) << item["id"];
    std::vector<TokenId> new_ids = greedy[0].ids;
    new_ids.push_back(*tokenizer.eos_id());
    EXPECT_EQ(new_ids, ids_of(item["greedy"]["ids"])) << item["id"];

    options.num_beams = 5;
    options.repetition_penalty = 1.5;
    const auto beams = generate(decoder, tokenizer, prompts, options, BatchOptions{}, pool);
    EXPECT_EQ(beams[0].text, item["beam5_rp1.5"]["text"]) << item["id"];
  }
  EXPECT_EQ(compared, 6U);
}

// A bundled model with its tokenizer, for rules that need text.
class BundledModel : public ::testing::Test {
 protected:
  std::vector<Generation> run(const std::vector<GenerationPrompt>& prompts,
                              const GenerationOptions& options) {
    return generate(decoder_, tokenizer_, prompts, options, BatchOptions{}, pool_);
  }

  ThreadPool pool_{2};
  std::filesystem::path directory_ = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/base-lm";
  Tokenizer tokenizer_ = Tokenizer::load(directory_);
  DecoderStorage storage_ = load_decoder_storage(directory_, pool_);
  Decoder decoder_{storage_.config(), storage_.weights()};
  std::vector<GenerationPrompt> prompts_{{tokenizer_.encode("A cat and"), {}}};
};

TEST_F(BundledModel, TextIsCutBeforeTheFirstStopText) {
  GenerationOptions options;
  options.max_tokens = 12;
  const std::string whole = run(prompts_, options)[0].text;
  ASSERT_GT(whole.size(), 8U);
  options.stop = {whole.substr(6, 2), whole.substr(3, 4)};
  const Generation cut = run(prompts_, options)[0];
  EXPECT_EQ(cut.text,
            whole.substr(0, std::min(whole.find(options.stop[0]), whole.find(options.stop[1]))));
  EXPECT_EQ(cut.finish, FinishReason::kStopText);
}

TEST_F(BundledModel, EmbeddedRowsReplaceTheTokensBelowThem) {
  GenerationOptions options;
  options.max_tokens = 8;
  Matrix<float> rows(2, decoder_.config().hidden_size);
  decoder_.embed(std::span(prompts_[0].ids).subspan(1, 2), rows.view());
  std::vector<GenerationPrompt> replaced = prompts_;
  replaced[0].ids[1] = 1000000;  // needs no embedding
  replaced[0].ids[2] = -1;
  replaced[0].embedded.push_back({1, rows.view()});
  EXPECT_EQ(run(replaced, options)[0].ids, run(prompts_, options)[0].ids);
}

TEST_F(BundledModel, LogitsThatAreNoNumbersAreAnError) {
  Matrix<float> rows(1, decoder_.config().hidden_size);
  std::ranges::fill(rows.values(), NAN);
  std::vector<GenerationPrompt> prompts = prompts_;
  prompts[0].embedded.push_back({0, rows.view()});
  EXPECT_THROW(run(prompts, {}), Error);
}

TEST_F(BundledModel, AnswersDoNotDependOnTheBatch) {
  std::vector<GenerationPrompt> prompts;
  for (int i = 0; i < 12; ++i) {
    prompts.push_back({tokenizer_.encode(std::to_string(i) + " + 4 ="), {}});
  }
  GenerationOptions options;
  options.max_tokens = 10;
  const auto wide = generate(decoder_, tokenizer_, prompts, options, {.batch_size = 16}, pool_);
  const auto narrow = generate(decoder_, tokenizer_, prompts, options, {.batch_size = 1}, pool_);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(wide[i].ids, narrow[i].ids);
    EXPECT_EQ(wide[i].score, narrow[i].score);
  }
}

TEST_F(BundledModel, LittleMemoryForCachesChangesNoAnswer) {
  std::vector<GenerationPrompt> prompts;
  for (const char* text : {"A cat", "What is on the left?", "3 + 4 =", "猫", "A dog and a cat"}) {
    prompts.push_back({tokenizer_.encode(text), {}});
  }
  std::size_t longest = 0;
  for (const GenerationPrompt& prompt : prompts) longest = std::max(longest, prompt.ids.size());
  GenerationOptions options;
  options.max_tokens = 10;
  BatchOptions batch;
  const auto expected = generate(decoder_, tokenizer_, prompts, options, batch, pool_);
  batch.cache_bytes = 2 * KvCache::bytes_for(decoder_.hops().size(), decoder_.config().kv_width(),
                                             longest + options.max_tokens);
  const auto found = generate(decoder_, tokenizer_, prompts, options, batch, pool_);
  for (std::size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(found[i].text, expected[i].text);
  const std::size_t least = batch.cache_bytes;
  batch.cache_bytes -= 1;
  try {
    generate(decoder_, tokenizer_, prompts, options, batch, pool_);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr(byte_text(least) + " for keys and values: left are " +
                                     byte_text(least - 1, ByteRounding::kDown)));
  }
}

TEST_F(BundledModel, ThreadsChangeNothing) {
  std::vector<GenerationPrompt> prompts;
  for (const char* text : {"A cat", "What is on the left?", "3 + 4 =", "猫", "A dog and a cat"}) {
    prompts.push_back({tokenizer_.encode(text), {}});
  }
  GenerationOptions options;
  options.max_tokens = 10;
  for (const std::size_t beams : {1U, 3U}) {
    options.num_beams = beams;
    ThreadPool one(1);
    const auto a = generate(decoder_, tokenizer_, prompts, options, {.batch_size = 2}, one);
    const auto b = generate(decoder_, tokenizer_, prompts, options, {.batch_size = 2}, pool_);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(a[i].ids, b[i].ids);
      EXPECT_EQ(a[i].score, b[i].score);
    }
  }
}

TEST_F(BundledModel, BadPromptsAreRefusedByNumber) {
  const auto error_of = [&](const GenerationPrompt& prompt) -> std::string {
    try {
      run({prompts_[0], prompt}, {});
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(error_of({}), HasSubstr("prompt 1"));
  EXPECT_THAT(error_of({{1, 2560}, {}}), HasSubstr("2560"));
  EXPECT_THAT(error_of({{1, -1}, {}}), HasSubstr("-1"));
  const Matrix<float> wide(2, 200);
  EXPECT_THAT(error_of({{1, 2, 3}, {{0, wide.view()}}}), HasSubstr("200"));
  const Matrix<float> rows(2, decoder_.config().hidden_size);
  EXPECT_THAT(error_of({{1, 2, 3}, {{2, rows.view()}}}), HasSubstr("2 rows at 2"));
  EXPECT_THAT(error_of({{1, 2, 3}, {{1, rows.view()}, {0, rows.view()}}}), HasSubstr("order"));
}

TEST_F(BundledModel, StopTextsNeedATokenizer) {
  GenerationOptions options;
  options.stop = {"x"};
  EXPECT_THROW(generate_ids(decoder_, prompts_, options, BatchOptions{}, pool_), Error);
}

TEST_F(BundledModel, PathOutsideTheModelIsRefused) {
  for (const LayerHop& hop : {LayerHop{6, 1.0F}, LayerHop{0, NAN}}) {
    DecoderConfig config = storage_.config();
    config.path.hops = {hop};
    EXPECT_THROW(Decoder(config, storage_.weights()), Error);
  }
}

}  // namespace
}  // namespace vlm
