#pragma once

// The order in which a decoder executes its layers, with repeats and scales: data-flow-space
// merging (Akiba et al. 2024, section 3.2).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

// What the scale of a hop multiplies. Of the first hop it is always the embedding.
enum class HopScaling : std::uint8_t {
  kStream,    // the residual stream before the hop, as the paper describes
  kMlpOutput  // the output of the MLP before the hop, as the released model's own code does
};

// One execution of a layer.
struct LayerHop {
  std::size_t layer = 0;
  float scale = 1.0F;

  bool operator==(const LayerHop&) const = default;
};

struct LayerPath {
  std::vector<LayerHop> hops;  // empty: every layer once
  HopScaling scaling = HopScaling::kStream;

  bool operator==(const LayerPath&) const = default;
};

// Under which keys an object holds a path.
struct LayerPathKeys {
  const char* layers = "";                          // layer numbers; absent: the empty path
  const char* scales = "";                          // a number for each; absent: 1
  const char* scaling = "";                         // "stream" or "mlp"
  HopScaling absent_scaling = HopScaling::kStream;  // without that key
};

// Whether the layers exist is for Decoder to check. Throws Error{kCorruptFile}.
LayerPath parse_layer_path(const JsonFields& fields, const LayerPathKeys& keys);

}  // namespace vlm
