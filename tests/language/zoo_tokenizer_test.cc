// The bundled models have both kinds of tokenizer files, which must mean the same.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/json_fields.h"
#include "language/tokenizer.h"
#include "tests/language/tokenizer_directory.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;

// All texts of the bundled benchmarks, in the order of their names.
std::vector<std::string> benchmark_texts() {
  std::vector<std::string> texts;
  for (const char* const name :
       {"en-emoji-vqa/search", "en-emoji-vqa/test", "en-math/test", "ja-emoji-in-the-wild/test",
        "ja-emoji-vqa/search", "ja-emoji-vqa/test", "ja-math/search", "ja-math/test"}) {
    std::ifstream file(kProject / "datasets" / name / "data.jsonl");
    for (std::string line; std::getline(file, line);) {
      const Json item = Json::parse(line);
      for (const auto& [key, value] : item.items()) {
        if (value.is_string()) texts.push_back(value.get<std::string>());
      }
    }
  }
  return texts;
}

// Texts that change the language, with blanks and special tokens between the parts.
std::vector<std::string> mixed_texts(const std::vector<std::string>& texts) {
  const std::vector<std::string> joints = {" ",     "",      "  \n",     "<s>",       "</s> ",
                                           "<unk>", "<pad>", " <image>", "<image>\n", "▁"};
  std::vector<std::string> mixed;
  for (std::size_t i = 0; i < texts.size(); i += 5) {
    const std::string& other = texts[(7 * i + texts.size() / 2) % texts.size()];
    const std::string& joint = joints[mixed.size() % joints.size()];
    mixed.push_back(texts[i] + joint + other);
    mixed.push_back(joint + other + joint + joint + texts[i]);
  }
  return mixed;
}

void compare_kinds(const std::string& model) {
  const std::filesystem::path source = kProject / "zoo/models" / model;
  const TokenizerDirectory directory;
  directory.copy(source / "tokenizer.model");
  directory.copy(source / "tokenizer_config.json");
  directory.copy(source / "special_tokens_map.json");
  const Tokenizer json = Tokenizer::load(source);
  const Tokenizer sentencepiece = Tokenizer::load(directory.path());
  EXPECT_EQ(json.vocab_size(), sentencepiece.vocab_size());
  EXPECT_EQ(json.bos_id(), sentencepiece.bos_id());
  EXPECT_EQ(json.eos_id(), sentencepiece.eos_id());
  EXPECT_EQ(json.pad_id(), sentencepiece.pad_id());
  std::vector<std::string> texts = benchmark_texts();
  ASSERT_GT(texts.size(), 1000U);
  for (const std::string& text : texts) {
    const std::vector<TokenId> ids = json.encode(text);
    EXPECT_EQ(ids, sentencepiece.encode(text)) << text;
    EXPECT_EQ(json.decode(ids), sentencepiece.decode(ids)) << text;
  }
  for (const std::string& text : mixed_texts(texts)) {
    EXPECT_EQ(json.encode(text), sentencepiece.encode(text)) << text;
  }
}

TEST(ZooTokenizer, BothKindsOfFilesGiveTheSameIdsForALanguageModel) {
  compare_kinds("base-lm");
}

TEST(ZooTokenizer, BothKindsOfFilesGiveTheSameIdsForAVisionLanguageModel) {
  compare_kinds("en-vlm");
}

}  // namespace
}  // namespace vlm
