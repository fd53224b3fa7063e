// The commands with original LLaVA say what they say of the same weights in the layout of the hub.

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json_fields.h"
#include "tests/checkpoint/gguf_file.h"
#include "tests/checkpoint/original_llava_model.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kZoo = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";

class OriginalLlavaProgram : public ProgramTest {
 protected:
  // What a command prints, `model` being called MODEL.
  std::string said(const std::string& model, std::vector<std::string> words) {
    for (std::string& word : words) word = word == "MODEL" ? model : word;
    const ProgramResult result = run(words);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    std::string out = result.out;
    for (std::size_t at = 0; (at = out.find(model, at)) != std::string::npos;) {
      out.replace(at, model.size(), "MODEL");
    }
    return out;
  }
  void expect_same(const std::vector<std::string>& words) {
    EXPECT_EQ(said(original.path().string(), words), said((kZoo / "en-vlm").string(), words));
  }

  OriginalLlavaModel original{kZoo / "en-vlm"};
};

TEST_F(OriginalLlavaProgram, CaptionsAndAnswersAreEqual) {
  const std::string picture =
      (std::filesystem::path(VLM_TEST_DATA) / "image/anyres/in_300x60.png").string();
  expect_same({"caption", picture, "--model", "MODEL", "--max-tokens", "12"});
  expect_same({"generate", "--model", "MODEL", "--prompt", "[INST] <image>\nWhat is it? [/INST]",
               "--image", picture, "--max-tokens", "8", "--json"});
  Json results = Json::array();
  for (const std::string& model : {original.path().string(), (kZoo / "en-vlm").string()}) {
    said(model, {"eval", "--model", "MODEL", "--benchmark", "en-emoji-vqa", "--limit", "3",
                 "--samples", "samples.jsonl", "--out", "result.json", "--quiet"});
    results.push_back(read_text_file(folder() / "samples.jsonl"));
    std::filesystem::remove(folder() / "samples.jsonl");
    std::filesystem::remove(folder() / "result.json");
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_F(OriginalLlavaProgram, KinshipIsEqual) {
  expect_same({"kinship", "MODEL", (kZoo / "ja-lm").string(), "--base", (kZoo / "base-lm").string(),
               "--json", "--quiet"});
}

TEST_F(OriginalLlavaProgram, InspectNamesTheArchitectureAndCountsTheTower) {
  const std::string model = original.path().string();
  const Json ours = Json::parse(said(model, {"inspect", "MODEL", "--json"}));
  const Json hubs = Json::parse(said((kZoo / "en-vlm").string(), {"inspect", "MODEL", "--json"}));
  EXPECT_EQ(ours.at("architecture"), "LlavaMistralForCausalLM");
  EXPECT_EQ(ours.at("components"), hubs.at("components"));
}

// A merge of two, exported, has the tensors of the same merge in the hub's layout.
TEST_F(OriginalLlavaProgram, AMergeOfTwoIsExportedAsThatOfTheHubs) {
  const OriginalLlavaModel other(kZoo / "evo-vlm");
  const auto exported = [&](const std::string& a, const std::string& b) {
    const std::string both = "{models: [{model: " + a + "}], parameters: {t: 0.3}}";
    write("recipe.yaml", "merge_method: slerp\nbase_model: " + b + "\ncomponents:\n  text: " +
                             both + "\n  vision: " + both + "\n  projector: " + both + "\n");
    for (const char* const left : {"merged", "text.gguf", "mmproj.gguf"}) {
      std::filesystem::remove_all(folder() / left);
    }
    EXPECT_EQ(run({"merge", "recipe.yaml", "merged", "--quiet"}).exit_code, 0);
    const ProgramResult result = run({"export", "merged", "--gguf", "text.gguf", "--mmproj",
                                      "mmproj.gguf", "--dtype", "f32", "--quiet"});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return std::pair(GgufFile(folder() / "text.gguf"), GgufFile(folder() / "mmproj.gguf"));
  };
  const auto ours = exported(original.path().string(), other.path().string());
  const Json config = read_json_file(folder() / "merged/config.json");
  EXPECT_EQ(config.at("architectures"), Json({"LlavaMistralForCausalLM"}));
  const auto hubs = exported((kZoo / "en-vlm").string(), (kZoo / "evo-vlm").string());
  EXPECT_FALSE(ours.first.tensors.empty());
  EXPECT_EQ(ours.first.data, hubs.first.data);
  EXPECT_TRUE(ours.second.tensors.contains("mm.0.weight"));
  EXPECT_EQ(ours.second.data, hubs.second.data);
}

TEST_F(OriginalLlavaProgram, AMissingTowerIsOneLine) {
  original.change("mm_vision_tower", "openai/clip-vit-none");
  const ProgramResult result = run({"inspect", original.path().string()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("no such vision tower"));
  EXPECT_THAT(result.errors, HasSubstr("openai/clip-vit-none"));
  EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1);
}

}  // namespace
}  // namespace vlm
