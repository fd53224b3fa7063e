#pragma once

// config.json of a checkpoint: which kind of model it is, and which part of the JSON describes
// which component. Each component parses its own part (language/decoder_config.h,
// vision/vision_config.h).

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

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

  // The language model's part: the whole config of a text model, `text_config` of a VLM.
  [[nodiscard]] JsonFields text() const;
  // `vision_config`. REQUIRES: a VLM.
  [[nodiscard]] JsonFields vision() const;
  [[nodiscard]] bool is_vlm() const noexcept { return family != ModelFamily::kText; }
  // Whether the layers are executed along a path: a data-flow model. `json` then has the lists
  // `input_layers` and `input_scales`, which such checkpoints keep in tensors.
  [[nodiscard]] bool has_layer_path() const noexcept {
    return architecture == "EvoMistralForCausalLM";
  }
  // num_hidden_layers and vocab_size of the language model.
  [[nodiscard]] std::size_t num_layers() const;
  [[nodiscard]] std::size_t vocab_size() const;
};

// Parses the content of a config.json. Throws Error{kCorruptFile, kUnsupported}: an architecture
// that is not known is named together with those that are.
ModelConfig parse_model_config(const Json& config, const std::string& where);

}  // namespace vlm
