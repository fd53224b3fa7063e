#pragma once

// Files that options such as --out name for results.

#include <filesystem>
#include <initializer_list>
#include <string>

namespace vlm {

// For files that long work will fill: throws now what output_place() has against one of them.
// Empty ones were not named.
void require_output_places(std::initializer_list<std::filesystem::path> files);

// Whether it is what standard output goes to, which then is to hold nothing else.
bool is_standard_output(const std::filesystem::path& file);

// Prints a line about a file that has been written: to standard output, or to standard error if
// the file was standard output itself, which then holds nothing else.
void tell_written(const std::filesystem::path& file, const std::string& line);

}  // namespace vlm
