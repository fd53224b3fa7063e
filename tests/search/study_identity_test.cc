#include "search/study_identity.h"

#include <gmock/gmock.h>

#include "core/error.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(StudyIdentity, EqualInputsAreOneStudy) {
  const StudyIdentity identity{{"seed", "1"}, {"model a", "sha256:00"}};
  EXPECT_THAT(identity_differences(identity, identity), IsEmpty());
  EXPECT_NO_THROW(require_same_identity("s", identity, identity));
}

TEST(StudyIdentity, NamesWhatDiffersByKey) {
  EXPECT_THAT(
      identity_differences({{"data", "x"}, {"model", "a"}, {"seed", "1"}},
                           {{"model", "b"}, {"seed", "1"}, {"version", "2"}}),
      ElementsAre("data: study has x, this run has nothing", "model: study has a, this run has b",
                  "version: study has nothing, this run has 2"));
}

TEST(StudyIdentity, RefusesToContinueWithOtherInputs) {
  try {
    require_same_identity("ja-vlm", {{"model", "a"}, {"seed", "1"}},
                          {{"model", "b"}, {"seed", "2"}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(),
                 "study was made with other inputs: ja-vlm: model: study has a, this run has b "
                 "(and 1 more)");
  }
}

TEST(StudyIdentity, ShowsLongAndManyLinedValuesOnOneLine) {
  const std::string text(1000, 'x');
  const auto differences = identity_differences({{"file", "a\nb"}}, {{"file", text}});
  EXPECT_THAT(differences[0], HasSubstr("study has a b, this run has xxx"));
  EXPECT_LT(differences[0].size(), 120U);
}

}  // namespace
}  // namespace vlm
