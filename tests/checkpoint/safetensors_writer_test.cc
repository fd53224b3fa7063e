#include "checkpoint/safetensors_writer.h"

#include <array>

#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

TEST(WriteSafetensors, ReadsBackWhatWasWritten) {
  const TemporaryDirectory directory;
  const std::array<float, 3> floats{1.0F, -2.5F, 3.0F};
  const std::array<std::int64_t, 2> ids{7, -1};
  const std::array<NamedTensor, 3> tensors{
      NamedTensor{"logits", {DType::kF32, {1, 3}, std::as_bytes(std::span(floats))}},
      NamedTensor{"input_ids", {DType::kI64, {2}, std::as_bytes(std::span(ids))}},
      NamedTensor{"empty", {DType::kBF16, {0, 4}, {}}}};
  const auto path = directory.path() / "trace.safetensors";
  write_safetensors(path, tensors, {{"model", "猫"}});

  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata().at("model"), "猫");
  ASSERT_EQ(file.entries().size(), 3U);
  EXPECT_EQ(file.view("input_ids").dtype, DType::kI64);
  std::array<float, 3> read{};
  read_floats(file.view("logits"), 0, read);
  EXPECT_EQ(read, floats);
}

TEST(WriteSafetensors, ReplacesAFileAsAWhole) {
  const TemporaryDirectory directory;
  const auto path = directory.add("trace.safetensors", "old");
  write_safetensors(path, {});
  EXPECT_TRUE(SafetensorsFile(path).entries().empty());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(WriteSafetensors, NamesTheFileThatCannotBeWritten) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "none/trace.safetensors";
  const std::string message =
      error_message(ErrorCode::kNotFound, [&] { write_safetensors(path, {}); });
  EXPECT_NE(message.find("none"), std::string::npos);
}

TEST(SafetensorsWriter, DataBeginsWithABlockOfTheFile) {
  const TemporaryDirectory directory;
  const std::vector<TensorInfo> tensors{{"abc", DType::kU8, {1}}};
  const auto path = directory.path() / "m.safetensors";
  SafetensorsWriter writer(path, tensors, {});
  writer.write(0, 0, std::vector<std::byte>(1));
  EXPECT_EQ((std::filesystem::file_size(path) - 1) % DirectFile::kBlockBytes, 0U);
  EXPECT_EQ(writer.address_offset(0, 0), 0U);
  EXPECT_EQ(writer.address_offset(0, 1), 1U);
}

TEST(SafetensorsWriter, TakesTensorsInPartsAndInAnyOrder) {
  const TemporaryDirectory directory;
  const std::vector<TensorInfo> tensors{{"a", DType::kF32, {4}}, {"b", DType::kF32, {2}}};
  const std::array<float, 4> a{1, 2, 3, 4};
  const std::array<float, 2> b{5, 6};
  const auto path = directory.path() / "m.safetensors";
  const auto bytes_of_a = std::as_bytes(std::span(a));
  {
    SafetensorsWriter writer(path, tensors, {});
    writer.write(1, 0, std::as_bytes(std::span(b)));
    writer.write(0, 8, bytes_of_a.subspan(8));
  }
  SafetensorsWriter writer(path, tensors, {}, SafetensorsWriter::Existing::kContinue);
  writer.write(0, 0, bytes_of_a.first(8));
  std::array<float, 2> back{};
  writer.read(0, 8, std::as_writable_bytes(std::span(back)));
  EXPECT_EQ(back, (std::array<float, 2>{3, 4}));
  const SafetensorsFile file(path);
  std::array<float, 4> read{};
  read_floats(file.view("a"), 0, read);
  EXPECT_EQ(read, a);
  read_floats(file.view("b"), 0, back);
  EXPECT_EQ(back, b);
}

TEST(SafetensorsWriter, KeepsAnExistingFile) {
  const TemporaryDirectory directory;
  const auto path = directory.add("m.safetensors", "old");
  error_message(ErrorCode::kIo, [&] { SafetensorsWriter(path, {}, {}); });
  EXPECT_EQ(read_text_file(path), "old");
}

}  // namespace
}  // namespace vlm
