#pragma once

// The vision transformer of CLIP or SigLIP up to the hidden state that LLaVA reads. Radford et al.,
// ICML 2021; Zhai et al., ICCV 2023; Dosovitskiy et al., ICLR 2021, eq. 1-3. The final norm and the
// pooled output, which LLaVA does not read, are not computed.

#include <cstddef>
#include <functional>
#include <span>

#include "core/thread_pool.h"
#include "tensor/matrix.h"
#include "vision/preprocess.h"
#include "vision/vision_config.h"
#include "vision/vision_weights.h"

namespace vlm {

struct VisionHiddenState {
  std::size_t image = 0;
  std::size_t layer = 0;           // 0: embedding after its norm, i: after block i
  MatrixView<const float> values;  // [tokens, hidden]
};

// Hears of every hidden state as it is computed, layer by layer, one image after the other; called
// from the thread that called encode().
using VisionObserver = std::function<void(const VisionHiddenState&)>;

// Memory that encode() takes for each image it is working on: one for each thread, at most.
std::size_t encoding_bytes(const VisionConfig& config) noexcept;

class VisionEncoder {
 public:
  // The weights' owner must outlive the encoder. REQUIRES: shapes as vision_weights.h says.
  VisionEncoder(const VisionConfig& config, VisionWeights weights);

  // Hidden state `layer` (hidden_state_index()) of each image: [images * tokens, hidden], CLIP's
  // class token first. Later blocks are not run. Each image runs on its own, so that its features
  // depend neither on the batch nor on the number of threads; an image has enough tokens to keep
  // the matrix kernels busy (bench/vision_bench.cc). Several images run at the same time; a single
  // one shares its products between the threads. Throws Error{kInvalidArgument} for a wrong layer
  // or for pixel values of another size.
  [[nodiscard]] Matrix<float> encode(std::span<const PixelValues> images, int layer,
                                     ThreadPool& pool, const VisionObserver& observer = {}) const;

  [[nodiscard]] const VisionConfig& config() const noexcept { return config_; }

 private:
  VisionConfig config_;
  VisionWeights weights_;
};

}  // namespace vlm
