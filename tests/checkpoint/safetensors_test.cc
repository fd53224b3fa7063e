#include "checkpoint/safetensors.h"

#include <cstdint>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using testing::HasSubstr;

// A file with any header length, header text and number of data bytes.
std::string file_with_length(std::uint64_t length, const std::string& header,
                             std::size_t data_bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>((length >> (8 * i)) & 0xFFU);
  return file + header + std::string(data_bytes, '\0');
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
  return file_with_length(header.size(), header, data_bytes);
}

SafetensorsHeader parse(const std::string& file) {
  return parse_safetensors_header(std::as_bytes(std::span(file)), "m.safetensors");
}

// An entry with the text of its fields.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + "}";
}

void expect_refused(const std::string& file, const std::string& reason,
                    ErrorCode code = ErrorCode::kCorruptFile) {
  const std::string message = error_message(code, [&] { parse(file); });
  EXPECT_THAT(message, HasSubstr(reason));
  EXPECT_THAT(message, HasSubstr("m.safetensors"));
}

TEST(Safetensors, ReadsEntriesInTheOrderOfTheData) {
  const auto header = parse(file_of(
      "{" + entry("a", "F32", "[2,2]", "[4,20]") + "," + entry("b", "BF16", "[2]", "[0,4]") + "}",
      20));
  ASSERT_EQ(header.entries.size(), 2U);
  EXPECT_EQ(header.entries[0].name, "b");
  EXPECT_EQ(header.entries[0].dtype, DType::kBF16);
  EXPECT_EQ(header.entries[1].name, "a");
  EXPECT_EQ(header.entries[1].shape, (Shape{2, 2}));
}

TEST(Safetensors, ReadsMetadata) {
  const auto header = parse(file_of(R"({"__metadata__":{"format":"pt"}})", 0));
  EXPECT_EQ(header.metadata.at("format"), "pt");
  EXPECT_TRUE(header.entries.empty());
}

TEST(Safetensors, AcceptsEmptyTensorsAndScalars) {
  const auto header = parse(file_of("{" + entry("a", "F32", "[0,3]", "[0,0]") + "," +
                                        entry("b", "F32", "[]", "[0,4]") + "," +
                                        entry("c", "I64", "[0]", "[4,4]") + "}",
                                    4));
  EXPECT_EQ(header.entries.size(), 3U);
}

TEST(Safetensors, AcceptsBlanksBehindTheHeader) {
  EXPECT_EQ(parse(file_of("{" + entry("a", "U8", "[1]", "[0,1]") + "}     ", 1)).entries.size(),
            1U);
}

TEST(SafetensorsAttack, FileShorterThanTheLengthField) {
  expect_refused("", "0 bytes");
  expect_refused("1234567", "7 bytes");
}

TEST(SafetensorsAttack, HeaderLargerThan100MegaBytes) {
  expect_refused(file_with_length(100'000'001, "{}", 0), "header larger than 100 MB");
  expect_refused(file_with_length(std::numeric_limits<std::uint64_t>::max(), "{}", 0),
                 "header larger than 100 MB");
}

TEST(SafetensorsAttack, HeaderLongerThanTheFile) {
  expect_refused(file_with_length(3, "{}", 0), "header ends behind the end of the file");
}

TEST(SafetensorsAttack, EmptyHeader) {
  expect_refused(file_of("", 8), "does not begin with '{'");
}

TEST(SafetensorsAttack, HeaderThatDoesNotBeginWithABrace) {
  expect_refused(file_of(" {}", 0), "does not begin with '{'");
  expect_refused(file_of("[]", 0), "does not begin with '{'");
}

TEST(SafetensorsAttack, NoUtf8) {
  expect_refused(file_of("{" + entry("\xFF\xFE", "U8", "[1]", "[0,1]") + "}", 1), "bad JSON");
}

TEST(SafetensorsAttack, NoJson) {
  expect_refused(file_of("{nothing}", 0), "bad JSON");
  expect_refused(file_of("{\"a\":", 0), "bad JSON");
  expect_refused(file_of("{}{}", 0), "bad JSON");
}

TEST(SafetensorsAttack, DuplicateNames) {
  const std::string one = entry("a", "U8", "[1]", "[0,1]");
  expect_refused(file_of("{" + one + "," + entry("a", "U8", "[1]", "[1,2]") + "}", 2),
                 "duplicate key");
  // The same name, spelled with an escape.
  expect_refused(file_of("{" + one + "," + entry("\\u0061", "U8", "[1]", "[1,2]") + "}", 2),
                 "duplicate key");
}

TEST(SafetensorsAttack, DeepNesting) {
  expect_refused(file_of("{\"a\":" + std::string(1'000'000, '['), 0), "nested too deep");
}

TEST(SafetensorsAttack, EntryThatIsNoObject) {
  expect_refused(file_of(R"({"a":5})", 0), "expected a JSON object");
}

TEST(SafetensorsAttack, MissingFields) {
  expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1]}})", 1), "missing key");
  expect_refused(file_of(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1), "missing key");
  expect_refused(file_of(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1), "missing key");
}

TEST(SafetensorsAttack, MetadataThatIsNoText) {
  expect_refused(file_of(R"({"__metadata__":{"a":1}})", 0), "no text");
  expect_refused(file_of(R"({"__metadata__":[]})", 0), "not an object");
}

TEST(SafetensorsAttack, UnknownDtypeIsNamed) {
  expect_refused(file_of("{" + entry("a", "F8_E4M3", "[1]", "[0,1]") + "}", 1), "F8_E4M3",
                 ErrorCode::kUnsupported);
}

TEST(SafetensorsAttack, ShapeThatHoldsNoSizes) {
  for (const char* shape :
       {"[-2,-2]", "[1.5]", "[\"4\"]", "[null]", "[1e3]", "4", "[99999999999999999999]"}) {
    expect_refused(file_of("{" + entry("a", "U8", shape, "[0,4]") + "}", 4), "shape");
  }
}

TEST(SafetensorsAttack, ShapeOverflow) {
  // 2^63 * 2 wraps to 0, 2^62 * 4 bytes as well.
  expect_refused(file_of("{" + entry("a", "U8", "[9223372036854775808,2]", "[0,0]") + "}", 0),
                 "shape overflows");
  expect_refused(file_of("{" + entry("a", "F32", "[4611686018427387904]", "[0,0]") + "}", 0),
                 "shape overflows");
}

TEST(SafetensorsAttack, TooManyDimensions) {
  expect_refused(file_of("{" + entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") + "}", 1),
                 "more than 8 dimensions");
}

TEST(SafetensorsAttack, OffsetsThatAreNoRange) {
  for (const char* offsets : {"[1,0]", "[0]", "[0,1,1]", "[]"}) {
    expect_refused(file_of("{" + entry("a", "U8", "[1]", offsets) + "}", 1), "no range");
  }
  expect_refused(file_of("{" + entry("a", "U8", "[1]", "[-1,0]") + "}", 1), "data_offsets");
  expect_refused(file_of("{" + entry("a", "U8", "[1]", "{}") + "}", 1), "data_offsets");
}

TEST(SafetensorsAttack, OffsetsThatDoNotFitTheShape) {
  expect_refused(file_of("{" + entry("a", "F32", "[2]", "[0,4]") + "}", 4), "4 bytes instead of 8");
}

TEST(SafetensorsAttack, FirstTensorNotAtZero) {
  expect_refused(file_of("{" + entry("a", "U8", "[1]", "[1,2]") + "}", 2), "hole in the data");
}

TEST(SafetensorsAttack, HoleBetweenTensors) {
  expect_refused(
      file_of("{" + entry("a", "U8", "[1]", "[0,1]") + "," + entry("b", "U8", "[1]", "[2,3]") + "}",
              3),
      "hole in the data");
}

TEST(SafetensorsAttack, OverlappingTensors) {
  expect_refused(
      file_of("{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[1,3]") + "}",
              3),
      "tensors overlap");
  expect_refused(
      file_of("{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[0,2]") + "}",
              2),
      "tensors overlap");
}

TEST(SafetensorsAttack, DataBehindTheLastTensor) {
  expect_refused(file_of("{" + entry("a", "U8", "[1]", "[0,1]") + "}", 2), "no tensor covers");
}

TEST(SafetensorsAttack, TruncatedData) {
  expect_refused(file_of("{" + entry("a", "U8", "[4]", "[0,4]") + "}", 3), "data ends too early");
}

TEST(SafetensorsAttack, LineBreakInANameStaysOutOfTheMessage) {
  expect_refused(file_of("{" + entry("a\\nb", "U8", "[2]", "[0,1]") + "}", 1), "a\\nb");
}

TEST(SafetensorsFile, GivesViewsByName) {
  const TemporaryDirectory directory;
  std::string content = file_of("{" + entry("a", "U8", "[2]", "[0,2]") + "}", 2);
  content.back() = 7;
  const SafetensorsFile file(directory.add("m.safetensors", content));
  const TensorView view = file.view("a");
  EXPECT_EQ(view.shape, Shape{2});
  EXPECT_EQ(std::to_integer<int>(view.bytes[1]), 7);
  error_message(ErrorCode::kNotFound, [&] { (void)file.view("b"); });
}

TEST(SafetensorsFile, RefusesMissingFilesAndDirectories) {
  const TemporaryDirectory directory;
  error_message(ErrorCode::kNotFound, [&] { SafetensorsFile(directory.path() / "none"); });
  error_message(ErrorCode::kIo, [&] { SafetensorsFile{directory.path()}; });
}

}  // namespace
}  // namespace vlm
