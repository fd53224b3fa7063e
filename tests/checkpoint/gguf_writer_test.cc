#include "checkpoint/gguf_writer.h"

#include <array>
#include <cmath>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "core/error.h"
#include "core/files.h"
#include "core/philox.h"
#include "tests/checkpoint/gguf_file.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

std::vector<std::byte> encoded(const std::vector<float>& values, GgufType type) {
  std::vector<std::byte> bytes(gguf_size_bytes({values.size()}, type));
  encode_gguf(values, type, bytes);
  return bytes;
}

TEST(GgufWriter, WritesWhatTheSpecificationSays) {
  const TemporaryDirectory folder;
  const std::vector<GgufTensor> tensors = {{"a", {2, 3}, GgufType::kF32},
                                           {"b", {3}, GgufType::kF16}};
  GgufWriter writer(folder.path() / "x.gguf",
                    {{"number", std::uint32_t{7}},
                     {"float", 0.5F},
                     {"flag", true},
                     {"text", std::string("猫")},
                     {"integers", std::vector<std::int32_t>{-1, 2}},
                     {"floats", std::vector<float>{1.5F}},
                     {"texts", std::vector<std::string>{"", "x"}}},
                    tensors);
  writer.append(encoded({1, 2, 3, 4, 5, 6}, GgufType::kF32));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "x.gguf")) << "before it is complete";
  writer.append(encoded({1, -2, 0.5}, GgufType::kF16));
  writer.finish();

  const GgufFile file(folder.path() / "x.gguf");
  EXPECT_EQ(file.version, 3U);
  EXPECT_EQ(file.number_of("number"), 7);
  EXPECT_EQ(file.number_of("float"), 0.5);
  EXPECT_EQ(file.number_of("flag"), 1);
  EXPECT_EQ(file.text_of("text"), "猫");
  EXPECT_THAT(std::get<std::vector<double>>(file.metadata.at("integers")),
              testing::ElementsAre(-1, 2));
  EXPECT_THAT(std::get<std::vector<double>>(file.metadata.at("floats")), testing::ElementsAre(1.5));
  EXPECT_THAT(std::get<std::vector<std::string>>(file.metadata.at("texts")),
              testing::ElementsAre("", "x"));
  EXPECT_THAT(file.tensors.at("a").dimensions, testing::ElementsAre(3, 2)) << "fastest first";
  EXPECT_EQ(file.tensors.at("a").type, 0U);
  EXPECT_EQ(file.tensors.at("b").offset_bytes, 32U) << "24 bytes and padding";
  EXPECT_EQ(file.data.size(), 64U) << "the last one is padded, too";
  EXPECT_EQ(file.bytes_of("b", 6), std::string("\x00\x3c\x00\xc0\x00\x38", 6));
}

// An unfinished file, and what was there before.
TEST(GgufWriter, LeavesNothingIfItDoesNotFinish) {
  const TemporaryDirectory folder;
  write_file_atomically(folder.path() / "x.gguf", "old");
  {
    const std::vector<GgufTensor> tensors = {{"a", {3}, GgufType::kF32}};
    const GgufWriter writer(folder.path() / "x.gguf", {}, tensors);
  }
  EXPECT_EQ(read_text_file(folder.path() / "x.gguf"), "old");
  const std::filesystem::directory_iterator files(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(GgufWriter, AFullDiskIsAnErrorThatNamesTheFile) {
  const TemporaryDirectory folder;
  // A limit on the size of files behaves as a full disk does, but for the signal.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  std::string message;
  try {
    const std::vector<GgufTensor> tensors = {{"a", {1000}, GgufType::kF32}};
    GgufWriter writer(folder.path() / "x.gguf", {}, tensors);
    writer.append(encoded(std::vector<float>(1000), GgufType::kF32));
  } catch (const Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, testing::StartsWith("cannot write file: "));
  EXPECT_THAT(message, testing::HasSubstr("x.gguf"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(GgufType, Names) {
  EXPECT_EQ(parse_gguf_type("q8_0"), GgufType::kQ8);
  EXPECT_EQ(parse_gguf_type("bf16"), GgufType::kBF16);
  EXPECT_FALSE(parse_gguf_type("q4_0").has_value());
}

TEST(GgufType, SizesCountBlocks) {
  EXPECT_EQ(gguf_size_bytes({3, 64}, GgufType::kQ8), 3U * 2 * 34);
  EXPECT_EQ(gguf_size_bytes({3, 64}, GgufType::kBF16), 3U * 128);
  EXPECT_EQ(gguf_size_bytes({}, GgufType::kF32), 4U);
}

float half_value(const std::byte* bytes) {
  float value = 0;
  read_floats({DType::kF16, {1}, {bytes, 2}}, 0, std::span(&value, 1));
  return value;
}

// The definition, one block: a scale of 16 bits and numbers of 8.
TEST(Q8, EqualsThePlainFormula) {
  RandomStream random(philox_key(1, "q8 test"), 0);
  for (int block = 0; block < 50; ++block) {
    std::vector<float> values(32);
    float largest = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      values[i] = static_cast<float>(random.normal());
      largest = std::max(largest, std::fabs(values[i]));
    }
    const auto bytes = encoded(values, GgufType::kQ8);
    const float scale = largest / 127;
    EXPECT_NEAR(half_value(bytes.data()), scale, scale * 0x1p-11F) << "rounded once to 11 bits";
    for (std::size_t i = 0; i < 32; ++i) {
      const auto number = static_cast<std::int8_t>(bytes[2 + i]);
      EXPECT_EQ(number, std::lround(values[i] * (1 / scale))) << i;
      // Half a step, and the scale's rounding times 127 steps.
      EXPECT_LE(std::fabs(half_value(bytes.data()) * static_cast<float>(number) - values[i]),
                scale * (0.5F + 127 * 0x1p-11F) * 1.0001F);
    }
  }
}

TEST(Q8, TiesGoAwayFromZeroAndZerosStay) {
  std::vector<float> values(32);
  const auto zeros = encoded(values, GgufType::kQ8);
  for (const std::byte byte : zeros) EXPECT_EQ(byte, std::byte{0});
  values[0] = 127;
  values[1] = 2.5F;
  values[2] = -2.5F;
  const auto bytes = encoded(values, GgufType::kQ8);
  EXPECT_EQ(half_value(bytes.data()), 1);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[2]), 127);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[3]), 3);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[4]), -3);
}

}  // namespace
}  // namespace vlm
