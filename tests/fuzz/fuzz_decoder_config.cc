// Any bytes as a config.json: either refused, or a decoder's numbers that fit together.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "checkpoint/model_config.h"
#include "core/error.h"
#include "language/decoder_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const vlm::ModelConfig model = vlm::parse_model_config(vlm::parse_json(text, "input"), "input");
    const vlm::DecoderConfig config = vlm::parse_decoder_config(model.text());
    if (config.layer_windows.size() != config.num_layers) std::abort();
    if (config.group_size() * config.num_kv_heads != config.num_heads) std::abort();
    if (!(config.rope_theta > 0.0) || !(config.rope_scaling.factor >= 1.0)) std::abort();
    const std::size_t length = config.rope_scaling.original_context + 1;
    const auto frequencies = vlm::scaled_inverse_frequencies(config.rope_scaling, config.rope_theta,
                                                             config.head_dim, length);
    if (frequencies.size() != config.head_dim / 2) std::abort();
  } catch (const vlm::Error&) {
    return 0;  // refused
  }
  return 0;
}
