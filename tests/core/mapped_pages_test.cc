#include "core/mapped_pages.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/mapped_file.h"

namespace vlm {
namespace {

constexpr std::size_t kPages = 40;

std::size_t page_bytes() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

class MappedPages : public ::testing::Test {
 protected:
  MappedPages() {
    std::string text(kPages * page_bytes(), ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
    std::ofstream(path_) << text;
  }
  ~MappedPages() override { std::filesystem::remove(path_); }

  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("mapped_pages_" + std::to_string(::getpid()));
};

// Pages of this file that the process holds: "Rss:" of the mapping in smaps.
std::size_t resident_bytes(const std::filesystem::path& path) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  while (std::getline(maps, line) && line.find(path.string()) == std::string::npos) {
  }
  while (std::getline(maps, line)) {
    if (line.starts_with("Rss:")) return std::stoul(line.substr(4)) * 1024;
  }
  ADD_FAILURE() << "no mapping of " << path;
  return 0;
}

void expect_values(std::span<const std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    ASSERT_EQ(static_cast<char>(bytes[i]), static_cast<char>('a' + i % 23)) << i;
  }
}

TEST_F(MappedPages, AreNoLongerHeldAndKeepTheirValues) {
  const MappedFile file(path_);
  expect_values(file.bytes());
  ASSERT_EQ(resident_bytes(path_), kPages * page_bytes());
  release_mapped_pages(file.bytes());
  EXPECT_EQ(resident_bytes(path_), 0U);
  expect_values(file.bytes());
}

TEST_F(MappedPages, ThatAreOnlyTouchedByTheRangeStay) {
  const MappedFile file(path_);
  expect_values(file.bytes());
  release_mapped_pages(file.bytes().subspan(1, 3 * page_bytes()));  // pages 1 and 2 are inside
  EXPECT_EQ(resident_bytes(path_), (kPages - 2) * page_bytes());
  release_mapped_pages(file.bytes().subspan(10 * page_bytes() + 5, page_bytes()));
  release_mapped_pages({});
  EXPECT_EQ(resident_bytes(path_), (kPages - 2) * page_bytes());
}

// How many pages of the range are in the system's cache of files.
std::size_t cached_pages(std::span<const std::byte> bytes) {
  std::vector<unsigned char> pages((bytes.size() + page_bytes() - 1) / page_bytes());
  const int result = ::mincore(const_cast<std::byte*>(bytes.data()), bytes.size(),
                               pages.data());  // NOLINT(*-const-cast)
  EXPECT_EQ(result, 0);
  return static_cast<std::size_t>(
      std::ranges::count_if(pages, [](unsigned char page) { return (page & 1U) != 0; }));
}

// On a file system in memory all pages are there before.
TEST_F(MappedPages, AreFetchedWithoutBeingTouched) {
  const int descriptor = ::open(path_.c_str(), O_RDONLY);
  ASSERT_EQ(::fsync(descriptor), 0);
  ASSERT_EQ(::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED), 0);
  ::close(descriptor);
  const MappedFile file(path_);
  fetch_mapped_pages({});
  fetch_mapped_pages(file.bytes().subspan(1));
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (cached_pages(file.bytes()) < kPages && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(cached_pages(file.bytes()), kPages);
  EXPECT_EQ(resident_bytes(path_), 0U);
  expect_values(file.bytes());
}

}  // namespace
}  // namespace vlm
