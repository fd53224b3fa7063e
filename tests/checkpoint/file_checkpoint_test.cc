#include "checkpoint/file_checkpoint.h"

#include <cstring>
#include <map>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors_writer.h"
#include "core/files.h"
#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kData = fs::path(VLM_TEST_DATA) / "checkpoint";
const fs::path kZoo = fs::path(VLM_PROJECT_DIR) / "zoo/models";

std::vector<float> values(const Checkpoint& checkpoint, const TensorInfo& info) {
  std::vector<float> read(element_count(info.shape).value());
  checkpoint.read(info, read);
  return read;
}

double sum_of_squares(const Checkpoint& checkpoint) {
  double sum = 0;
  for (const TensorInfo& info : checkpoint.tensors()) {
    for (const float value : values(checkpoint, info)) sum += double{value} * value;
  }
  return sum;
}

std::map<std::string, std::vector<float>> all_values(const Checkpoint& checkpoint) {
  std::map<std::string, std::vector<float>> all;
  for (const TensorInfo& info : checkpoint.tensors()) all[info.name] = values(checkpoint, info);
  return all;
}

// Writes a shard with one float tensor of each name.
void add_weights(const fs::path& file, const std::vector<std::string>& names,
                 DType dtype = DType::kF32) {
  std::vector<TensorInfo> infos;
  for (const std::string& name : names) infos.push_back({name, dtype, {2}});
  const SafetensorsWriter zeros(file, infos, {});
}

TEST(FileCheckpoint, IsTheSameModelUnderEveryNameOfItsDirectory) {
  const TemporaryDirectory directory;
  const fs::path link = directory.path() / "link";
  fs::create_directory_symlink(kZoo / "base-lm", link);
  const FileCheckpoint base(kZoo / "base-lm");
  const FileCheckpoint relative(fs::relative(kZoo / "base-lm"));
  EXPECT_TRUE(is_same_model(base, FileCheckpoint(link)));
  EXPECT_TRUE(is_same_model(base, relative));
  EXPECT_FALSE(is_same_model(base, FileCheckpoint(kZoo / "ja-lm")));
}

// A directory with a config, an index and two shards, to be damaged.
class DamagedShards : public testing::Test {
 protected:
  DamagedShards() {
    directory.add("config.json", text_config());
    add_weights(path() / "a.safetensors", {"model.norm.weight"});
    add_weights(path() / "b.safetensors", {"lm_head.weight"});
    write_index(R"({"model.norm.weight":"a.safetensors","lm_head.weight":"b.safetensors"})");
  }
  [[nodiscard]] const fs::path& path() const { return directory.path(); }
  void write_index(const std::string& weight_map) const {
    directory.add("model.safetensors.index.json", R"({"weight_map":)" + weight_map + "}");
  }
  std::string refused(ErrorCode code) const {
    return error_message(code, [this] { FileCheckpoint::open(path()); });
  }

  TemporaryDirectory directory;
};

// Tensor counts, layouts and sums of squares as numpy gives them for the files.
TEST(FileCheckpoint, OpensBundledModels) {
  struct Case {
    const char* name;
    std::size_t num_tensors;
    LayoutKind layout;
    double sum_of_squares;
  };
  for (const Case& model : {Case{"base-lm", 57, LayoutKind::kPlainText, 25624.0406105925},
                            Case{"ja-lm", 57, LayoutKind::kPlainText, 25593.55238332463},
                            Case{"math-lm", 57, LayoutKind::kPlainText, 25828.201201978198},
                            Case{"en-vlm", 164, LayoutKind::kLlavaHub, 38886.157846298345}}) {
    const auto checkpoint = FileCheckpoint::open(kZoo / model.name);
    EXPECT_EQ(checkpoint->tensors().size(), model.num_tensors);
    EXPECT_EQ(checkpoint->layout().kind(), model.layout);
    EXPECT_EQ(checkpoint->config().num_layers(), 6U);
    EXPECT_NEAR(sum_of_squares(*checkpoint) / model.sum_of_squares, 1.0, 1e-12) << model.name;
  }
}

TEST(FileCheckpoint, TensorsOfABundledModelHaveCanonicalNames) {
  const auto checkpoint = FileCheckpoint::open(kZoo / "en-vlm");
  const TensorInfo* embedding = checkpoint->find("text/model.embed_tokens.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->shape, (Shape{2624, 192}));
  EXPECT_EQ(embedding->dtype, DType::kBF16);
  EXPECT_EQ(checkpoint->disk_name(*embedding), "language_model.model.embed_tokens.weight");
  EXPECT_EQ(checkpoint->view(*embedding).bytes.size(), 2624U * 192U * 2U);
  EXPECT_NE(checkpoint->find("vision/embeddings.class_embedding"), nullptr);
  EXPECT_NE(checkpoint->find("projector/linear_2.bias"), nullptr);
  EXPECT_EQ(checkpoint->find("text/nothing"), nullptr);
}

// The three files hold the same weights, written by transformers.
TEST(FileCheckpoint, AllLlavaLayoutsGiveTheSameTensors) {
  const TemporaryDirectory in_memory;
  fs::copy_file(kData / "llava15/hub_layout/config.json", in_memory.path() / "config.json");
  fs::copy_file(kData / "llava15/in_memory_v5.safetensors", in_memory.path() / "model.safetensors");
  const auto hub = FileCheckpoint::open(kData / "llava15/hub_layout");
  const auto saved = FileCheckpoint::open(kData / "llava15/saved_v5");
  const auto modules = FileCheckpoint::open(in_memory.path());
  EXPECT_EQ(hub->layout().kind(), LayoutKind::kLlavaHub);
  EXPECT_EQ(saved->layout().kind(), LayoutKind::kLlavaSavedV5);
  EXPECT_EQ(modules->layout().kind(), LayoutKind::kLlavaInMemoryV5);
  EXPECT_EQ(hub->config().text().json()["rope_theta"], 1e6);
  EXPECT_EQ(saved->config().text().json()["rope_theta"], 1e6);
  const auto expected = all_values(*hub);
  EXPECT_EQ(expected.size(), 89U);
  EXPECT_TRUE(all_values(*saved) == expected);
  EXPECT_TRUE(all_values(*modules) == expected);
}

TEST(FileCheckpoint, EveryTensorMapsBackToItsDiskName) {
  for (const char* layout : {"hub_layout", "saved_v5"}) {
    const auto checkpoint = FileCheckpoint::open(kData / "llava15" / layout);
    const SafetensorsFile file(kData / "llava15" / layout / "model.safetensors");
    for (std::size_t i = 0; i < file.entries().size(); ++i) {
      EXPECT_EQ(checkpoint->disk_name(checkpoint->tensors()[i]), file.entries()[i].name);
    }
  }
}

TEST(FileCheckpoint, ReadsShards) {
  const auto checkpoint = FileCheckpoint::open(kData / "sharded");
  EXPECT_EQ(checkpoint->tensors().size(), 30U);
  EXPECT_NEAR(sum_of_squares(*checkpoint) / 691.3659290187625, 1.0, 1e-12);
}

TEST(FileCheckpoint, TheOriginOfATensorIsItsNameInTheStateOfItsFile) {
  const FileCheckpoint checkpoint(kData / "sharded");
  std::map<std::string, std::size_t> counts;
  for (const TensorInfo& info : checkpoint.tensors()) {
    for (const FileState& file : checkpoint.weight_files()) {
      if (checkpoint.origin(info) == to_string(file) + " " + info.name) ++counts[file.path];
    }
  }
  std::size_t sum = 0;
  for (const auto& [file, count] : counts) sum += count;
  EXPECT_EQ(sum, checkpoint.tensors().size());
  EXPECT_EQ(counts.size(), checkpoint.weight_files().size());
  EXPECT_GT(counts.size(), 1U);
}

TEST_F(DamagedShards, UndamagedTheyOpen) {
  EXPECT_EQ(FileCheckpoint::open(path())->tensors().size(), 2U);
}

TEST_F(DamagedShards, MissingShard) {
  fs::remove(path() / "b.safetensors");
  EXPECT_THAT(refused(ErrorCode::kNotFound), HasSubstr("b.safetensors"));
}

TEST_F(DamagedShards, TensorOfTheIndexThatIsInNoShard) {
  write_index(
      R"({"model.norm.weight":"a.safetensors","lm_head.weight":"b.safetensors",
          "model.layers.0.x":"b.safetensors"})");
  EXPECT_THAT(refused(ErrorCode::kCorruptFile), HasSubstr("model.layers.0.x"));
}

TEST_F(DamagedShards, TensorThatTheIndexDoesNotName) {
  fs::remove(path() / "b.safetensors");
  add_weights(path() / "b.safetensors", {"lm_head.weight", "model.layers.0.x"});
  EXPECT_THAT(refused(ErrorCode::kCorruptFile), HasSubstr("model.layers.0.x"));
}

TEST_F(DamagedShards, TensorInTwoShards) {
  fs::remove(path() / "b.safetensors");
  add_weights(path() / "b.safetensors", {"lm_head.weight", "model.norm.weight"});
  EXPECT_THAT(refused(ErrorCode::kCorruptFile), HasSubstr("model.norm.weight"));
}

TEST_F(DamagedShards, ShardOutsideTheDirectory) {
  for (const char* name : {"../b.safetensors", "/b.safetensors", "sub/b.safetensors", "..", "",
                           ".safetensors", "b.bin"}) {
    write_index(R"({"lm_head.weight":")" + std::string(name) + R"("})");
    EXPECT_THAT(refused(ErrorCode::kCorruptFile), HasSubstr("index.json")) << name;
  }
}

TEST_F(DamagedShards, IndexOfAnotherForm) {
  for (const char* weight_map : {"5", "{}", R"({"a":1})", "[]"}) {
    write_index(weight_map);
    refused(ErrorCode::kCorruptFile);
  }
}

TEST_F(DamagedShards, NoIndexAndNoWeights) {
  fs::remove(path() / "model.safetensors.index.json");
  EXPECT_THAT(refused(ErrorCode::kNotFound), HasSubstr("no weights"));
  directory.add("pytorch_model.bin", "");
  EXPECT_THAT(refused(ErrorCode::kNotFound), HasSubstr("convert it to safetensors"));
}

TEST(FileCheckpoint, RefusesAMissingConfig) {
  const TemporaryDirectory directory;
  const std::string message =
      error_message(ErrorCode::kNotFound, [&] { FileCheckpoint::open(directory.path()); });
  EXPECT_THAT(message, HasSubstr("config.json"));
}

TEST(FileCheckpoint, NamesATensorThatFitsNoRule) {
  const TemporaryDirectory directory;
  directory.add("config.json", text_config());
  add_weights(directory.path() / "model.safetensors", {"model.norm.weight", "transformer.h.0"});
  const std::string message =
      error_message(ErrorCode::kUnsupported, [&] { FileCheckpoint::open(directory.path()); });
  EXPECT_THAT(message, HasSubstr("transformer.h.0"));
}

TEST(FileCheckpoint, RefusesNamesOfAnotherFamilyThanTheConfig) {
  const TemporaryDirectory directory;
  directory.add("config.json", text_config());
  add_weights(directory.path() / "model.safetensors", {"language_model.model.norm.weight"});
  const std::string message =
      error_message(ErrorCode::kCorruptFile, [&] { FileCheckpoint::open(directory.path()); });
  EXPECT_THAT(message, HasSubstr("llava-hf"));
}

TEST(FileCheckpoint, RefusesIntegerWeights) {
  const TemporaryDirectory directory;
  directory.add("config.json", text_config());
  add_weights(directory.path() / "model.safetensors", {"model.norm.weight"}, DType::kI8);
  EXPECT_THAT(
      error_message(ErrorCode::kUnsupported, [&] { FileCheckpoint::open(directory.path()); }),
      HasSubstr("quantised"));
}

TEST(FileCheckpoint, LeavesOutKnownBuffers) {
  const TemporaryDirectory directory;
  directory.add("config.json", text_config());
  add_weights(directory.path() / "model.safetensors",
              {"model.norm.weight", "model.layers.0.self_attn.rotary_emb.inv_freq"});
  EXPECT_EQ(FileCheckpoint::open(directory.path())->tensors().size(), 1U);
}

// Mistral-7B's tensors in bfloat16. [hidden 4096, key/value 1024, MLP 14336, vocabulary 32000]
std::vector<TensorInfo> mistral_7b() {
  std::vector<TensorInfo> tensors{{"model.embed_tokens.weight", DType::kBF16, {32000, 4096}}};
  for (int layer = 0; layer < 32; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const std::vector<std::pair<std::string, Shape>> modules{
        {"input_layernorm", {4096}},        {"self_attn.q_proj", {4096, 4096}},
        {"self_attn.k_proj", {1024, 4096}}, {"self_attn.v_proj", {1024, 4096}},
        {"self_attn.o_proj", {4096, 4096}}, {"post_attention_layernorm", {4096}},
        {"mlp.gate_proj", {14336, 4096}},   {"mlp.up_proj", {14336, 4096}},
        {"mlp.down_proj", {4096, 14336}}};
    for (const auto& [module, shape] : modules) {
      tensors.push_back({prefix + module + ".weight", DType::kBF16, shape});
    }
  }
  tensors.push_back({"model.norm.weight", DType::kBF16, {4096}});
  tensors.push_back({"lm_head.weight", DType::kBF16, {32000, 4096}});
  return tensors;
}

// A file of zeros that takes no room on the disk; returns their bytes.
std::size_t write_sparse(const fs::path& file, const std::vector<TensorInfo>& tensors) {
  Json header = Json::object();
  std::size_t end = 0;
  for (const TensorInfo& tensor : tensors) {
    const std::size_t begin = std::exchange(end, end + stored_size_bytes(tensor));
    header[tensor.name] = {{"dtype", safetensors_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {begin, end}}};
  }
  const std::string text = header.dump();
  const std::uint64_t length = text.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  write_file_atomically(file, bytes + text);
  fs::resize_file(file, bytes.size() + text.size() + end);
  return end;
}

TEST(FileCheckpoint, OpensA7bModelWithoutReadingWeights) {
  const TemporaryDirectory directory;
  directory.add("config.json", text_config(32));
  const fs::path file = directory.path() / "model.safetensors";
  const std::vector<TensorInfo> tensors = mistral_7b();
  const std::size_t data_bytes = write_sparse(file, tensors);
  const auto checkpoint = FileCheckpoint::open(directory.path());
  EXPECT_EQ(checkpoint->tensors().size(), 291U);
  EXPECT_EQ(data_bytes, 2U * 7'241'732'096U);
  EXPECT_EQ(checkpoint->find("text/lm_head.weight")->shape, (Shape{32000, 4096}));
}

}  // namespace
}  // namespace vlm
