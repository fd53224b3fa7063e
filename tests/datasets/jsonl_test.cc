#include "datasets/jsonl.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& text, const JsonlLimits& limits = {}) {
  try {
    parse_jsonl(text, "f.jsonl", limits);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Jsonl, SkipsBlankLinesAndCountsThem) {
  const auto lines = parse_jsonl("{\"a\":1}\n\n \r\n{\"a\":2}\r\n", "f.jsonl");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].object["a"], 2);
  EXPECT_EQ(lines[1].where, "f.jsonl:4");
}

TEST(Jsonl, EmptyTextHasNoLines) {
  EXPECT_TRUE(parse_jsonl("", "f.jsonl").empty());
}

TEST(Jsonl, LastLineNeedsNoNewline) {
  EXPECT_EQ(parse_jsonl("{}\n{}", "f.jsonl").size(), 2U);
}

TEST(Jsonl, NamesTheBadLine) {
  EXPECT_THAT(error_of("{}\n{\"a\":}\n"), HasSubstr("f.jsonl:2: "));
}

TEST(Jsonl, RefusesBrokenUtf8) {
  EXPECT_THAT(error_of("{\"a\":\"\xE3\x81\"}"), HasSubstr("f.jsonl:1: "));
  EXPECT_THAT(error_of("{\"a\":\"\xC0\xAF\"}"), HasSubstr("f.jsonl:1: "));
}

TEST(Jsonl, RefusesLinesThatAreNoObjects) {
  EXPECT_THAT(error_of("[1]"), HasSubstr("f.jsonl:1: "));
}

TEST(Jsonl, RefusesDuplicateKeys) {
  EXPECT_THAT(error_of("{\"a\":1,\"a\":2}"), HasSubstr("duplicate key"));
}

TEST(Jsonl, KeepsLimits) {
  EXPECT_THAT(error_of("{\"a\":12345}", {.max_line_bytes = 5}), HasSubstr("longer than 5 bytes"));
  EXPECT_THAT(error_of("{}\n{}\n", {.max_lines = 1}), HasSubstr("more than 1 lines"));
}

TEST(Jsonl, MissingFileIsNotFound) {
  try {
    read_jsonl_file("no/such/file.jsonl");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  }
}

}  // namespace
}  // namespace vlm
