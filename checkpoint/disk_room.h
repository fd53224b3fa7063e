#pragma once

// Whether what is going to be written fits on the disk.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace vlm {

using FileSizes = std::map<std::string, std::uint64_t>;  // name -> bytes

// For the files of a new directory `target`, and meanwhile so many bytes beside it; what an earlier
// run wrote of the files in AtomicDirectory::working_directory() is there already. A file system
// that does not tell its free space has enough. Throws Error{kIo} with both numbers: before hours
// of work, not after them.
void check_room(const std::filesystem::path& target, const FileSizes& files,
                std::uint64_t bytes_beside = 0);

}  // namespace vlm
