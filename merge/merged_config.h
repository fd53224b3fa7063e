#pragma once

// The config.json of a merge: the donor's, with the keys that must change and no other.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/model_config.h"
#include "tensor/dtype.h"

namespace vlm {

struct ConfigChanges {
  std::optional<std::size_t> num_layers;
  std::optional<DType> dtype;  // torch_dtype (or dtype) wherever it stands
  bool unties_head = false;    // tie_word_embeddings becomes false
  std::optional<std::size_t> vocab_size;
  Json token_ids = Json::object();  // of begin, end and padding, by key
  // Of original LLaVA: mm_vision_tower where it would not be found from another directory; and that
  // the result has a vision tower of its own (ModelConfig::borrows_tower).
  std::optional<std::string> tower_name;
  bool owns_tower = false;
};

// The keys of ConfigChanges::token_ids that a config has.
Json token_ids_of(const ModelConfig& config);

// Applies the changes to both forms of the config, `json` and `original`. Throws
// Error{kUnsupported} for another number of layers in a model whose layers attend in different
// ways.
ModelConfig change_config(ModelConfig config, const ConfigChanges& changes);

// The text of config.json: the bytes of `donor_file` if it says the same, else with its keys in the
// donor's order. Without that file: by name.
std::string config_text(const ModelConfig& config, const std::filesystem::path& donor_file);

}  // namespace vlm
