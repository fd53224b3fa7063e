#pragma once

// Whether what is going to be written fits on the disk.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace vlm {

using FileSizes = std::map<std::string, std::uint64_t>;  // name -> bytes

// For the files of a new directory `target`; what an earlier run wrote of them in
// AtomicDirectory::working_directory() is there already. A file system that does not tell its free
// space has enough. Throws Error{kIo} with both numbers: before hours of work, not after them.
void check_room(const std::filesystem::path& target, const FileSizes& files);

}  // namespace vlm
