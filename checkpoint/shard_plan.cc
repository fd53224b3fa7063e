#include "checkpoint/shard_plan.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "checkpoint/safetensors_writer.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

std::string shard_file_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  std::array<char, 64> name{};
  const int length =
      std::snprintf(name.data(), name.size(), "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return {name.data(), static_cast<std::size_t>(length)};
}

}  // namespace

std::vector<Shard> plan_shards(const Checkpoint& source, std::size_t max_shard_size_bytes) {
  std::vector<Shard> shards(1);
  shards.front().path = layer_path_tensors(source.config());
  for (const LayerPathTensor& tensor : shards.front().path) {
    shards.front().size_bytes += tensor.bytes.size();
  }
  for (const TensorInfo& tensor : source.tensors()) {
    if (source.config().is_borrowed(tensor.name)) continue;
    const std::size_t size_bytes = stored_size_bytes(tensor);
    const bool full = shards.back().size_bytes > max_shard_size_bytes ||
                      size_bytes > max_shard_size_bytes - shards.back().size_bytes;
    if (full && !shards.back().tensors.empty()) shards.emplace_back();
    shards.back().tensors.push_back(&tensor);
    shards.back().size_bytes += size_bytes;
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    shards[i].file_name = shard_file_name(i, shards.size());
    std::stable_sort(shards[i].tensors.begin(), shards[i].tensors.end(),
                     [](const TensorInfo* a, const TensorInfo* b) {
                       return element_size_bytes(a->dtype) > element_size_bytes(b->dtype);
                     });
  }
  return shards;
}

std::string shard_index_json(const std::vector<Shard>& shards, const Layout& layout) {
  std::size_t total_size_bytes = 0;
  Json weight_map = Json::object();
  for (const Shard& shard : shards) {
    total_size_bytes += shard.size_bytes;
    for (const LayerPathTensor& tensor : shard.path) weight_map[tensor.info.name] = shard.file_name;
    for (const TensorInfo* tensor : shard.tensors) {
      weight_map[layout.disk_name(tensor->name)] = shard.file_name;
    }
  }
  const Json index = {{"metadata", {{"total_size", total_size_bytes}}}, {"weight_map", weight_map}};
  return index.dump(2) + "\n";
}

}  // namespace vlm
