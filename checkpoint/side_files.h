#pragma once

// The files of a model directory that belong to the model but are neither weights nor config:
// tokenizer, special tokens, generation config, image processor, chat template, licence.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace vlm {

// Whether a file of that name is a side file. Not: config.json, weights and their indices in any
// format, README files, hidden files, and descriptions of how that model was made (recipe.yaml,
// mergekit_config.yml).
bool is_side_file(std::string_view file_name);

// The names of the side files of a directory, sorted. Subdirectories are not looked into.
// Throws Error{kIo} if the directory cannot be read.
std::vector<std::string> list_side_files(const std::filesystem::path& directory);

// Copies the content of a file; symbolic links (hub snapshots consist of them) are followed.
// Throws Error{kIo, kNotFound} naming the file.
void copy_side_file(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace vlm
