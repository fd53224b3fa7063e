#include "core/json_fields.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorruptFile);
    return error.what();
  }
  return "no error";
}

TEST(ParseJson, DamageIsOneLineNamingTheFile) {
  for (const char* text : {"", "{", R"({"a":1,})", "\xFF", R"({"a":"\xFF"})", "nan"}) {
    EXPECT_THAT(message_of([&] { parse_json(text, "config.json"); }),
                AllOf(HasSubstr("config.json"), Not(HasSubstr("\n"))))
        << text;
  }
}

TEST(ParseJson, DuplicateKeysAreRefused) {
  EXPECT_THAT(message_of([] { parse_json(R"({"a":1,"b":{"a":1},"a":2})", "x"); }),
              HasSubstr("duplicate key"));
  EXPECT_EQ(message_of([] { parse_json(R"([{"a":1},{"a":2}])", "x"); }), "no error");
}

TEST(ParseJson, DeepNestingIsRefused) {
  EXPECT_THAT(message_of([] { parse_json(std::string(200, '['), "x"); }), HasSubstr("x"));
  EXPECT_THAT(message_of([] { parse_json(std::string(200, '[') + std::string(200, ']'), "x"); }),
              HasSubstr("nested"));
}

class Fields : public ::testing::Test {
 protected:
  Json json_ = parse_json(R"({"size": 7, "negative": -1, "fraction": 1.5, "huge": 1e300,
      "large": 1099511627777, "text": "abc", "flag": true, "nothing": null,
      "object": {"size": "x"}})",
                          "config.json");
  JsonFields fields_{json_, "config.json"};
};

TEST_F(Fields, ReadTypedValues) {
  EXPECT_EQ(fields_.size("size"), 7U);
  EXPECT_EQ(fields_.number("size"), 7.0);
  EXPECT_EQ(fields_.number("fraction"), 1.5);
  EXPECT_EQ(fields_.text("text"), "abc");
  EXPECT_TRUE(fields_.boolean_or("flag", false));
}

TEST_F(Fields, NullAndAbsentGiveTheDefault) {
  EXPECT_FALSE(fields_.has("nothing"));
  EXPECT_EQ(fields_.size_or("nothing", 3), 3U);
  EXPECT_EQ(fields_.number_or("absent", 2.5), 2.5);
  EXPECT_EQ(fields_.text_or("nothing", "d"), "d");
  EXPECT_FALSE(fields_.boolean_or("absent", false));
}

TEST_F(Fields, WrongTypesNamePlaceKeyAndValue) {
  for (const char* key : {"negative", "fraction", "large", "text", "flag", "object", "nothing"}) {
    EXPECT_THAT(message_of([&] { static_cast<void>(fields_.size(key)); }),
                AllOf(HasSubstr("config.json"), HasSubstr(key)));
  }
  EXPECT_THAT(message_of([&] { static_cast<void>(fields_.number("text")); }), HasSubstr("abc"));
  EXPECT_THAT(message_of([&] { static_cast<void>(fields_.text("size")); }), HasSubstr("size = 7"));
  EXPECT_THAT(message_of([&] { static_cast<void>(fields_.boolean_or("size", true)); }),
              HasSubstr("true or false"));
  EXPECT_THAT(message_of([&] { static_cast<void>(fields_.object("size")); }),
              HasSubstr("config.json: size"));
  EXPECT_THAT(message_of([&] { static_cast<void>(fields_.object("object").size("size")); }),
              HasSubstr("config.json: object"));
  EXPECT_THAT(message_of([&] { static_cast<void>(fields_.size("absent")); }),
              HasSubstr("missing key"));
}

TEST(JsonFields, NeedsAnObject) {
  const Json list = Json::array();
  EXPECT_THAT(message_of([&] { const JsonFields fields(list, "x"); }), HasSubstr("JSON object"));
}

}  // namespace
}  // namespace vlm
