// The bundled models with bfloat16 and int8 weights against themselves in float32, on the bundled
// benchmarks.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "datasets/registry.h"
#include "eval/prompt.h"
#include "eval/task.h"
#include "language/decoding_session.h"
#include "model/model.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;

// Of each benchmark; all that there are take minutes (docs/benchmarks.md has what they give).
std::size_t num_items() {
  const char* const wanted = std::getenv("VLM_AGREEMENT_ITEMS");
  return wanted != nullptr ? std::stoul(wanted) : 12;
}

struct AgreementCase {
  std::string model;
  std::string benchmark;
  WeightFormat format;
};

void PrintTo(const AgreementCase& test_case,
             std::ostream* out) {  // NOLINT(readability-identifier-naming)
  *out << test_case.model << " on " << test_case.benchmark << " in "
       << weight_format_name(test_case.format);
}

TokenId top_choice(std::span<const float> logits) {
  return static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin());
}

// What the decoder would say after the prompt and after each token of `answer`.
std::vector<TokenId> choices(const Decoder& decoder, const GenerationPrompt& prompt,
                             std::span<const TokenId> answer, ThreadPool& pool) {
  DecodingSession session(decoder, pool);
  KvCache cache = decoder.make_cache();
  const std::vector<NewSequence> starting{{&cache, &prompt}};
  std::vector<TokenId> found{top_choice(session.step({}, starting).row(0))};
  for (const TokenId id : answer) {
    const std::vector<NextToken> next{{&cache, id}};
    found.push_back(top_choice(session.step(next, {}).row(0)));
  }
  return found;
}

class WeightFormatAgreement : public ::testing::TestWithParam<AgreementCase> {};

TEST_P(WeightFormatAgreement, TheLikeliestTokenIsTheSameAtNinetyNineOfAHundredPlaces) {
  ThreadPool pool(2);
  const FileCheckpoint checkpoint(kProject / "zoo/models" / GetParam().model);
  const Model exact(checkpoint, pool);
  const Model rounded(checkpoint, pool, GetParam().format);
  const BenchmarkReference reference = parse_benchmark_reference(GetParam().benchmark);
  const Task task = find_task(reference.name);
  Benchmark benchmark = open_benchmark(reference, kProject);
  limit_items(benchmark, num_items());
  std::optional<ImageFeatureCache> exact_images;
  std::optional<ImageFeatureCache> rounded_images;
  if (exact.sees_images()) {
    exact_images.emplace(exact.shared_parts().vision);
    rounded_images.emplace(rounded.shared_parts().vision);
  }

  std::size_t places = 0;
  std::size_t equal = 0;
  for (const BenchmarkItem& item : benchmark.items) {
    ModelPrompt question{render_prompt(task.prompt, item.question), {}, {}};
    ModelPrompt rounded_question = question;
    if (item.image) {
      question.images = exact_images->get(std::vector{*item.image}, pool);
      rounded_question.images = rounded_images->get(std::vector{*item.image}, pool);
    }
    GenerationOptions options;
    options.max_tokens = 48;
    const std::vector<ModelPrompt> alone{question};
    const std::vector<TokenId> answer = exact.generate(alone, options, {}, pool).at(0).ids;
    const std::vector<TokenId> expected =
        choices(exact.decoder(), exact.build_prompt(question), answer, pool);
    const std::vector<TokenId> found =
        choices(rounded.decoder(), rounded.build_prompt(rounded_question), answer, pool);
    for (std::size_t i = 0; i < expected.size(); ++i) equal += expected[i] == found[i] ? 1 : 0;
    places += expected.size();
  }
  RecordProperty("agreement", std::to_string(equal) + " of " + std::to_string(places));
  EXPECT_GE(places, 4 * benchmark.items.size());
  EXPECT_GE(static_cast<double>(equal), 0.99 * static_cast<double>(places));
}

std::vector<AgreementCase> agreement_cases() {
  std::vector<AgreementCase> cases;
  for (const WeightFormat format : {WeightFormat::kBfloat16, WeightFormat::kInt8}) {
    cases.push_back({"evo-vlm", "ja-emoji-vqa/test", format});
    cases.push_back({"evo-vlm", "ja-emoji-in-the-wild/test", format});
    cases.push_back({"en-vlm", "en-emoji-vqa/test", format});
    cases.push_back({"ja-lm", "ja-math/test", format});
    cases.push_back({"evo-math", "ja-math/test", format});
    cases.push_back({"math-lm", "en-math/test", format});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Zoo, WeightFormatAgreement, ::testing::ValuesIn(agreement_cases()));

}  // namespace
}  // namespace vlm
