// Exported files, read back: metadata, tokens, and each tensor against the checkpoint.

#include "model/gguf_export.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors_writer.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "model/gguf_names.h"
#include "model/gguf_projector.h"
#include "model/gguf_tensors.h"
#include "tests/checkpoint/gguf_file.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kZoo = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";

using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;

GgufFile exported(const Checkpoint& model, std::optional<GgufType> type, std::size_t threads = 2) {
  const TemporaryDirectory folder;
  ThreadPool pool(threads);
  GgufOptions options;
  options.type = type;
  export_gguf_text(model, folder.path() / "model.gguf", options, pool);
  return GgufFile(folder.path() / "model.gguf");
}

std::vector<float> values_of(const Checkpoint& model, const TensorInfo& info) {
  std::vector<float> values(element_count(info.shape).value());
  model.read(info, values);
  return values;
}

// The plain rule of llama.cpp's converter: reshape a head to [2, half, width], swap the first two.
std::vector<float> permuted(const std::vector<float>& values, std::size_t heads,
                            std::size_t width) {
  const std::size_t half = values.size() / heads / width / 2;
  std::vector<float> result;
  for (std::size_t head = 0; head < heads; ++head) {
    for (std::size_t i = 0; i < half; ++i) {
      for (std::size_t j = 0; j < 2; ++j) {
        const std::size_t row = (head * 2 + j) * half + i;
        for (std::size_t k = 0; k < width; ++k) result.push_back(values[row * width + k]);
      }
    }
  }
  return result;
}

TEST(GgufExport, MetadataSaysWhatTheConfigSays) {
  const GgufFile file = exported(FileCheckpoint(kZoo / "ja-lm"), std::nullopt);
  EXPECT_EQ(file.text_of("general.architecture"), "llama");
  EXPECT_EQ(file.text_of("general.name"), "ja-lm");
  EXPECT_EQ(file.number_of("general.file_type"), 32) << "the embeddings are bfloat16";
  EXPECT_EQ(file.number_of("llama.block_count"), 6);
  EXPECT_EQ(file.number_of("llama.context_length"), 2048);
  EXPECT_EQ(file.number_of("llama.embedding_length"), 192);
  EXPECT_EQ(file.number_of("llama.feed_forward_length"), 512);
  EXPECT_EQ(file.number_of("llama.attention.head_count"), 6);
  EXPECT_EQ(file.number_of("llama.attention.head_count_kv"), 2);
  EXPECT_EQ(file.number_of("llama.attention.key_length"), 32);
  EXPECT_EQ(file.number_of("llama.rope.dimension_count"), 32);
  EXPECT_EQ(file.number_of("llama.rope.freq_base"), 10000);
  EXPECT_EQ(file.number_of("llama.attention.layer_norm_rms_epsilon"), double{1e-5F});
  EXPECT_EQ(file.number_of("llama.vocab_size"), 2560);
}

TEST(GgufExport, TokensAreThoseOfTheSentencePieceModel) {
  const GgufFile file = exported(FileCheckpoint(kZoo / "ja-lm"), std::nullopt);
  EXPECT_EQ(file.text_of("tokenizer.ggml.model"), "llama");
  const auto& tokens = std::get<Texts>(file.metadata.at("tokenizer.ggml.tokens"));
  const auto& types = std::get<Numbers>(file.metadata.at("tokenizer.ggml.token_type"));
  const auto& scores = std::get<Numbers>(file.metadata.at("tokenizer.ggml.scores"));
  ASSERT_EQ(tokens.size(), 2560U);
  ASSERT_EQ(types.size(), 2560U);
  ASSERT_EQ(scores.size(), 2560U);
  EXPECT_EQ(tokens[1], "<s>");
  EXPECT_EQ(tokens[2482], "猫");
  EXPECT_THAT(Numbers(types.begin(), types.begin() + 4), testing::ElementsAre(2, 3, 3, 6));
  EXPECT_EQ(types[2482], 1);
  EXPECT_GT(scores[300], scores[301]) << "earlier merges go first";
  EXPECT_EQ(file.number_of("tokenizer.ggml.bos_token_id"), 1);
  EXPECT_EQ(file.number_of("tokenizer.ggml.eos_token_id"), 2);
  EXPECT_EQ(file.number_of("tokenizer.ggml.unknown_token_id"), 0);
  EXPECT_EQ(file.number_of("tokenizer.ggml.add_bos_token"), 1);
  EXPECT_EQ(file.number_of("tokenizer.ggml.add_eos_token"), 0);
}

// The values of `name` in the file: those of the checkpoint, reordered for queries and keys.
void expect_tensor(const GgufFile& file, const std::string& name, const std::vector<float>& values,
                   const Shape& shape, GgufType wanted) {
  const GgufFile::Tensor& tensor = file.tensors.at(name);
  const GgufType type = gguf_type_for(shape, wanted);
  EXPECT_EQ(tensor.type, static_cast<unsigned>(type)) << name;
  EXPECT_EQ(tensor.dimensions, Shape(shape.rbegin(), shape.rend())) << name;
  std::vector<std::byte> bytes(gguf_size_bytes(shape, type));
  encode_gguf(values, type, bytes);
  const std::string stored = file.bytes_of(name, bytes.size());
  EXPECT_EQ(std::memcmp(stored.data(), bytes.data(), bytes.size()), 0) << name;
}

class GgufExportType : public testing::TestWithParam<GgufType> {};

TEST_P(GgufExportType, HoldsEveryTensorOfALlama) {
  const FileCheckpoint model(kZoo / "ja-lm");
  const GgufFile file = exported(model, GetParam());
  EXPECT_EQ(file.tensors.size(), model.tensors().size());
  for (const TensorInfo& info : model.tensors()) {
    std::vector<float> values = values_of(model, info);
    if (info.name.ends_with("q_proj.weight")) values = permuted(values, 6, 192);
    if (info.name.ends_with("k_proj.weight")) values = permuted(values, 2, 192);
    expect_tensor(file, gguf_text_name(info.name).value(), values, info.shape, GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GgufExportType,
                         testing::Values(GgufType::kF32, GgufType::kF16, GgufType::kBF16,
                                         GgufType::kQ8));

TEST(GgufExport, BytesDoNotDependOnThreads) {
  const FileCheckpoint model(kZoo / "ja-lm");
  EXPECT_EQ(exported(model, GgufType::kQ8, 1).data, exported(model, GgufType::kQ8, 3).data);
}

TEST(GgufExport, OfAVlmHoldsTheTowerAndItsAddedTokens) {
  const FileCheckpoint model(kZoo / "en-vlm");
  const GgufFile file = exported(model, std::nullopt);
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_THAT(name, testing::Not(testing::StartsWith("v."))) << tensor.type;
  }
  EXPECT_EQ(file.tensors.at("token_embd.weight").dimensions, Shape({192, 2624}));
  const auto& tokens = std::get<Texts>(file.metadata.at("tokenizer.ggml.tokens"));
  const auto& types = std::get<Numbers>(file.metadata.at("tokenizer.ggml.token_type"));
  EXPECT_EQ(tokens[2560], "<image>");
  EXPECT_EQ(types[2560], 3);
  EXPECT_EQ(tokens[2623], "[PAD2623]");
  EXPECT_EQ(types[2623], 5) << "rows without a token";
}

// A tiny model with a tokenizer.json, one layer of the given kind.
class TinyModel {
 public:
  explicit TinyModel(const std::string& type) {
    config_ = {{"architectures", {type == "qwen2" ? "Qwen2ForCausalLM" : "LlamaForCausalLM"}},
               {"model_type", type},
               {"hidden_size", 8},
               {"num_attention_heads", 2},
               {"num_key_value_heads", 1},
               {"num_hidden_layers", 1},
               {"intermediate_size", 4},
               {"vocab_size", 6},
               {"max_position_embeddings", 32},
               {"tie_word_embeddings", true},
               {"eos_token_id", {4, 5}},
               {"rms_norm_eps", 1e-6}};
    tokenizer_ = {{"model",
                   {{"type", "BPE"},
                    {"vocab", {{"a", 0}, {"b", 1}, {"Ġ", 2}, {"ab", 3}}},
                    {"merges", {"a b", {"Ġ", "ab"}}}}},
                  {"pre_tokenizer", {{"type", "ByteLevel"}}},
                  {"added_tokens", {{{"id", 4}, {"content", "<|end|>"}, {"special", true}}}}};
  }

  Json& config() { return config_; }
  Json& tokenizer() { return tokenizer_; }

  [[nodiscard]] std::unique_ptr<FileCheckpoint> open() {
    folder_.add("config.json", config_.dump());
    if (!tokenizer_.is_null()) folder_.add("tokenizer.json", tokenizer_.dump());
    const std::string layer = "model.layers.0.";
    std::vector<std::pair<std::string, Shape>> tensors{
        {"model.embed_tokens.weight", {6, 8}},
        {"model.norm.weight", {8}},
        {layer + "input_layernorm.weight", {8}},
        {layer + "post_attention_layernorm.weight", {8}},
        {layer + "self_attn.q_proj.weight", {8, 8}},
        {layer + "self_attn.q_proj.bias", {8}},
        {layer + "self_attn.k_proj.weight", {4, 8}},
        {layer + "self_attn.k_proj.bias", {4}},
        {layer + "self_attn.v_proj.weight", {4, 8}},
        {layer + "self_attn.v_proj.bias", {4}},
        {layer + "self_attn.o_proj.weight", {8, 8}},
        {layer + "mlp.gate_proj.weight", {4, 8}},
        {layer + "mlp.up_proj.weight", {4, 8}},
        {layer + "mlp.down_proj.weight", {8, 4}}};
    if (config_.contains("attention_bias"))
      tensors.push_back({layer + "self_attn.o_proj.bias", {8}});
    write(tensors);
    return std::make_unique<FileCheckpoint>(folder_.path());
  }

 private:
  // Tensors that count from 0.
  void write(const std::vector<std::pair<std::string, Shape>>& tensors) {
    std::vector<float> numbers(64);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
    std::vector<NamedTensor> named;
    for (const auto& [name, shape] : tensors) {
      const std::size_t count = element_count(shape).value();
      named.push_back({name, {DType::kF32, shape, std::as_bytes(std::span(numbers).first(count))}});
    }
    write_safetensors(folder_.path() / "model.safetensors", named);
  }

  TemporaryDirectory folder_;
  Json config_;
  Json tokenizer_;
};

std::vector<float> floats_of(const GgufFile& file, const std::string& name, std::size_t count) {
  std::vector<float> values(count);
  const std::string bytes = file.bytes_of(name, count * sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

TEST(GgufExport, Qwen2KeepsItsRowsAndBiases) {
  TinyModel model("qwen2");
  const GgufFile file = exported(*model.open(), std::nullopt);
  EXPECT_EQ(file.text_of("general.architecture"), "qwen2");
  EXPECT_EQ(file.number_of("qwen2.block_count"), 1);
  EXPECT_THAT(floats_of(file, "blk.0.attn_q.bias", 8),
              testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(file.tensors.count("output.weight"), 0U) << "tied";
}

TEST(GgufExport, LlamaReordersBiasesAsItsRows) {
  TinyModel model("llama");
  model.config()["attention_bias"] = true;
  const GgufFile file = exported(*model.open(), std::nullopt);
  EXPECT_THAT(floats_of(file, "blk.0.attn_q.bias", 8),
              testing::ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_THAT(floats_of(file, "blk.0.attn_k.bias", 4), testing::ElementsAre(0, 2, 1, 3));
  EXPECT_THAT(floats_of(file, "blk.0.attn_v.bias", 4), testing::ElementsAre(0, 1, 2, 3));
}

TEST(GgufExport, TokenizerJsonBecomesTokensAndMerges) {
  TinyModel model("qwen2");
  const GgufFile file = exported(*model.open(), std::nullopt);
  EXPECT_EQ(file.text_of("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(file.text_of("tokenizer.ggml.pre"), "gpt-2");
  EXPECT_THAT(std::get<Texts>(file.metadata.at("tokenizer.ggml.tokens")),
              testing::ElementsAre("a", "b", "Ġ", "ab", "<|end|>", "[PAD5]"));
  EXPECT_THAT(std::get<Numbers>(file.metadata.at("tokenizer.ggml.token_type")),
              testing::ElementsAre(1, 1, 1, 1, 3, 5));
  EXPECT_THAT(std::get<Texts>(file.metadata.at("tokenizer.ggml.merges")),
              testing::ElementsAre("a b", "Ġ ab"));
  EXPECT_EQ(file.number_of("tokenizer.ggml.eos_token_id"), 4) << "the first of several";
  EXPECT_EQ(file.number_of("tokenizer.ggml.add_bos_token"), 0);
}

TEST(GgufExport, RowsThatBlocksDoNotDivideAreFloat16) {
  TinyModel model("qwen2");
  const GgufFile file = exported(*model.open(), GgufType::kQ8);
  EXPECT_EQ(file.tensors.at("blk.0.attn_q.weight").type, 1U);
  EXPECT_EQ(file.tensors.at("blk.0.attn_norm.weight").type, 0U);
}

std::string refusal(TinyModel& model) {
  try {
    exported(*model.open(), std::nullopt);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(GgufExportErrors, SayWhatCannotBeWritten) {
  TinyModel none("qwen2");
  none.tokenizer() = Json();
  EXPECT_THAT(refusal(none), HasSubstr("model has no tokenizer"));
  TinyModel unigram("qwen2");
  unigram.tokenizer()["model"]["type"] = "Unigram";
  EXPECT_THAT(refusal(unigram), HasSubstr("only byte-level BPE can be exported"));
  TinyModel cutting("qwen2");
  cutting.tokenizer()["pre_tokenizer"] = {{"type", "Whitespace"}};
  EXPECT_THAT(refusal(cutting), HasSubstr("no name in llama.cpp for this pre_tokenizer"));
  TinyModel scaled("qwen2");
  scaled.config()["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 8.0}};
  EXPECT_THAT(refusal(scaled), HasSubstr("no GGUF export for this rope_scaling"));
  TinyModel merge("qwen2");
  merge.tokenizer()["model"]["merges"] = Json::array({Json::array({"a", 1})});
  EXPECT_THAT(refusal(merge), HasSubstr("not a merge"));
}

TEST(GgufNames, OfComponentsAreLlamaCpps) {
  EXPECT_EQ(gguf_text_name("text/model.layers.12.mlp.down_proj.weight"), "blk.12.ffn_down.weight");
  EXPECT_EQ(gguf_text_name("text/lm_head.weight"), "output.weight");
  EXPECT_FALSE(gguf_text_name("text/model.layers.0.block_sparse_moe.gate.weight").has_value());
  EXPECT_FALSE(gguf_text_name("vision/post_layernorm.weight").has_value());
}

// A bundled model with another number in its config, or in a part of it.
std::filesystem::path with_config(const TemporaryDirectory& folder, const std::string& name,
                                  const char* part, const char* key, std::size_t value) {
  std::filesystem::copy(kZoo / name, folder.path() / name,
                        std::filesystem::copy_options::recursive);
  const std::filesystem::path file = folder.path() / name / "config.json";
  Json config = read_json_file(file);
  (*part == '\0' ? config : config.at(part))[key] = value;
  std::ofstream(file) << config;
  return folder.path() / name;
}

TEST(GgufExport, TensorsOfAnotherShapeThanTheConfigSaysAreRefused) {
  const TemporaryDirectory folder;
  ThreadPool pool(1);
  const auto text = with_config(folder, "ja-lm", "", "intermediate_size", 500);
  const auto tower = with_config(folder, "en-vlm", "vision_config", "intermediate_size", 500);
  EXPECT_THAT(error_message([&] {
                export_gguf_text(FileCheckpoint(text), folder.path() / "x.gguf", {}, pool);
              }),
              HasSubstr("tensor of another shape than the config says"));
  EXPECT_THAT(error_message([&] {
                export_gguf_projector(FileCheckpoint(tower), folder.path() / "x.gguf", {}, pool);
              }),
              HasSubstr("tensor of another shape than the config says"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "x.gguf"));
}

}  // namespace
}  // namespace vlm
