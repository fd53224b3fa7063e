// Writers that are killed, and those that go on with their work.

#include <atomic>
#include <csignal>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/checkpoint/writer_fixture.h"

namespace vlm {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class ResumedWriter : public Writer {
 protected:
  ResumedWriter() { options.resumption = Resumption::kTaken; }

  // Is killed (kill -9) when it reads tensor `place`.
  void die_at(std::size_t place, std::size_t num_threads = 1) const {
    const pid_t child = ::fork();
    if (child == 0) {
      MadeUpCheckpoint deadly = source();
      deadly.on_read = [place](std::size_t seen) {
        if (seen == place) ::raise(SIGKILL);
      };
      write(deadly, num_threads);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "tensor " << place;
    EXPECT_FALSE(fs::exists(target));
  }
  // Goes on, and tells how many tensors it had to read.
  std::size_t resume(std::size_t num_threads = 1) const {
    std::atomic<std::size_t> count{0};
    MadeUpCheckpoint counted = source();
    counted.on_read = [&](std::size_t) { ++count; };
    write(counted, num_threads);
    return count;
  }
  [[nodiscard]] std::map<std::string, std::string> uninterrupted() const {
    write(source());
    auto expected = contents(target);
    fs::remove_all(target);
    return expected;
  }
  [[nodiscard]] fs::path work() const { return directory.path() / ".out.tmp"; }
};

TEST_F(ResumedWriter, WritesTheSameBytesWhereverItWasKilled) {
  options.max_shard_size_bytes = 400;  // three shards
  const auto expected = uninterrupted();
  // Tensors are written in the order 1, 0 | 3, 2, 4 | 5, and 4 is empty.
  const std::map<std::size_t, std::size_t> left{{0, 4}, {1, 5}, {2, 2}, {3, 3}, {5, 1}};
  for (const std::size_t num_threads : {1U, 3U}) {
    for (const auto& [place, to_read] : left) {
      die_at(place, num_threads);
      const std::size_t count = resume(num_threads);
      EXPECT_TRUE(contents(target) == expected) << place;
      if (num_threads == 1) {
        EXPECT_EQ(count, to_read) << place;
      }
      fs::remove_all(target);
    }
  }
  EXPECT_TRUE(nothing_is_left());
}

// Opening a merged tensor computes its norms or cuts.
TEST_F(ResumedWriter, DoesNotOpenTensorsThatAreWritten) {
  die_at(2);  // 1, 3 and 0 are written before
  std::vector<std::size_t> opened;
  MadeUpCheckpoint counted = source();
  counted.on_open = [&](std::size_t place) { opened.push_back(place); };
  write(counted);
  EXPECT_THAT(opened, testing::UnorderedElementsAre(2, 5)) << "4 is empty";
}

TEST_F(ResumedWriter, MayBeKilledAgain) {
  const auto expected = uninterrupted();
  for (const std::size_t place : {1U, 3U, 0U, 2U, 5U}) die_at(place);  // wider types go first
  EXPECT_EQ(resume(), 1U);
  EXPECT_TRUE(contents(target) == expected);
}

TEST_F(ResumedWriter, DoesNotTrustWhatIsNotWhatWasWritten) {
  const auto expected = uninterrupted();
  die_at(5);
  {
    std::fstream file(work() / "model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-200, std::ios::end);
    file << "damage";
  }
  EXPECT_GT(resume(), 1U);
  EXPECT_TRUE(contents(target) == expected);
}

TEST_F(ResumedWriter, AHalfWrittenJournalLineCountsForNothing) {
  const auto expected = uninterrupted();
  die_at(5);
  const fs::path journal = work() / ".journal";
  fs::resize_file(journal, fs::file_size(journal) - 5);
  EXPECT_EQ(resume(), 2U);
  EXPECT_TRUE(contents(target) == expected);
  fs::remove_all(target);
  die_at(5);
  fs::resize_file(journal, 10);  // not even the identity is whole
  EXPECT_EQ(resume(), 5U);
  EXPECT_TRUE(contents(target) == expected);
}

TEST_F(ResumedWriter, StartsFromTheBeginningIfThereIsNothing) {
  EXPECT_EQ(resume(), 5U);
  EXPECT_TRUE(fs::exists(target / "model.safetensors"));
}

TEST_F(ResumedWriter, TakesOnlyWorkOfTheSameKind) {
  options.identity = {{"recipe", "a"}};
  die_at(3);
  options.identity = {{"recipe", "b"}};
  EXPECT_THAT(error_message(ErrorCode::kInvalidArgument, [&] { resume(); }),
              testing::AllOf(HasSubstr("cannot resume"), HasSubstr("'recipe'")));
  EXPECT_FALSE(fs::exists(target));
  options.identity = {{"recipe", "a"}};
  EXPECT_LT(resume(), 5U) << "the refusal took nothing away";
}

TEST_F(ResumedWriter, WithoutTheWishToResumeWorkIsThrownAway) {
  die_at(3);
  options.resumption = Resumption::kOffered;
  EXPECT_EQ(resume(), 5U);
}

// Flushing a large model takes a while, and may fail.
TEST_F(ResumedWriter, WorkIsKeptUntilTheDirectoryHasItsName) {
  const auto expected = uninterrupted();
  MadeUpCheckpoint last = source();
  last.on_read = [&](std::size_t place) {
    if (place == 5) fs::create_directory(target);
  };
  EXPECT_THAT(error_message(ErrorCode::kExists, [&] { write(last); }), HasSubstr("exists already"));
  fs::remove(target);
  EXPECT_EQ(resume(), 0U);
  EXPECT_TRUE(contents(target) == expected) << "no journal is left";
}

TEST_F(ResumedWriter, AStopKeepsTheWorkAndSaysHowToGoOn) {
  options.resumption = Resumption::kOffered;
  options.max_shard_size_bytes = 400;
  std::atomic<std::size_t> num_written = 0;
  options.on_progress = [&](const ProgressEvent& event) { num_written = event.done; };
  options.stop_requested = [&] { return num_written > 0; };
  EXPECT_THAT(error_message(ErrorCode::kInterrupted, [&] { write(source()); }),
              HasSubstr("(continue with --resume)"));
  options.on_progress = nullptr;
  options.stop_requested = nullptr;
  options.resumption = Resumption::kTaken;
  EXPECT_LT(resume(), 5U);
}

}  // namespace
}  // namespace vlm
