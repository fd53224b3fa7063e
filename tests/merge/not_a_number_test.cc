// Inputs that are infinite or not a number: named and refused, or, if allowed, not hidden.

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "merge/block_loop.h"
#include "merge/kernels/finite.h"
#include "merge/source_reader.h"
#include "tensor/bfloat16.h"
#include "tests/merge/made_up_models.h"
#include "tests/merge/run_method.h"

namespace vlm {
namespace {

using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A model of one tensor [rows, 1000] of ones, but for one element.
PlanInput input_with(std::size_t element, float value, std::size_t rows = 70) {
  auto model = std::make_shared<MemoryCheckpoint>(ModelConfig{});
  std::vector<float> values(rows * 1000, 1.0F);
  values[element] = value;
  model->add("text/x", {rows, 1000}, std::move(values));
  return {"models/a", model};
}

void read(const PlanInput& input, const SourceRules& rules, std::size_t first,
          std::span<float> out) {
  ThreadPool alone(1);
  SourceReader(input, input.checkpoint->tensors().front(), rules, alone).read(first, out);
}

std::string refusal(const PlanInput& input, const SourceRules& rules, std::size_t first = 0) {
  std::vector<float> out(70'000 - first);
  return message_of([&] { read(input, rules, first, out); });
}

TEST(SourceReader, NamesModelTensorPositionAndValue) {
  EXPECT_EQ(refusal(input_with(69'003, kNan), {}),
            "weight is not a number: models/a: text/x: element [69, 3]: nan (merge --allow-nan "
            "lets it pass)");
  EXPECT_THAT(refusal(input_with(0, -kInfinity), {}), HasSubstr("element [0, 0]: -inf"));
  EXPECT_THAT(refusal(input_with(40'000, kNan), {}, 30'000), HasSubstr("element [40, 0]"));
  EXPECT_EQ(refusal(input_with(20'000, kNan), {}, 30'000), "") << "outside of the part";
}

TEST(SourceReader, ValuesThatOverflowTheDtypeAreNamedToo) {
  EXPECT_EQ(refusal(input_with(1001, 70'000.0F), {DType::kF16, false}),
            "weight does not fit into float16: models/a: text/x: element [1, 1]: 70000 (merge "
            "--allow-nan lets it pass)");
  EXPECT_EQ(refusal(input_with(1001, 70'000.0F), {DType::kBF16, false}), "");
}

TEST(SourceReader, PassesThemWhereAllowed) {
  const PlanInput input = input_with(5, kNan);
  std::vector<float> out(70'000);
  read(input, {std::nullopt, true}, 0, out);
  EXPECT_TRUE(std::isnan(out[5]));
  EXPECT_EQ(out[6], 1.0F);
}

TEST(MergedCheckpoint, RefusesNanInMergedAndInCopiedTensors) {
  const MadeUpModels models{{"a", {.value = 1}}, {"b", {.value = kNan}}};
  const std::string pass = "merge_method: passthrough\nmodels: [{model: b}]\n";
  const std::string mean =
      "merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n";
  for (const std::string& recipe : {pass, mean}) {
    const MergedCheckpoint strict(plan_of(recipe, models));
    EXPECT_THAT(message_of([&] { first_value(strict, "text/model.norm.weight"); }),
                HasSubstr("weight is not a number: b: text/model.norm.weight: element [0]: nan"));
    const MergedCheckpoint lenient(plan_of(recipe, models),
                                   {.seed = 0, .cache = nullptr, .allow_nan = true});
    EXPECT_TRUE(std::isnan(first_value(lenient, "text/model.norm.weight"))) << recipe;
  }
}

// No method that drops no entries may turn a NaN into something that looks like a weight.
TEST(MergeMethods, NanReachesTheResult) {
  const ParameterValues global{{"t", 0.5}, {"alpha", 1}, {"beta", 1}};
  const ParameterValues own{{"weight", 0.5}, {"scale", 1.0}};
  for (const char* const name :
       {"linear", "task_arithmetic", "slerp", "nuslerp", "multislerp", "karcher", "model_stock",
        "nearswap", "passthrough", "arcee_fusion", "ram", "ramplus_tl", "ties", "lines"}) {
    const MergeMethod& method = find_merge_method(name, "test");
    const std::size_t count = std::min<std::size_t>(method.max_models, 2);
    Floats bad = random_values(24, "nan");
    bad[7] = kNan;
    std::vector<Input> inputs{{bad, own}};
    if (count == 2) inputs.push_back({random_values(24, "other"), own});
    const Floats out = run(name, random_values(24, "base"), inputs, global, {4, 6});
    EXPECT_TRUE(std::isnan(out[7])) << name;
  }
}

// Values where they lie, which are looked at when a merge asks for it.
TensorValues stored_values(const std::vector<Bfloat16>& stored) {
  const auto read = [&stored](std::size_t first, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = to_float(stored[first + i]);
  };
  const auto part = [&stored](std::size_t first, std::size_t count) {
    return std::span(stored).subspan(first, count);
  };
  const auto require_finite = [part](std::size_t first, std::size_t count) {
    if (has_non_finite(part(first, count))) throw Error(ErrorCode::kCorruptFile, "not a number");
  };
  return {read, {.read = part, .require_finite = require_finite}, stored.size()};
}

TEST(MergeMethods, NanInBfloat16IsFoundWhateverTheWeights) {
  const std::vector<Bfloat16> good(24, Bfloat16{float_to_bf16(0.5F)});
  std::vector<Bfloat16> bad = good;
  bad[7] = Bfloat16{float_to_bf16(kNan)};
  ThreadPool alone(1);
  for (const char* const name :
       {"task_arithmetic", "ties", "dare_linear", "della", "breadcrumbs", "linear", "nuslerp",
        "multislerp", "karcher", "model_stock", "lines"}) {
    const MergeMethod& method = find_merge_method(name, "test");
    const bool has_base = method.base == BaseRole::kRequired;
    const auto merge = [&](double weight, const std::vector<Bfloat16>& base,
                           const std::vector<Bfloat16>& model) {
      const ParameterValues own{{"weight", weight}, {"density", 0.5}};
      const std::vector<Input> inputs{{Floats(24), own}, {Floats(24), {{"weight", 0}}}};
      const ParameterValues global{{"alpha", 1}, {"beta", 1}};
      TensorMerge task = make_task(method, Floats(24), inputs, global, {4, 6});
      task.base = has_base ? stored_values(base) : TensorValues();
      task.models[0].values = stored_values(good);
      task.models[1].values = stored_values(model);
      Floats out(24);
      return message_of([&] { StartedMerge(method.start, task, alone).read(0, out); });
    };
    EXPECT_EQ(merge(1, good, good), "") << name;
    EXPECT_EQ(merge(1, good, bad), "not a number") << name;
    if (has_base) {
      EXPECT_EQ(merge(0, bad, good), "not a number") << name;
    }
  }
}

TEST(MergeMethods, NanInBfloat16IsFoundInBothInputsOfSlerp) {
  std::vector<Bfloat16> good(24, Bfloat16{float_to_bf16(0.5F)});
  good[3] = Bfloat16{float_to_bf16(-2.0F)};
  std::vector<Bfloat16> bad = good;
  bad[7] = Bfloat16{float_to_bf16(kInfinity)};
  ThreadPool alone(1);
  const MergeMethod& method = find_merge_method("slerp", "test");
  for (const double t : {0.0, 0.5, 1.0}) {
    const auto merge = [&](const std::vector<Bfloat16>& base, const std::vector<Bfloat16>& model) {
      TensorMerge task = make_task(method, Floats(24), {{Floats(24), {}}}, {{"t", t}}, {4, 6});
      task.base = stored_values(base);
      task.models[0].values = stored_values(model);
      Floats out(24);
      return message_of([&] { StartedMerge(method.start, task, alone).read(0, out); });
    };
    EXPECT_EQ(merge(good, good), "") << t;
    EXPECT_EQ(merge(bad, good), "not a number") << t;
    EXPECT_EQ(merge(good, bad), "not a number") << t;
  }
}

// What a merge makes of numbers may be too large for the file.
TEST(MergedCheckpoint, RefusesToStoreWhatDoesNotFit) {
  const MadeUpModels models{{"a", {.value = 1}}};
  const auto store = [&](const std::string& weight, const std::string& dtype, bool allow_nan) {
    const MergedCheckpoint merged(
        plan_of("merge_method: linear\nmodels: [{model: a}]\nparameters: {normalize: false, "
                "weight: " +
                    weight + "}\nout_dtype: " + dtype + "\n",
                models),
        {.seed = 0, .cache = nullptr, .allow_nan = allow_nan});
    return message_of([&] {
      ThreadPool alone(1);
      const TensorInfo* const info = merged.find("text/model.norm.weight");
      const auto reader = merged.open_tensors({&info, 1}, alone);
      Floats scratch(*element_count(info->shape));
      std::vector<std::byte> out(scratch.size() * element_size_bytes(info->dtype));
      reader->read_stored(0, 0, info->dtype, scratch, out);
    });
  };
  EXPECT_EQ(store("60000", "float16", false), "");
  EXPECT_EQ(store("70000", "float16", false),
            "merged weight does not fit into float16: text/model.norm.weight: element [0]: inf "
            "(merge --allow-nan writes it)");
  EXPECT_EQ(store("70000", "bfloat16", false), "");
  EXPECT_THAT(store("-1e39", "bfloat16", false), HasSubstr("into bfloat16: "));
  EXPECT_THAT(store("-1e39", "float32", false), HasSubstr("element [0]: -inf"));
  EXPECT_EQ(store("1e39", "bfloat16", true), "");
}

// Those that compare entries with others keep the rest as it is.
TEST(MergeMethods, NanOfOneEntryLeavesTheOthersInRegionMethods) {
  Floats bad = random_values(24, "nan");
  bad[7] = kNan;
  for (const char* const name : {"ram", "ramplus_tl"}) {
    const Floats out = run(name, random_values(24, "base"), {{bad, {}}}, {}, {4, 6});
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i == 7) << name;
  }
}

}  // namespace
}  // namespace vlm
