#pragma once

// Which tensors go into which file of a checkpoint that is written, and in which order.

#include <cstddef>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/layer_path_tensors.h"
#include "checkpoint/layout.h"

namespace vlm {

struct Shard {
  std::string file_name;
  std::vector<LayerPathTensor> path;       // of a data-flow model, in its first file before others
  std::vector<const TensorInfo*> tensors;  // of the source, in the order of the file
  std::size_t size_bytes = 0;              // of all tensors
};

// model.safetensors, or model-00001-of-0000N.safetensors if there is more than fits into one. A
// shard ends before the tensor that would make its data larger; one tensor may exceed it. Keeps the
// order of source.tensors(), except that within a file wider types go first, which keeps every
// tensor aligned (but float64 weights behind an odd number of scales). Without tensors that the
// source borrows from another model (ModelConfig). Shards point into the source.
std::vector<Shard> plan_shards(const Checkpoint& source, std::size_t max_shard_size_bytes);

// The content of model.safetensors.index.json. Throws Error{kInvalidArgument} for a tensor the
// layout has no place for.
std::string shard_index_json(const std::vector<Shard>& shards, const Layout& layout);

}  // namespace vlm
