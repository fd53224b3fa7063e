#include "tensor/large_pages.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/matrix.h"

namespace vlm {
namespace {

constexpr std::size_t kLargePageBytes = std::size_t{2} << 20U;

// The flags of the mapping that holds an address ("rd wr mr ..."), from the system.
std::string flags_of(const void* address) {
  const auto place = reinterpret_cast<std::uintptr_t>(address);  // NOLINT(*-reinterpret-cast)
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long first = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &end) == 2) {
      inside = place >= first && place < end;
    }
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return "";
}

TEST(PreferLargePages, AsksForThePagesThatAreFilled) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) {
    GTEST_SKIP() << "the system has no large pages";
  }
  Matrix<std::byte> bytes = Matrix<std::byte>::for_overwrite(3, kLargePageBytes);
  prefer_large_pages(bytes.values());
  EXPECT_NE(flags_of(bytes.values().data() + bytes.size() / 2).find(" hg"), std::string::npos);
  bytes.row(0)[0] = std::byte{1};
  bytes.row(2)[kLargePageBytes - 1] = std::byte{1};
}

TEST(PreferLargePages, LeavesLessThanAPageAsItIs) {
  std::vector<std::byte> bytes(kLargePageBytes / 2);
  prefer_large_pages(bytes);
  prefer_large_pages({});
  EXPECT_EQ(flags_of(bytes.data()).find(" hg"), std::string::npos);
}

}  // namespace
}  // namespace vlm
