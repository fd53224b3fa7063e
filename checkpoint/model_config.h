#pragma once

// config.json of a checkpoint: which kind of model it is, and which part of the JSON describes
// which component. Each component parses its own part (language/decoder_config.h,
// vision/vision_config.h).

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/json_fields.h"

namespace vlm {

enum class ModelFamily : std::uint8_t {
  kText,      // a causal language model
  kLlava,     // LLaVA 1.5: vision tower, projector, language model; one view of each picture
  kLlavaNext  // LLaVA 1.6: the same, and tiles of each picture
};

// A parsed config.json. Keys as transformers 5 writes them (`rope_parameters`, `dtype`) are
// normalised to the older names (`rope_theta`, `torch_dtype`) in `json`; `original` is as read.
struct ModelConfig {  // NOLINT(bugprone-exception-escape): moving JSON does not throw
  std::string where;  // file name for messages
  ModelFamily family = ModelFamily::kText;
  std::string architecture;  // architectures[0], e.g. "MistralForCausalLM"
  Json json;
  Json original;
  // Of original LLaVA (checkpoint/original_llava.h), else empty: the directory of the model that
  // its config.json names as vision tower. It has the tower's config and image processor.
  std::filesystem::path tower_directory;
  // Whether that directory has the tower's weights, too, and the checkpoint has not.
  bool borrows_tower = false;
  // Whether a tensor (canonical name) is one of those.
  [[nodiscard]] bool is_borrowed(std::string_view tensor) const noexcept {
    return borrows_tower && tensor.starts_with("vision/");
  }

  // The language model's part: the whole config of a text model, `text_config` of a VLM.
  [[nodiscard]] JsonFields text() const;
  // `vision_config`. REQUIRES: a VLM.
  [[nodiscard]] JsonFields vision() const;
  [[nodiscard]] bool is_vlm() const noexcept { return family != ModelFamily::kText; }
  // Then `original` has the keys of the language model at its top level, `json` as all others.
  [[nodiscard]] bool is_original_llava() const noexcept { return !tower_directory.empty(); }
  // The token that stands for a picture. Nothing for original LLaVA, which has no such token, only
  // the text "<image>". REQUIRES: a VLM.
  [[nodiscard]] std::optional<std::size_t> image_token_id() const;
  // Whether the layers are executed along a path: a data-flow model. `json` then has the lists
  // `input_layers` and `input_scales`, which such checkpoints keep in tensors.
  [[nodiscard]] bool has_layer_path() const noexcept {
    return architecture == "EvoMistralForCausalLM";
  }
  // num_hidden_layers and vocab_size of the language model.
  [[nodiscard]] std::size_t num_layers() const;
  [[nodiscard]] std::size_t vocab_size() const;
};

// The config.json of a model directory; of original LLaVA also that of its vision tower, for which
// find_tower_directory() looks. Throws Error{kNotFound, kIo} and what parse_model_config() throws.
ModelConfig read_model_config(const std::filesystem::path& directory);

// Parses the content of a config.json that is not of original LLaVA. Throws Error{kCorruptFile,
// kUnsupported}: an architecture that is not known is named together with those that are.
ModelConfig parse_model_config(const Json& config, const std::string& where);

}  // namespace vlm
