#include "checkpoint/shard_index.h"

#include <map>
#include <set>
#include <string>
#include <system_error>

#include "core/error.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

// Shard file name -> names of its tensors.
using TensorsOfShard = std::map<std::string, std::set<std::string>>;

bool file_exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// A file name without any path, so that an index cannot reach outside its directory.
bool is_plain_file_name(const std::string& name) {
  return name.ends_with(".safetensors") && !name.starts_with('.') &&
         name.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
}

TensorsOfShard read_index(const fs::path& path) {
  const Json json = read_json_file(path);
  const JsonFields weight_map = JsonFields(json, path.string()).object("weight_map");
  TensorsOfShard tensors_of;
  for (const auto& [tensor, file] : weight_map.json().items()) {
    const std::string name = weight_map.text(tensor);
    if (!is_plain_file_name(name)) {
      throw Error(ErrorCode::kCorruptFile,
                  "shard is not a file of the directory: " + path.string() + ": " + file.dump());
    }
    tensors_of[name].insert(tensor);
  }
  if (tensors_of.empty()) {
    throw Error(ErrorCode::kCorruptFile, "index names no tensors: " + path.string());
  }
  return tensors_of;
}

SafetensorsFile open_shard(const fs::path& path, std::set<std::string> expected) {
  if (!file_exists(path)) throw Error(ErrorCode::kNotFound, "missing shard: " + path.string());
  SafetensorsFile shard(path);
  for (const SafetensorsEntry& entry : shard.entries()) {
    if (expected.erase(entry.name) == 0) {
      throw Error(ErrorCode::kCorruptFile, "tensor that the index does not place in this shard: " +
                                               path.string() + ": " + entry.name);
    }
  }
  if (!expected.empty()) {
    throw Error(ErrorCode::kCorruptFile, "tensor of the index is not in its shard: " +
                                             path.string() + ": " + *expected.begin());
  }
  return shard;
}

}  // namespace

std::vector<SafetensorsFile> open_shards(const fs::path& directory) {
  std::vector<SafetensorsFile> shards;
  if (const fs::path single = directory / "model.safetensors"; file_exists(single)) {
    shards.emplace_back(single);
    return shards;
  }
  const fs::path index = directory / "model.safetensors.index.json";
  if (!file_exists(index)) {
    const bool has_pickle = file_exists(directory / "pytorch_model.bin") ||
                            file_exists(directory / "pytorch_model.bin.index.json");
    throw Error(
        ErrorCode::kNotFound,
        "no weights: " + directory.string() +
            ": neither model.safetensors nor model.safetensors.index.json" +
            (has_pickle ? " (pytorch_model.bin is not read; convert it to safetensors)" : ""));
  }
  for (const auto& [name, tensors] : read_index(index)) {
    shards.push_back(open_shard(directory / name, tensors));
  }
  return shards;
}

}  // namespace vlm
