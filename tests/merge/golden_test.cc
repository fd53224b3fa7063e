// Every recipe of tests/data/merge against the result of mergekit 0.1.5.

#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "merge/merged_checkpoint.h"
#include "merge/recipe_parser.h"
#include "tests/merge/memory_checkpoint.h"

namespace vlm {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(VLM_TEST_DATA) / "merge";

struct GoldenCase {
  std::string name;
  bool is_ok = false;
  bool has_part = false;     // only some of the expected tensors are here
  std::size_t flips = 0;     // elements that mergekit has on the other side of a decision
  std::string message = {};  // mergekit's, of a rejected recipe
};

void PrintTo(const GoldenCase& golden, std::ostream* out) {
  *out << golden.name;
}

std::vector<GoldenCase> cases(bool is_ok) {
  std::vector<GoldenCase> wanted;
  for (const Json& entry : read_json_file(kFolder / "cases.json")) {
    const bool status = entry.at("status") == "ok";
    if (status == is_ok) {
      wanted.push_back({entry.at("name"), status, entry.value("part_of_the_tensors", false),
                        entry.value("elements_differing_from_the_formula", std::size_t{0}),
                        entry.value("error_message", "")});
    }
  }
  return wanted;
}

// Recipes that this program refuses although mergekit takes them, with what the error must say.
const std::map<std::string, std::string> kStricter = {
    {"linear_weights_cancel", "weights sum to 0"}};

// mergekit's documented mistakes, which --compat mergekit repeats: unknown keys without effect,
// equal weights for small deltas, a refusal of deltas that are all 0, float32 results of 16-bit
// models.
const std::set<std::string> kMistakes = {"typo_ignored", "sce_uniform_fallback",
                                         "reject_multislerp_zero_deltas",
                                         "arcee_fusion_bf16_native", "ramplus_tl_bf16_native"};

std::string recipe_text(const std::string& name) {
  std::string text = read_text_file(kFolder / "recipes" / (name + ".yml"));
  // mergekit's flag --unsafe-truncate-embeddings.
  if (name == "vocab_mismatch_truncate") text += "embeddings: {policy: common-rows}\n";
  return text;
}

MergedCheckpoint merge_golden(const std::string& name, MergeOptions options = {}) {
  const auto dialect = kMistakes.contains(name) ? RecipeDialect::kMergekit : RecipeDialect::kOwn;
  const Recipe recipe = parse_recipe(recipe_text(name), name, dialect);
  return MergedCheckpoint(make_merge_plan(recipe, golden_models()), std::move(options));
}

constexpr double kTolerance = 1e-6;  // of float32 results, as stated with the golden data
constexpr double kFlipped = 2e-6;    // at which the golden data counts other decisions

// What the comparison of one checkpoint found.
struct Differences {
  double largest = 0;
  std::size_t unequal = 0;   // elements
  std::size_t elements = 0;  // compared
  std::size_t far = 0;       // elements that differ by more than kTolerance
  std::size_t flipped = 0;   // elements that differ by more than kFlipped
  double largest_ulps = 0;   // of unequal elements, in units of the output dtype
};

double spacing(DType dtype, double value) {
  const int mantissa_bits = dtype == DType::kBF16 ? 7 : 10;
  return std::ldexp(1.0, std::ilogb(value == 0 ? 1e-30 : value) - mantissa_bits);
}

Differences compare(const MergedCheckpoint& merged, const GoldenCase& golden) {
  const SafetensorsFile expected(kFolder / "expected" / (golden.name + ".safetensors"));
  std::set<std::string> names;
  for (const auto& entry : expected.entries()) names.insert(entry.name);
  Differences found;
  for (const TensorInfo& info : merged.tensors()) {
    if (golden.has_part && names.erase(info.name.substr(5)) == 0) continue;
    names.erase(info.name.substr(5));
    const TensorView view = expected.view(info.name.substr(5));
    EXPECT_EQ(view.shape, info.shape) << info.name;
    EXPECT_EQ(view.dtype, info.dtype) << info.name;
    const std::vector<float> ours = read_all(merged, info);
    const std::vector<float> theirs = floats_of(view);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const double difference = std::fabs(double{ours[i]} - double{theirs[i]});
      EXPECT_TRUE(std::isfinite(difference)) << info.name;
      ++found.elements;
      if (difference == 0) continue;
      ++found.unequal;
      found.largest = std::max(found.largest, difference);
      found.largest_ulps =
          std::max(found.largest_ulps, difference / spacing(info.dtype, theirs[i]));
      if (difference > kTolerance) ++found.far;
      if (difference > kFlipped) ++found.flipped;
    }
  }
  EXPECT_EQ(names, std::set<std::string>()) << "expected, but not merged";
  return found;
}

class GoldenMerge : public testing::TestWithParam<GoldenCase> {};

TEST_P(GoldenMerge, EqualsMergekit) {
  const std::string name = GetParam().name;
  if (kStricter.contains(name)) {
    EXPECT_THAT([&] { merge_golden(name); },
                testing::ThrowsMessage<Error>(testing::HasSubstr(kStricter.at(name))));
    return;
  }
  const MergedCheckpoint merged = merge_golden(name);
  const Differences found = compare(merged, GetParam());
  RecordProperty("largest_difference", std::to_string(found.largest));
  if (name.ends_with("_bf16_native") && kMistakes.contains(name)) {
    // The dtype is what this case is about; mergekit decides and adds in bfloat16 here.
    EXPECT_EQ(merged.tensors().front().dtype, DType::kF32);
    EXPECT_LE(found.flipped, GetParam().flips);
  } else if (merged.tensors().front().dtype == DType::kF32) {
    EXPECT_LE(found.far, GetParam().flips);
  } else if (name.ends_with("task_arithmetic")) {
    // mergekit rounds after every operation here: 2^-7 of the largest operand (|x| < 4).
    EXPECT_LE(found.largest, 4.0 / 128);
  } else if (name == "bf16_inputs_ties_out_bf16") {
    // Magnitudes tie at the cut, and which of them stay depends on mergekit's sort.
    EXPECT_LE(found.unequal, found.elements / 50);
  } else {
    EXPECT_LE(found.unequal, found.elements / 1000);
    EXPECT_LE(found.largest_ulps, 1.0);
  }
}

TEST_P(GoldenMerge, CacheChangesNothing) {
  const std::string name = GetParam().name;
  if (kStricter.contains(name)) return;
  const MergedCheckpoint plain = merge_golden(name);
  const auto cache = std::make_shared<SourceCache>(std::size_t{1} << 30U);
  const MergedCheckpoint cached = merge_golden(name, {.seed = 0, .cache = cache});
  const MergedCheckpoint small =
      merge_golden(name, {.seed = 0, .cache = std::make_shared<SourceCache>(5000)});
  for (std::size_t i = 0; i < plain.tensors().size(); ++i) {
    const std::vector<float> wanted = read_all(plain, plain.tensors()[i]);
    EXPECT_EQ(read_all(cached, cached.tensors()[i]), wanted);
    EXPECT_EQ(read_all(cached, cached.tensors()[i]), wanted) << "second time";
    EXPECT_EQ(read_all(small, small.tensors()[i]), wanted);
  }
}

std::string case_name(const testing::TestParamInfo<GoldenCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Recipes, GoldenMerge, testing::ValuesIn(cases(true)), case_name);

class RejectedMerge : public testing::TestWithParam<GoldenCase> {};

TEST_P(RejectedMerge, IsAnError) {
  const std::string name = GetParam().name;
  try {
    const MergedCheckpoint merged = merge_golden(name);
    for (const TensorInfo& info : merged.tensors()) read_all(merged, info);
    FAIL() << name << " was accepted; mergekit: " << GetParam().message;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    RecordProperty("message", error.what());
  }
}

INSTANTIATE_TEST_SUITE_P(Recipes, RejectedMerge, testing::ValuesIn(cases(false)), case_name);

// The language tower of a VLM with two extra vocabulary rows.
class GoldenVlmMerge : public testing::TestWithParam<std::string> {};

TEST_P(GoldenVlmMerge, MergesIntoTheTowerAndKeepsTheRest) {
  const std::filesystem::path folder = kFolder / "vlm";
  const std::string name = GetParam();
  const std::string text =
      read_text_file(folder / "recipes" / (name + ".yml")) + "vlm: models/vlm\n";
  const MergedCheckpoint merged(make_merge_plan(parse_recipe(text, name), golden_models("vlm")));
  const SafetensorsFile expected(folder / "expected" / (name + ".safetensors"));
  const auto vlm = FileCheckpoint::open(folder / "models/vlm");
  EXPECT_EQ(merged.tensors().size(), vlm->tensors().size());
  EXPECT_EQ(merged.config().original, vlm->config().original);
  EXPECT_EQ(merged.directory(), vlm->directory());
  double largest = 0;
  for (const TensorInfo& info : merged.tensors()) {
    const std::vector<float> ours = read_all(merged, info);
    EXPECT_EQ(merged.is_copy(info), !info.name.starts_with("text/"));
    if (!info.name.starts_with("text/")) {
      EXPECT_EQ(ours, read_all(*vlm, *vlm->find(info.name))) << info.name;
      continue;
    }
    const std::vector<float> theirs =
        floats_of(expected.view("language_model." + info.name.substr(5)));
    ASSERT_EQ(ours.size(), theirs.size()) << info.name;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      largest = std::max(largest, std::fabs(double{ours[i]} - double{theirs[i]}));
    }
  }
  EXPECT_LE(largest, 1e-6);
  EXPECT_THAT(merged.plan().warnings, testing::Contains(testing::HasSubstr("rope_theta")));
}

INSTANTIATE_TEST_SUITE_P(Recipes, GoldenVlmMerge,
                         testing::Values("linear", "task_arithmetic_layerwise",
                                         "dare_ties_density1_unnormalized", "ties",
                                         "slerp_attn_mlp"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace vlm
