#include "checkpoint/write_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const Json kIdentity = {{"recipe", "a: 1\nb: 2\n"}, {"seed", 3}};

TEST(WriteJournal, RemembersParts) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "journal";
  {
    WriteJournal journal(path, kIdentity);
    EXPECT_EQ(journal.find({0, 1, 2, 3}), std::nullopt);
    journal.add({0, 1, 2, 3}, 17);
    journal.add({1, 0, 0, 3}, 0xFFFFFFFFFFFFFFFFU);
  }
  const WriteJournal journal(path, kIdentity);
  EXPECT_EQ(journal.find({0, 1, 2, 3}), 17U);
  EXPECT_EQ(journal.find({1, 0, 0, 3}), 0xFFFFFFFFFFFFFFFFU);
  EXPECT_EQ(journal.find({1, 0, 0, 4}), std::nullopt);
}

TEST(WriteJournal, LinesAfterATornOneCount) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "journal";
  {
    WriteJournal journal(path, kIdentity);
    journal.add({0, 0, 0, 1}, 11);
    journal.add({0, 0, 1, 1}, 12);
  }
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 3);
  {
    WriteJournal journal(path, kIdentity);
    EXPECT_EQ(journal.find({0, 0, 1, 1}), std::nullopt);
    journal.add({0, 0, 2, 1}, 13);
  }
  WriteJournal journal(path, kIdentity);
  EXPECT_EQ(journal.find({0, 0, 0, 1}), 11U);
  EXPECT_EQ(journal.find({0, 0, 2, 1}), 13U);
}

TEST(WriteJournal, RecallsNumbersInsteadOfMakingThemAgain) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "journal";
  const Numbers found{0, 17, 0xFFFFFFFFFFFFFFFFU};
  const auto recall = [&](const std::string& name) {
    bool is_made = false;
    WriteJournal journal(path, kIdentity);
    const Numbers numbers = journal.recall(name, [&] {
      is_made = true;
      return name == "none" ? Numbers() : found;
    });
    EXPECT_EQ(numbers, name == "none" ? Numbers() : found) << name;
    return !is_made;
  };
  EXPECT_FALSE(recall("1/cuts"));
  EXPECT_FALSE(recall("none"));
  EXPECT_TRUE(recall("1/cuts"));
  EXPECT_TRUE(recall("none"));
}

TEST(WriteJournal, NumbersOfATornOrDamagedLineAreMadeAgain) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "journal";
  const auto recall = [&](const Numbers& made) {
    return WriteJournal(path, kIdentity).recall("cuts", [&] { return made; });
  };
  EXPECT_EQ(recall({1, 234}), Numbers({1, 234}));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 2);  // "1 23"
  EXPECT_EQ(recall({5, 6}), Numbers({5, 6}));
  EXPECT_EQ(recall({7, 8}), Numbers({5, 6}));
  std::string text = read_text_file(path);
  text.replace(text.rfind("5 6"), 3, "5 9");
  write_file_atomically(path, text);
  EXPECT_EQ(recall({7, 8}), Numbers({7, 8}));
}

TEST(WriteJournal, NamesWhatDiffers) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "journal";
  { const WriteJournal journal(path, kIdentity); }
  const auto refusal = [&](const Json& identity) {
    return error_message(ErrorCode::kInvalidArgument, [&] { WriteJournal(path, identity); });
  };
  EXPECT_THAT(refusal({{"recipe", "a: 1\nb: 2\n"}, {"seed", 4}}), HasSubstr("'seed'"));
  EXPECT_THAT(refusal({{"recipe", "a: 2\n"}, {"seed", 3}}), HasSubstr("'recipe'"));
  EXPECT_THAT(refusal({{"seed", 3}}), HasSubstr("cannot resume"));
}

TEST(WriteJournal, LinesThatAreNoPartsAreIgnoredAndADamagedIdentityIsAnError) {
  const TemporaryDirectory directory;
  const auto path = directory.add(
      "journal", json_line(kIdentity) + "\n1 2 3\n-1 0 0 1 5\nx\n1 2 3 4 5 6\n0 0 0 1 9\n");
  WriteJournal journal(path, kIdentity);
  EXPECT_EQ(journal.find({0, 0, 0, 1}), 9U);
  EXPECT_EQ(journal.find({1, 2, 3, 4}), std::nullopt);
  write_file_atomically(path, "{\"recipe\": \n");
  error_message(ErrorCode::kCorruptFile, [&] { WriteJournal(path, kIdentity); });
}

}  // namespace
}  // namespace vlm
