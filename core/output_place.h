#pragma once

// Where the bytes of a file go that a user names for a result: links, devices and pipes.

#include <cstdint>
#include <filesystem>

namespace vlm {

enum class OutputKind : std::uint8_t {
  kFile,   // a regular file, or one that is not there yet: may be replaced as a whole
  kStream  // a device, a named pipe or what a descriptor stands for: has to be written into
};

struct OutputPlace {
  std::filesystem::path path;  // behind all symbolic links but those of /proc
  OutputKind kind = OutputKind::kFile;
};

// `/dev/stdout`, `/dev/fd/N` and their like are streams even where they stand for a regular file,
// which whoever opened it goes on using. Nothing is created or opened.
// Throws Error{kIo} for a directory, a block device, a socket, what cannot be looked at and a
// directory in which no file can be made, Error{kNotFound} if the directory of the file is missing.
OutputPlace output_place(const std::filesystem::path& named);

}  // namespace vlm
