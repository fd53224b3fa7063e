#include "checkpoint/adapted_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors_writer.h"
#include "core/thread_pool.h"
#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kData = VLM_TEST_DATA;
const std::filesystem::path kLora = kData / "checkpoint/lora";

std::vector<float> values_of(const Checkpoint& checkpoint, const TensorInfo& info) {
  std::vector<float> values(*element_count(info.shape));
  checkpoint.read(info, values);
  return values;
}

std::filesystem::path model_of(const std::string& name) {
  return name == "models/base_with_bias" ? kLora / "base_with_bias" : kData / "merge" / name;
}

std::shared_ptr<const AdaptedCheckpoint> adapt(const std::filesystem::path& model,
                                               const std::filesystem::path& adapter) {
  return std::make_shared<const AdaptedCheckpoint>(FileCheckpoint::open(model),
                                                   std::make_shared<const LoraAdapter>(adapter));
}

// PEFT's merge_and_unload(), by the tensors' names on the disk or in its module tree.
class PeftCase : public testing::TestWithParam<Json> {};

TEST_P(PeftCase, EqualsPeft) {
  const std::string name = GetParam().at("name");
  const std::filesystem::path base = model_of(GetParam().at("model"));
  const auto adapted = adapt(base, kLora / name);
  const auto model = FileCheckpoint::open(base);
  const SafetensorsFile expected(kLora / name / "expected.safetensors");
  std::map<std::string, TensorView> changed;
  std::vector<std::string> names;
  for (const auto& entry : expected.entries()) names.push_back(entry.name);
  const Layout layout = Layout::detect(names);
  for (const auto& entry : expected.entries()) {
    changed.emplace(*layout.canonical_name(entry.name), expected.view(entry));
  }
  for (const TensorInfo& info : adapted->tensors()) {
    const std::vector<float> ours = values_of(*adapted, info);
    const auto found = changed.find(info.name);
    if (found == changed.end()) {
      EXPECT_EQ(ours, values_of(*model, info)) << info.name;
      continue;
    }
    std::vector<float> theirs(ours.size());
    read_floats(found->second, 0, theirs);
    // Values up to 4, sums of at most 8 products: a few units in the last place.
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], 1e-6);
    changed.erase(found);
  }
  EXPECT_TRUE(changed.empty());
}

std::vector<Json> peft_cases() {
  return read_json_file(kLora / "cases.json").at("cases").get<std::vector<Json>>();
}

INSTANTIATE_TEST_SUITE_P(AdaptedCheckpoint, PeftCase, testing::ValuesIn(peft_cases()),
                         [](const auto& each) {
                           return each.param.at("name").template get<std::string>();
                         });

// So that a merge gets the same values in any blocks.
TEST_P(PeftCase, PartsAreThoseOfTheWholeBitForBit) {
  const auto adapted = adapt(model_of(GetParam().at("model")), kLora / GetParam().at("name"));
  ThreadPool pool(1);
  for (const TensorInfo& info : adapted->tensors()) {
    const std::vector<float> whole = values_of(*adapted, info);
    const TensorInfo* const tensor = &info;
    const auto reader = adapted->open_tensors({&tensor, 1}, pool);
    for (const std::size_t step : {1U, 5U, 24U, 70U}) {
      for (std::size_t first = 0; first < whole.size(); first += step) {
        std::vector<float> part(std::min(step, whole.size() - first));
        reader->read(0, first, part);
        EXPECT_TRUE(std::ranges::equal(part, std::span(whole).subspan(first, part.size())))
            << info.name << " from " << first << " by " << step;
      }
    }
  }
}

// An adapter of rank 1 and scale 2 whose A and B are all ones, of a module [24, 24].
class OnesAdapter {
 public:
  explicit OnesAdapter(const std::string& module) {
    directory_.add("adapter_config.json", R"({"peft_type": "LORA", "r": 1, "lora_alpha": 2})");
    const std::vector<float> ones(24, 1.0F);
    const auto bytes = std::as_bytes(std::span(ones));
    const std::vector<NamedTensor> tensors{
        {"base_model.model." + module + ".lora_A.weight", {DType::kF32, {1, 24}, bytes}},
        {"base_model.model." + module + ".lora_B.weight", {DType::kF32, {24, 1}, bytes}}};
    write_safetensors(path() / "adapter_model.safetensors", tensors);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

TEST(AdaptedCheckpoint, AnAdapterOfALanguageModelFitsTheTowerOfAVlm) {
  const OnesAdapter adapter("model.layers.0.self_attn.q_proj");
  const std::filesystem::path vlm = kData / "merge/vlm/models/vlm";
  const auto adapted = adapt(vlm, adapter.path());
  const auto plain = FileCheckpoint::open(vlm);
  const std::string target = "text/model.layers.0.self_attn.q_proj.weight";
  const std::vector<float> before = values_of(*plain, *plain->find(target));
  const std::vector<float> after = values_of(*adapted, *adapted->find(target));
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i], before[i] + 2.0F);
}

TEST(AdaptedCheckpoint, RefusesAModuleThatTheModelDoesNotHave) {
  const OnesAdapter adapter("model.layers.7.self_attn.q_proj");
  EXPECT_THAT(error_message(ErrorCode::kInvalidArgument,
                            [&] { adapt(kData / "merge/vlm/models/vlm", adapter.path()); }),
              HasSubstr("text/model.layers.7.self_attn.q_proj.weight"));
}

TEST(AdaptedCheckpoint, RefusesAModelOfOtherShapes) {
  EXPECT_THAT(error_message(ErrorCode::kInvalidArgument,
                            [] { adapt(model_of("models/base"), kLora / "bias_of_b"); }),
              HasSubstr("[8, 8], but [32, 32]"));
}

// A merge that is resumed after lora_alpha was edited would be of two adapters.
TEST(AdaptedCheckpoint, FactorsInTheConfigArePartOfTheWeights) {
  const OnesAdapter adapter("model.layers.0.self_attn.q_proj");
  const std::filesystem::path model = kData / "merge/vlm/models/vlm";
  const auto before = adapt(model, adapter.path());
  write_file_atomically(adapter.path() / "adapter_config.json",
                        R"({"peft_type": "LORA", "r": 1, "lora_alpha": 4})");
  const auto after = adapt(model, adapter.path());
  EXPECT_NE(before->weight_files(), after->weight_files());
  const TensorInfo* const adapted = before->find("text/model.layers.0.self_attn.q_proj.weight");
  EXPECT_NE(before->origin(*adapted), after->origin(*after->find(adapted->name)));
}

TEST(LoraAdapter, RefusesPickledWeightsByName) {
  const TemporaryDirectory adapter;
  adapter.add("adapter_config.json", R"({"peft_type": "LORA", "r": 1, "lora_alpha": 2})");
  adapter.add("adapter_model.bin", "");
  EXPECT_THAT(error_message(ErrorCode::kUnsupported, [&] { LoraAdapter{adapter.path()}; }),
              HasSubstr("adapter_model.bin"));
}

}  // namespace
}  // namespace vlm
