#pragma once

// Which safetensors files hold the weights of a model directory.

#include <filesystem>
#include <vector>

#include "checkpoint/safetensors.h"

namespace vlm {

// Opens model.safetensors, or every shard named by model.safetensors.index.json in the order of
// their names. Proves that index and shards agree: each shard is a file of the directory, each
// tensor lies in the shard the index names and in no other. `metadata.total_size` of the index is
// not used (exporters disagree about it). Throws Error{kNotFound, kIo, kCorruptFile}.
std::vector<SafetensorsFile> open_shards(const std::filesystem::path& directory);

}  // namespace vlm
