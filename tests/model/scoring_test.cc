#include "model/scoring.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "model/trace.h"
#include "tensor/normalization.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;
using Ids = std::vector<TokenId>;

const std::filesystem::path kModels = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";

PictureViews picture(float value) {
  PixelValues pixels{Matrix<float>(3, std::size_t{64} * 64), 64, 64};
  for (float& x : pixels.values.values()) x = value;
  PictureViews seen;
  seen.size = {pixels.height_px, pixels.width_px};
  seen.views.push_back(std::move(pixels));
  return seen;
}

Ids joined(const Ids& a, const Ids& b) {
  Ids ids = a;
  ids.insert(ids.end(), b.begin(), b.end());
  return ids;
}

// The log-likelihood of the last `count` ids by the logits of `trace`.
double from_trace(const Model& model, TraceRequest request, std::size_t count, ThreadPool& pool) {
  const Trace trace = trace_forward(model, std::move(request), pool);
  const Matrix<float>& logits = trace.tensors.back().values;
  double sum = 0.0;
  for (std::size_t i = trace.input_ids.size() - count; i < trace.input_ids.size(); ++i) {
    const auto id = static_cast<std::size_t>(trace.input_ids[i]);
    sum += double{logits.row(i - 1)[id]} - log_sum_exp(logits.row(i - 1));
  }
  return sum;
}

// The documented bound for logits, twice for each token.
double tolerance(std::size_t num_tokens) {
  return 2e-4 * static_cast<double>(num_tokens);
}

class TextScoring : public testing::Test {
 protected:
  ContinuationScore score(const ScoringRequest& request) {
    return score_continuations(model_.decoder(), {&request, 1}, pool_)[0][0];
  }
  std::string message_of(const ModelPrompt& prompt, const std::string& continuation) {
    return error_message([&] { choice_request(model_, prompt, {continuation}); });
  }

  ThreadPool pool_{2};
  Model model_{FileCheckpoint(kModels / "base-lm"), pool_};
};

TEST_F(TextScoring, ContinuationsAreWhatTheWholeTextHasBehindThePrompt) {
  const ScoringRequest request =
      choice_request(model_, {"A cat is", {}, {}}, {" an animal.", " a colour."});
  const Ids whole = model_.tokenizer().encode("A cat is an animal.");
  EXPECT_EQ(request.prompt.ids, model_.tokenizer().encode("A cat is"));
  EXPECT_EQ(joined(request.prompt.ids, request.continuations[0]), whole);
}

TEST_F(TextScoring, WhiteSpaceAtTheEndOfThePromptGoesToTheContinuation) {
  const ScoringRequest without = choice_request(model_, {"A cat is", {}, {}}, {" an animal."});
  for (const auto& [prompt, continuation] :
       {std::pair{"A cat is ", "an animal."}, std::pair{"A cat is", " an animal."}}) {
    const ScoringRequest request = choice_request(model_, {prompt, {}, {}}, {continuation});
    EXPECT_EQ(request.prompt.ids, without.prompt.ids);
    EXPECT_EQ(request.continuations, without.continuations);
  }
  // Python's str.rstrip() also takes the ideographic space.
  EXPECT_EQ(choice_request(model_, {"猫\n\u3000", {}, {}}, {"犬"}).prompt.ids,
            model_.tokenizer().encode("猫"));
}

TEST_F(TextScoring, AnEmptyPromptIsTheBeginningOfTexts) {
  const ScoringRequest request = choice_request(model_, {"", {}, {}}, {"A cat"});
  EXPECT_EQ(request.prompt.ids, Ids{*model_.tokenizer().bos_id()});
  EXPECT_EQ(request.continuations[0], model_.tokenizer().encode("A cat", AddBos::kNo));
}

TEST_F(TextScoring, ATextIsScoredBehindItsFirstToken) {
  const std::string text = "A cat and a dog are on a red table.";
  const ScoringRequest request = text_request(model_, {text, {}, {}});
  EXPECT_EQ(request.prompt.ids.size(), 1U);
  const ContinuationScore found = score(request);
  TraceRequest whole;
  whole.prompt.ids = model_.tokenizer().encode(text);
  EXPECT_EQ(found.num_tokens, whole.prompt.ids.size() - 1);
  EXPECT_NEAR(found.log_likelihood, from_trace(model_, std::move(whole), found.num_tokens, pool_),
              tolerance(found.num_tokens));
}

TEST_F(TextScoring, WhatHasNoTokensIsRefused) {
  EXPECT_THAT(message_of({"A cat", {}, {}}, ""), HasSubstr("without tokens"));
  EXPECT_THROW(text_request(model_, {"", {}, {}}), Error);
}

TEST(PictureScoring, EqualsTheLogitsOfTrace) {
  ThreadPool pool(2);
  const Model model(FileCheckpoint(kModels / "en-vlm"), pool);
  const PictureViews seen = picture(0.25F);
  std::vector<Matrix<float>> encoded = model.shared_parts().vision->encode({&seen, 1}, pool);
  const ModelPrompt prompt{
      "<image>\nWhat is it?", {}, {std::make_shared<const Matrix<float>>(std::move(encoded[0]))}};
  const ScoringRequest request = choice_request(model, prompt, {" A cat.", " Two red apples."});
  const auto scores = score_continuations(model.decoder(), {&request, 1}, pool)[0];
  for (std::size_t i = 0; i < scores.size(); ++i) {
    TraceRequest whole;
    whole.prompt.ids = joined(request.prompt.ids, request.continuations[i]);
    whole.pictures.push_back(picture(0.25F));
    const std::size_t count = request.continuations[i].size();
    EXPECT_NEAR(scores[i].log_likelihood, from_trace(model, std::move(whole), count, pool),
                tolerance(count));
  }

  // Of a text with a picture the tokens behind the picture are scored.
  const ScoringRequest text = text_request(model, prompt);
  EXPECT_EQ(text.prompt.ids.back(), *model.image_token());
  const Ids ids = model.tokenizer().encode("<image>\nWhat is it?");
  EXPECT_EQ(Ids(ids.end() - static_cast<std::ptrdiff_t>(text.continuations[0].size()), ids.end()),
            text.continuations[0]);
  EXPECT_THROW(choice_request(model, prompt, {" <image>"}), Error);
  EXPECT_THROW(choice_request(model, {"<image>", {}, {}}, {" A cat."}), Error);
}

}  // namespace
}  // namespace vlm
