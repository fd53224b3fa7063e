#include "cli/file_signals.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "core/files.h"
#include "core/mapped_file.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

// Reads a page that the file had when it was mapped.
void read_what_was_cut_off(const std::filesystem::path& path) {
  catch_file_signals();
  const MappedFile file(path);
  std::filesystem::resize_file(path, 0);
  const volatile std::byte* const bytes = file.bytes().data();
  static_cast<void>(bytes[file.bytes().size() - 1]);
}

TEST(FileSignals, AFileThatIsCutOffWhileItIsReadEndsTheProgramWithItsName) {
  const TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "weights of a model";
  write_file_atomically(path, std::string(100'000, 'x'));
  EXPECT_EXIT(read_what_was_cut_off(path), testing::ExitedWithCode(1),
              "^vlm-merge: error: file was cut off, or its disk failed, while it was read: /.*/"
              "weights of a model\n$");
}

}  // namespace
}  // namespace vlm
