#include "core/direct_file.h"

#include <algorithm>
#include <csignal>
#include <memory>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock = DirectFile::kBlockBytes;
constexpr std::size_t kSize = 50 * kBlock + 123;

// Bytes at an address that is `offset` modulo the size of a block.
class Placed {
 public:
  Placed(std::size_t size, std::size_t offset) : memory_(size + 2 * kBlock) {
    void* begin = memory_.data();
    std::size_t space = memory_.size();
    std::align(kBlock, size + offset, begin, space);
    bytes_ = {static_cast<std::byte*>(begin) + offset, size};
    for (std::size_t i = 0; i < size; ++i) {
      bytes_[i] = static_cast<std::byte>((offset + i) * 2654435761U >> 24U);
    }
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> memory_;
  std::span<std::byte> bytes_;
};

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(DirectFile, HasItsSizeFromTheBeginning) {
  const TemporaryDirectory directory;
  const DirectFile file(directory.path() / "f", kSize, DirectFile::Existing::kRefuse);
  EXPECT_EQ(std::filesystem::file_size(directory.path() / "f"), kSize);
}

// Whole blocks, blocks that the write has a part of, addresses that do not fit the place.
TEST(DirectFile, WritesEachByteAndNoOther) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}, kBlock, kBlock + 77}) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, kBlock, 20 * kBlock, 20 * kBlock + 5, 33 * kBlock - 78}) {
      for (const std::size_t misplaced : {0U, 1U}) {
        std::filesystem::remove(path);
        const DirectFile file(path, kSize, DirectFile::Existing::kRefuse);
        const Placed placed(size, (first + misplaced) % kBlock);
        file.write(first, placed.bytes());
        std::string expected(kSize, '\0');
        std::ranges::copy(text_of(placed.bytes()),
                          expected.begin() + static_cast<std::ptrdiff_t>(first));
        EXPECT_EQ(read_text_file(path), expected) << first << " " << size << " " << misplaced;
        std::vector<std::byte> back(size);
        file.read(first, back);
        EXPECT_EQ(text_of(back), text_of(placed.bytes()));
      }
    }
  }
}

// Two writes that meet inside of a block.
TEST(DirectFile, KeepsWhatAnotherWriteHasPutIntoTheSameBlock) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  const DirectFile file(path, kSize, DirectFile::Existing::kRefuse);
  const std::size_t middle = 25 * kBlock + 1000;
  const Placed all(kSize, 0);
  file.write(middle, all.bytes().subspan(middle));
  file.write(0, all.bytes().first(middle));
  EXPECT_EQ(read_text_file(path), text_of(all.bytes()));
}

TEST(DirectFile, ContinuesOrRefusesAFileThatIsThere) {
  const TemporaryDirectory directory;
  const auto path = directory.add("f", "0123456789");
  EXPECT_THROW(DirectFile(path, 10, DirectFile::Existing::kRefuse), Error);
  const DirectFile file(path, 10, DirectFile::Existing::kContinue);
  file.write(2, std::as_bytes(std::span("ab", 2)));
  EXPECT_EQ(read_text_file(path), "01ab456789");
}

TEST(DirectFile, SaysThatAFileEndedEarly) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  const DirectFile file(path, 10, DirectFile::Existing::kRefuse);
  std::filesystem::resize_file(path, 5);
  std::vector<std::byte> bytes(10);
  EXPECT_THROW(file.read(0, bytes), Error);
}

// A limit on the file size fails as a full disk does.
TEST(DirectFile, NamesTheFileThatHasNoRoom) {
  const TemporaryDirectory directory;
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  rlimit limit = old_limit;
  limit.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string message = error_message([&] {
    const DirectFile file(directory.path() / "large", kSize, DirectFile::Existing::kRefuse);
  });
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, testing::HasSubstr("large"));
}

}  // namespace
}  // namespace vlm
