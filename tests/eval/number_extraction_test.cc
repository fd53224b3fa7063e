#include "eval/number_extraction.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

TEST(NumberExtraction, EqualsTheReferences) {
  const auto lines = golden_lines("mgsm_extract.jsonl");
  EXPECT_EQ(lines.size(), 60U);
  for (const auto& [line, where] : lines) {
    const auto completion = line["completion"].get<std::string>();
    const auto number = last_number(completion);
    EXPECT_EQ(number ? Json(*number) : Json(nullptr), line["sakana_float"]) << where;
    const auto integer = last_integer_of_harness(completion);
    EXPECT_EQ(integer ? Json(*integer) : Json("[invalid]"), line["harness"]) << where;
  }
}

TEST(NumberExtraction, DotsOnTheirOwnAreNoNumber) {
  EXPECT_FALSE(last_number("...").has_value());
  EXPECT_EQ(last_number("3 ..5"), 0.5);
  EXPECT_EQ(last_number("3..."), 3.0);
}

TEST(NumberExtraction, ValuesBeyondDoubleAreInfiniteOrZero) {
  EXPECT_EQ(last_number(std::string(400, '9')), std::numeric_limits<double>::infinity());
  EXPECT_EQ(last_number("0." + std::string(400, '0') + "1"), 0.0);
  EXPECT_FALSE(last_integer_of_harness(std::string(400, '9')).has_value());
}

}  // namespace
}  // namespace vlm
