#pragma once

// Where the model is that a user names: a directory, or a hub id in the local Hugging Face cache.
// Nothing is downloaded.

#include <filesystem>
#include <string>
#include <string_view>

namespace vlm {

// The cache directory as huggingface_hub finds it: HF_HUB_CACHE, else HF_HOME/hub, else
// XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub.
std::filesystem::path hub_cache_directory();

// The folder of a repository in that directory: "models--org--name" for "org/name".
std::string hub_folder(std::string_view repository);

// The directory of a model named as
//   - a directory that holds a config.json, or
//   - `org/name` or `org/name@revision` (branch, tag or whole commit hash; "main" if none), looked
//     up in `hub_cache`: models--org--name/refs/<revision> names a commit, snapshots/<commit> is
//     it.
// Throws Error{kNotFound} that says what was tried, Error{kInvalidArgument} for an empty name.
std::filesystem::path resolve_model_directory(std::string_view model,
                                              const std::filesystem::path& hub_cache);
std::filesystem::path resolve_model_directory(std::string_view model);

// The same of the vision tower that another model names. `what` says so in messages.
std::filesystem::path resolve_tower_directory(std::string_view tower, const std::string& what);

// The same of a LoRA adapter, whose directory holds an adapter_config.json.
std::filesystem::path resolve_adapter_directory(std::string_view adapter);

// Whether a name is that of an adapter and of no model: a directory, or a hub id in the cache, with
// an adapter_config.json and no config.json. Throws Error{kCorruptFile} for a cache that is broken.
bool names_adapter(std::string_view name);

}  // namespace vlm
