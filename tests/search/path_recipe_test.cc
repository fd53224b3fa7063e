// Data-flow recipes (Akiba et al. 2024, section 3.2): both stored forms against golden logits of
// the reference (tests/data/language/lm/dfs) and against the decoder that executes the path itself.

#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "language/generate.h"
#include "merge/kinship.h"
#include "merge/lora_extraction.h"
#include "merge/merge_to_disk.h"
#include "merge/recipe_parser.h"
#include "model/model.h"
#include "model/trace.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/error_message.h"
#include "tests/model/golden_decoder.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The documented bound for logits of the golden data. Its folded models differ by up to 2.8e-5,
// which rms_norm_eps explains.
constexpr float kTolerance = 1e-4F;
// Two float32 computations of the same numbers: logits of size 1, a few layers.
constexpr float kRounding = 2e-5F;

struct Hop {
  std::string model;
  std::size_t layer = 0;
  double scale = 1;
};

std::string recipe_of(const std::vector<Hop>& hops, const std::string& keys = "") {
  std::ostringstream text;
  text.precision(17);
  text << "path:\n";
  for (const Hop& hop : hops) {
    text << "- {model: " << hop.model << ", layer: " << hop.layer << ", scale: " << hop.scale
         << "}\n";
  }
  return text.str() + keys;
}

OpenModel models_in(const std::filesystem::path& folder) {
  return [folder](const std::string& name) { return FileCheckpoint::open(folder / name); };
}

MergedCheckpoint merge_in(const std::filesystem::path& folder, const std::string& recipe) {
  return MergedCheckpoint(make_merge_plan(parse_recipe(recipe, "r.yaml"), models_in(folder)));
}

MergedCheckpoint merge_golden(const std::string& recipe) {
  return merge_in(golden_lm("."), recipe);
}

// Loads the language model of `checkpoint` and runs one sequence.
Matrix<float> logits_of(const Checkpoint& checkpoint, const std::vector<TokenId>& ids,
                        ThreadPool& pool) {
  const DecoderConfig config = parse_decoder_config(checkpoint.config().text());
  const DecoderStorage storage = DecoderStorage::load(checkpoint, config, pool);
  return std::move(run_sequence(Decoder(storage.config(), storage.weights()), ids, pool).logits);
}

// The logits of a model whose layers are executed along `hops`, all of that model.
Matrix<float> logits_along(const Checkpoint& checkpoint, const std::vector<Hop>& hops,
                           HopScaling scaling, float eps, const std::vector<TokenId>& ids,
                           ThreadPool& pool) {
  DecoderConfig config = parse_decoder_config(checkpoint.config().text());
  config.rms_norm_eps = eps;
  config.path.scaling = scaling;
  for (const Hop& hop : hops) {
    config.path.hops.push_back({hop.layer, static_cast<float>(hop.scale)});
  }
  const DecoderStorage storage = DecoderStorage::load(checkpoint, config, pool);
  return std::move(run_sequence(Decoder(storage.config(), storage.weights()), ids, pool).logits);
}

std::vector<TokenId> greedy_16(const Checkpoint& checkpoint, const std::vector<TokenId>& ids,
                               ThreadPool& pool) {
  const DecoderConfig config = parse_decoder_config(checkpoint.config().text());
  const DecoderStorage storage = DecoderStorage::load(checkpoint, config, pool);
  const std::vector<GenerationPrompt> prompts{{ids, {}}};
  GenerationOptions options;
  options.max_tokens = 16;
  return generate_ids(Decoder(storage.config(), storage.weights()), prompts, options,
                      BatchOptions{}, pool)[0]
      .ids;
}

std::vector<Hop> hops_of(const Json& item) {
  std::vector<Hop> hops;
  for (std::size_t i = 0; i < item["path"].size(); ++i) {
    hops.push_back({"dfs", item["path"][i].get<std::size_t>(),
                    item["scales"].is_null() ? 1.0 : item["scales"][i].get<double>()});
  }
  return hops;
}

class PathRecipeGolden : public ::testing::TestWithParam<const char*> {
 protected:
  // The golden cases as recipes of this layout.
  [[nodiscard]] std::string recipe(const Json& item) const {
    const bool is_mlp = item["variant"] == "mlp_delta";
    return recipe_of(hops_of(item),
                     std::string("layout: ") + GetParam() + (is_mlp ? "\nscale_of: mlp\n" : "\n"));
  }

  ThreadPool pool_{2};
  SafetensorsFile tensors_{golden_lm("dfs") / "tensors.safetensors"};
  Json golden_ = read_json_file(golden_lm("dfs") / "cases.json");
};

TEST_P(PathRecipeGolden, GivesTheLogitsAndIdsOfTheReferenceInMemoryAndOnDisk) {
  ASSERT_EQ(golden_["cases"].size(), 6U);
  for (const Json& item : golden_["cases"]) {
    const auto ids = item["input_ids"].get<std::vector<TokenId>>();
    const MergedCheckpoint merged = merge_golden(recipe(item));
    const TemporaryDirectory folder;
    merge_to_disk(merged, folder.path() / "out", {}, pool_);
    const FileCheckpoint written(folder.path() / "out");
    const Matrix<float> expected = read_matrix(tensors_, item["logits"].get<std::string>());
    const Matrix<float> in_memory = logits_of(merged, ids, pool_);
    EXPECT_LT(largest_difference(in_memory.values(), expected.values()), kTolerance) << item["id"];
    EXPECT_EQ(largest_difference(in_memory.values(), logits_of(written, ids, pool_).values()), 0)
        << item["id"];
    EXPECT_EQ(greedy_16(written, ids, pool_), item["greedy_16_new_ids"].get<std::vector<TokenId>>())
        << item["id"];
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, PathRecipeGolden, ::testing::Values("standard", "evomistral"));

// With a small rms_norm_eps the folded form is exact, however large the scales: biases, tied heads.
class PathRecipeFamilies : public ::testing::TestWithParam<const char*> {};

TEST_P(PathRecipeFamilies, FoldedScalesEqualThePathWhenTheirOwnEpsDoesNotTell) {
  ThreadPool pool(2);
  const std::string name = GetParam();
  const FileCheckpoint checkpoint(golden_lm(name));
  const std::vector<Hop> hops{{name, 0, 0.02}, {name, 1, -3}, {name, 1, 1.5}, {name, 0, 2}};
  const std::vector<TokenId> ids{1, 35, 27, 50, 22, 26};
  constexpr float kSmallEps = 1e-12F;
  for (const HopScaling scaling : {HopScaling::kStream, HopScaling::kMlpOutput}) {
    const MergedCheckpoint merged =
        merge_golden(recipe_of(hops, scaling == HopScaling::kStream ? "" : "scale_of: mlp\n"));
    const Matrix<float> expected = logits_along(checkpoint, hops, scaling, kSmallEps, ids, pool);
    const Matrix<float> folded = logits_along(merged, {}, scaling, kSmallEps, ids, pool);
    float largest = 0;
    for (const float value : expected.values()) largest = std::max(largest, std::abs(value));
    EXPECT_LT(largest_difference(folded.values(), expected.values()),
              kRounding * std::max(1.0F, largest));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, PathRecipeFamilies,
                         ::testing::Values("mistral_gqa", "llama_rope3_tied_bias", "qwen2"));

TEST(PathRecipe, TheReleasedLayoutStoresEachLayerOnceAndItsPathInTensors) {
  ThreadPool pool(2);
  const MergedCheckpoint merged = merge_golden(
      recipe_of({{"dfs", 2}, {"dfs", 0, 0}, {"dfs", 2, -0.5}}, "layout: evomistral\n"));
  EXPECT_EQ(merged.config().num_layers(), 2U);
  const TemporaryDirectory folder;
  MergeToDiskOptions options;
  options.max_shard_size_bytes = 100'000;
  merge_to_disk(merged, folder.path() / "out", options, pool);
  const Json config = read_json_file(folder.path() / "out/config.json");
  EXPECT_EQ(config.at("architectures"), Json({"EvoMistralForCausalLM"}));
  EXPECT_EQ(config.at("model_type"), "evomistral");
  EXPECT_EQ(config.at("num_hops"), 3);
  EXPECT_EQ(config.at("num_hidden_layers"), 2);
  EXPECT_FALSE(config.contains("input_layers")) << "they are tensors";
  EXPECT_EQ(config.at("input_scales_of"), "stream");
  EXPECT_EQ(config.at("auto_map").at("AutoModelForCausalLM"),
            "SakanaAI/EvoLLM-JP-v1-10B--modeling_evomistral.EvoMistralForCausalLM");
  const Json index = read_json_file(folder.path() / "out/model.safetensors.index.json");
  const std::string shard = index.at("weight_map").at("model.input_layers");
  const SafetensorsFile file(folder.path() / "out" / shard);
  EXPECT_EQ(file.view("model.input_layers").dtype, DType::kI32);
  EXPECT_EQ(file.view("model.input_scales").dtype, DType::kF32);
  const FileCheckpoint written(folder.path() / "out");
  EXPECT_EQ(written.config().json.at("input_layers"), Json({0, 1, 0}));
  EXPECT_EQ(written.config().json.at("input_scales"), Json({1.0, 0.0, -0.5}));
  EXPECT_EQ(written.tensors().size(), merged.tensors().size());
}

TEST(PathRecipe, ADataFlowModelBecomesAStandardOne) {
  ThreadPool pool(2);
  const TemporaryDirectory folder;
  merge_to_disk(merge_golden(recipe_of({{"dfs", 0}, {"dfs", 2, 1.4}, {"dfs", 1, -0.6}},
                                       "layout: evomistral\n")),
                folder.path() / "evo", {}, pool);
  const std::vector<TokenId> ids{1, 35, 27, 50};
  const FileCheckpoint evo(folder.path() / "evo");
  const MergedCheckpoint standard = merge_in(folder.path(), "path: [{model: evo}]\n");
  EXPECT_EQ(standard.config().architecture, "MistralForCausalLM");
  EXPECT_FALSE(standard.config().original.contains("num_hops"));
  EXPECT_FALSE(standard.config().original.contains("auto_map"));
  EXPECT_EQ(standard.config().num_layers(), 3U);
  EXPECT_LT(largest_difference(logits_of(standard, ids, pool).values(),
                               logits_of(evo, ids, pool).values()),
            kTolerance);
  EXPECT_THAT(error_message([&] {
                merge_in(folder.path(), "models: [{model: evo}]\nmerge_method: passthrough\n");
              }),
              HasSubstr("'path: [{model: evo}]'"));
  const KinshipModel kin{"evo", FileCheckpoint::open(folder.path() / "evo")};
  EXPECT_THAT(error_message([&] { measure_kinship(kin, {kin}, {}, pool); }), HasSubstr("evo"));
  EXPECT_THAT(error_message([&] { extract_lora(evo, evo, folder.path() / "lora", {}, pool); }),
              HasSubstr("executes its layers along a path"));
  EXPECT_THAT(
      error_message([&] { merge_in(folder.path(), "path: [{model: evo}]\nscale_of: mlp\n"); }),
      HasSubstr("stream, but the recipe's are of mlp (scale_of: stream)"));
}

// The released model's code multiplies the output of the MLP before a hop, and of the first hop the
// embedding; it knows no other kind.
TEST(PathRecipe, ScalesThatTheReleasedCodeReadsOtherwiseAreMarkedAndReported) {
  const auto merged = [](const std::vector<Hop>& hops, const std::string& keys) {
    return merge_golden(recipe_of(hops, "layout: evomistral\n" + keys));
  };
  const std::vector<Hop> hops{{"dfs", 0}, {"dfs", 1, 1.5}};
  const MergedCheckpoint stream = merged(hops, "");
  EXPECT_EQ(stream.config().original.at("input_scales_of"), "stream");
  EXPECT_THAT(stream.plan().warnings, ElementsAre(HasSubstr("only this program")));
  const MergedCheckpoint mlp = merged(hops, "scale_of: mlp\n");
  EXPECT_FALSE(mlp.config().original.contains("input_scales_of"));
  EXPECT_THAT(mlp.plan().warnings, testing::IsEmpty());
  const MergedCheckpoint either = merged({{"dfs", 0, 1.5}, {"dfs", 1}}, "");
  EXPECT_FALSE(either.config().original.contains("input_scales_of"));
  EXPECT_THAT(either.plan().warnings, testing::IsEmpty());
}

TEST(PathRecipe, ADataFlowModelWhoseScalesAreOneIsAPathOfEitherKind) {
  ThreadPool pool(2);
  const TemporaryDirectory folder;
  merge_to_disk(merge_golden(recipe_of({{"dfs", 1, 1.5}, {"dfs", 0}}, "layout: evomistral\n")),
                folder.path() / "evo", {}, pool);
  for (const char* const kind : {"stream", "mlp"}) {
    const MergedCheckpoint standard =
        merge_in(folder.path(), std::string("path: [{model: evo}]\nscale_of: ") + kind + "\n");
    EXPECT_EQ(standard.config().num_layers(), 2U);
  }
}

TEST(PathRecipe, ScalesThatCannotBeFoldedAreRefusedAndLargeOnesReported) {
  const auto plan_of = [](const std::string& recipe) {
    return make_merge_plan(parse_recipe(recipe, "r.yaml"), models_in(golden_lm(".")));
  };
  const std::vector<Hop> zero{{"dfs", 0}, {"dfs", 1, 0}};
  EXPECT_THAT(error_message([&] { plan_of(recipe_of(zero)); }),
              HasSubstr("r.yaml: scales up to hop 1 multiply to 0"));
  EXPECT_THAT(plan_of(recipe_of(zero, "scale_of: mlp\n")).warnings, testing::IsEmpty());
  EXPECT_THAT(plan_of(recipe_of({{"dfs", 0, 1.9}, {"dfs", 1, -1}})).warnings, testing::IsEmpty());
  EXPECT_THAT(plan_of(recipe_of({{"dfs", 0, 1.5}, {"dfs", 1, 1.5}})).warnings,
              ElementsAre(HasSubstr("before hop 1 is 2.25 times")));
  EXPECT_THAT(error_message([&] {
                plan_of(recipe_of({{"dfs", 4}}));
              }),
              HasSubstr("dfs has 4 layers"));
  EXPECT_THAT(error_message([&] {
                plan_of(recipe_of({{"qwen2", 0}}, "layout: evomistral\n"));
              }),
              HasSubstr("Qwen2ForCausalLM"));
}

TEST(PathRecipe, HopsOfAnotherModelKeepEmbeddingsNormAndHeadOfTheFirst) {
  const std::filesystem::path zoo = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";
  const MergedCheckpoint merged = merge_in(zoo, recipe_of({{"base-lm", 0}, {"ja-lm", 5}}));
  for (const TensorPlan& tensor : merged.plan().tensors) {
    EXPECT_TRUE(tensor.is_copy);
    const std::string& model = merged.plan().inputs[tensor.sources[0].input].name;
    EXPECT_EQ(model, tensor.layer == 1U ? "ja-lm" : "base-lm") << tensor.output.name;
  }
  EXPECT_EQ(merged.config().num_layers(), 2U);
}

TEST(PathRecipe, AVisionLanguageModelSeesAsAlongThePath) {
  ThreadPool pool(2);
  const std::filesystem::path zoo = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";
  const std::vector<Hop> hops{
      {"en-vlm", 0}, {"en-vlm", 1, -1}, {"en-vlm", 1, 1}, {"en-vlm", 5, -1}};
  const auto request = [](const std::vector<Hop>& path) {
    TraceRequest made;
    made.prompt.text = "<image> a";
    PixelValues pixels{Matrix<float>(3, 64 * 64), 64, 64};
    made.pictures.push_back({{64, 64}, {}});
    made.pictures.front().views.push_back(std::move(pixels));
    for (const Hop& hop : path) {
      made.layer_path.hops.push_back({hop.layer, static_cast<float>(hop.scale)});
    }
    return made;
  };
  const Model vlm(FileCheckpoint(zoo / "en-vlm"), pool);
  const MergedCheckpoint merged =
      merge_in(zoo, recipe_of(hops, "vlm: en-vlm\nout_dtype: float32\n"));
  const Model folded(merged, pool);
  const Trace expected = trace_forward(vlm, request(hops), pool);
  const Trace found = trace_forward(folded, request({}), pool);
  ASSERT_EQ(found.tensors.back().name, "logits");
  EXPECT_LT(largest_difference(found.tensors.back().values.values(),
                               expected.tensors.back().values.values()),
            kTolerance);
  EXPECT_THAT(
      error_message([&] { merge_in(zoo, recipe_of(hops, "vlm: en-vlm\nlayout: evomistral\n")); }),
      HasSubstr("LlavaForConditionalGeneration"));
}

}  // namespace
}  // namespace vlm
