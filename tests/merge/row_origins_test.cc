#include "merge/row_origins.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/aligned_checkpoint.h"
#include "merge/input_tensors.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

TokenTable table_of(const std::vector<std::string>& tokens) {
  TokenTable table;
  for (const std::string& token : tokens) table.add(table.id_limit(), {token, false, {}});
  return table;
}

// Three models: "a" is everywhere, "b" in the second and third, "c" in the first and third, "d" in
// none, "e" in the third without a row.
class Origins : public testing::Test {
 protected:
  [[nodiscard]] std::vector<RowOrigin> find(const TokenizerRule& rule,
                                            std::optional<std::size_t> base) const {
    const std::vector<VocabularyInput> inputs = {
        {"one", &one, 2, true}, {"two", &two, 2, true}, {"three", &three, 3, true}};
    return find_row_origins(rule, output, output.id_limit(), inputs, base, "r.yaml");
  }
  [[nodiscard]] std::vector<std::size_t> counts(std::optional<std::size_t> base) const {
    std::vector<std::size_t> result;
    for (const RowOrigin& origin : find({}, base)) result.push_back(origin.others.size());
    return result;
  }

  TokenTable one = table_of({"a", "c"});
  TokenTable two = table_of({"a", "b"});
  TokenTable three = table_of({"a", "b", "c", "e"});
  TokenTable output = table_of({"a", "b", "c", "d", "e"});
};

TEST_F(Origins, WithoutABaseAreAllModelsThatHaveTheToken) {
  EXPECT_THAT(counts(std::nullopt), testing::ElementsAre(3, 2, 2, 0, 0));
}

TEST_F(Origins, TheBasesRowGoesBeforeTheMean) {
  EXPECT_THAT(counts(0), testing::ElementsAre(1, 2, 1, 0, 0));
  EXPECT_EQ(find({}, 0)[2].others[0].row, 1U);
}

TEST_F(Origins, ARuleNamesTheSource) {
  TokenizerRule rule;
  rule.tokens = {{.token = "b",
                  .source = RowSource::kModel,
                  .model = "three",
                  .of_token = {},
                  .of_id = {},
                  .is_forced = true},
                 {.token = "c",
                  .source = RowSource::kZero,
                  .model = {},
                  .of_token = {},
                  .of_id = {},
                  .is_forced = false},
                 {.token = "d",
                  .source = RowSource::kModelToken,
                  .model = "two",
                  .of_token = "b",
                  .of_id = {},
                  .is_forced = false}};
  const std::vector<RowOrigin> origins = find(rule, 0);
  EXPECT_TRUE(origins[1].is_forced);
  EXPECT_EQ(origins[1].others.at(0).input, 2U);
  EXPECT_TRUE(origins[2].others.empty());
  EXPECT_EQ(origins[3].others.at(0).input, 1U);
  EXPECT_EQ(origins[3].others.at(0).row, 1U);
}

// Rows that are all 1, 2 and 4; padding is the mean of the tokens' rows. The second model ties its
// head.
TEST_F(Origins, RowsAreThoseOfTheModelElseTheMeanOfTheOthers) {
  auto alignment = std::make_shared<VocabularyAlignment>();
  for (const auto& [value, rows] : {std::pair(1.0F, 2), {2.0F, 2}, {4.0F, 3}}) {
    alignment->models.push_back(make_up(
        {.value = value, .vocabulary = static_cast<std::size_t>(rows), .has_head = value != 2.0F}));
  }
  alignment->embedding = find({}, std::nullopt);
  alignment->embedding.resize(6);
  alignment->head = alignment->embedding;
  alignment->own_rows = {{0, {}, 1, {}, {}, {}}, {0, 1, {}, {}, {}, {}}, {0, 1, 2, {}, {}, {}}};
  const AlignedCheckpoint aligned(alignment, 0);
  for (const std::string_view name : {kEmbedName, kHeadName}) {
    const TensorInfo& info = *aligned.find(name);
    EXPECT_EQ(info.shape, (Shape{6, 2}));
    const std::vector<float> whole = read_all(aligned, info);
    EXPECT_THAT(whole, testing::ElementsAre(1, 1, 3, 3, 1, 1, 0, 0, 0, 0, 1, 1));
    ThreadPool pool(1);
    const TensorInfo* const tensor = &info;
    const auto reader = aligned.open_tensors({&tensor, 1}, pool);
    for (std::size_t first = 0; first < whole.size(); first += 5) {
      std::vector<float> part(std::min<std::size_t>(5, whole.size() - first));
      reader->read(0, first, part);
      EXPECT_TRUE(std::ranges::equal(part, std::span(whole).subspan(first, part.size()))) << first;
    }
  }
}

}  // namespace
}  // namespace vlm
