#include "vision/vision_encoder.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "tensor/addition.h"
#include "tensor/bfloat16_attention.h"
#include "tensor/gemm.h"
#include "tensor/normalization.h"
#include "tensor/onednn_product.h"
#include "tensor/row_ranges.h"

namespace vlm {
namespace {

// Row p of `out` [patches, channels * patch * patch] is patch p, row by row of the image, channel
// after channel: the order of a convolution's weight.
void cut_patches(const PixelValues& image, const VisionConfig& config, MatrixView<float> out) {
  const std::size_t patch = config.patch_size_px;
  const std::size_t across = config.image_size_px / patch;
  for (std::size_t p = 0; p < out.rows(); ++p) {
    const std::size_t top = p / across * patch;
    const std::size_t left = p % across * patch;
    auto to = out.row(p).begin();
    for (std::size_t channel = 0; channel < config.num_channels; ++channel) {
      const std::span<const float> plane = image.values.row(channel);
      for (std::size_t y = 0; y < patch; ++y) {
        const auto line = plane.subspan((top + y) * image.width_px + left, patch);
        to = std::copy(line.begin(), line.end(), to);
      }
    }
  }
}

// Runs the tower over one image, in buffers kept from block to block.
class ImageRun {
 public:
  ImageRun(const VisionConfig& config, const VisionWeights& weights, ThreadPool& pool)
      : config_(config),
        weights_(weights),
        pool_(pool),
        normed_(config.num_tokens(), config.hidden_size),
        query_key_value_(normed_.rows(), 3 * config.hidden_size),
        intermediate_(normed_.rows(), config.intermediate_size) {
    if (weights.format != WeightFormat::kFloat32 && has_bfloat16_products()) {
      bfloat16_attention_.emplace(config.num_tokens(), config.head_dim());
    }
  }

  // x [tokens, hidden]: CLIP norm([class; patches * W^T] + positions), SigLIP
  // patches * W^T + bias + positions.
  void embed(const PixelValues& image, MatrixView<float> x) {
    Matrix<float> patches(config_.num_patches(), config_.patch_values());
    cut_patches(image, config_, patches.view());
    const std::size_t first_patch = config_.has_class_token() ? 1 : 0;
    const MatrixView<float> embedded = x.rows(first_patch, patches.rows());
    multiply_transposed(patches.view(), weights_.patch_embedding, embedded, pool_);
    if (!weights_.patch_bias.empty()) add_bias(embedded, weights_.patch_bias);
    std::copy(weights_.class_embedding.begin(), weights_.class_embedding.end(), x.row(0).begin());
    add_scaled(x, 1.0F, weights_.position_embeddings, pool_);
    if (!config_.has_class_token()) return;
    normalise(x, weights_.norm_before_blocks, x);
  }

  // x += attention(norm(x)); x += mlp(norm(x)). x [tokens, hidden].
  void block(const VisionBlockWeights& block, MatrixView<float> x) {
    normalise(x, block.norm_before_attention, normed_.view());
    apply_linear(normed_.view(), block.query_key_value, query_key_value_.view(), pool_);
    attention(normed_.view());
    const MatrixView<float> update = query_key_value_.view().columns(0, config_.hidden_size);
    apply_linear(normed_.view(), block.output, update, pool_);
    add_scaled(x, 1.0F, update, pool_);
    normalise(x, block.norm_before_mlp, normed_.view());
    apply_linear(normed_.view(), block.up, intermediate_.view(), pool_);
    activate(intermediate_);
    apply_linear(intermediate_.view(), block.down, normed_.view(), pool_);
    add_scaled(x, 1.0F, normed_.view(), pool_);
  }

 private:
  // out = norm(x); the threads share the rows, here and in what follows.
  void normalise(MatrixView<const float> x, const LayerNormWeights& norm, MatrixView<float> out) {
    for_row_ranges(x, pool_, [&](std::size_t first, std::size_t count) {
      layer_norm(x.rows(first, count), norm, config_.layer_norm_epsilon, out.rows(first, count));
    });
  }
  void activate(Matrix<float>& x) {
    for_row_ranges(x.view(), pool_, [&](std::size_t first, std::size_t count) {
      config_.activation(x.values().subspan(first * x.cols(), count * x.cols()));
    });
  }

  // context [tokens, hidden]: softmax(q k^T / sqrt(head_dim)) v of every head.
  void attention(MatrixView<float> context) {
    const std::size_t head_dim = config_.head_dim();
    pool_.parallel_for(config_.num_heads, [&](std::size_t head) {
      const auto part = [&](std::size_t which) {  // 0 query, 1 key, 2 value: [tokens, head_dim]
        const std::size_t first = which * config_.hidden_size + head * head_dim;
        return query_key_value_.view().columns(first, head_dim);
      };
      const MatrixView<float> out = context.columns(head * head_dim, head_dim);
      if (bfloat16_attention_) return bfloat16_attention_->attend(part(0), part(1), part(2), out);
      attend(part(0), part(1), part(2), out);
    });
  }

  static void attend(MatrixView<const float> queries, MatrixView<const float> keys,
                     MatrixView<const float> values, MatrixView<float> out) {
    const float scale = 1.0F / std::sqrt(static_cast<float>(keys.cols()));
    auto scores = Matrix<float>::for_overwrite(queries.rows(), keys.rows());
    multiply_transposed_scaled(scale, queries, keys, scores.view());
    for (std::size_t query = 0; query < scores.rows(); ++query) softmax(scores.row(query));
    multiply(scores.view(), values, out);
  }

  const VisionConfig& config_;
  const VisionWeights& weights_;
  ThreadPool& pool_;
  std::optional<Bfloat16Attention> bfloat16_attention_;
  Matrix<float> normed_;           // [tokens, hidden]; also attention's context
  Matrix<float> query_key_value_;  // [tokens, 3 * hidden]
  Matrix<float> intermediate_;     // [tokens, intermediate]
};

void check_block(const VisionConfig& config, const VisionBlockWeights& block) {
  const std::size_t hidden = config.hidden_size;
  check(has_shape(block.query_key_value, 3 * hidden, hidden, true) &&
            has_shape(block.output, hidden, hidden, true) &&
            has_shape(block.up, config.intermediate_size, hidden, true) &&
            has_shape(block.down, hidden, config.intermediate_size, true),
        "VisionEncoder: a block's weights of the config's shape");
}

void check_weights(const VisionConfig& config, const VisionWeights& weights) {
  const bool clip = config.has_class_token();
  check(weights.class_embedding.size() == (clip ? config.hidden_size : 0) &&
            weights.patch_bias.size() == (clip ? 0 : config.hidden_size) &&
            weights.patch_embedding.rows() == config.hidden_size &&
            weights.patch_embedding.cols() == config.patch_values() &&
            weights.position_embeddings.rows() == config.num_tokens() &&
            weights.position_embeddings.cols() == config.hidden_size &&
            weights.blocks.size() <= config.num_layers,
        "VisionEncoder: weights of the config's shape");
  for (const VisionBlockWeights& block : weights.blocks) check_block(config, block);
}

void check_images(const VisionConfig& config, std::span<const PixelValues> images) {
  for (const PixelValues& image : images) {
    if (image.height_px != config.image_size_px || image.width_px != config.image_size_px) {
      throw Error(ErrorCode::kInvalidArgument, "vision tower: an image of " +
                                                   std::to_string(image.width_px) + "x" +
                                                   std::to_string(image.height_px) +
                                                   " px after preprocessing (the model takes " +
                                                   std::to_string(config.image_size_px) + "x" +
                                                   std::to_string(config.image_size_px) + ")");
    }
    check(image.values.rows() == config.num_channels &&
              image.values.cols() == image.height_px * image.width_px,
          "VisionEncoder::encode: values [channels, height * width]");
  }
}

}  // namespace

std::size_t encoding_bytes(const VisionConfig& config) noexcept {
  // The stream and ImageRun's matrices; a head's scores; the widest input of a product, packed.
  const std::size_t widest = std::max(config.hidden_size, config.intermediate_size);
  const std::size_t row_floats =
      5 * config.hidden_size + config.intermediate_size + config.num_tokens() + widest;
  return config.num_tokens() * row_floats * sizeof(float);
}

VisionEncoder::VisionEncoder(const VisionConfig& config, VisionWeights weights)
    : config_(config), weights_(std::move(weights)) {
  check_weights(config_, weights_);
}

Matrix<float> VisionEncoder::encode(std::span<const PixelValues> images, int layer,
                                    ThreadPool& pool, const VisionObserver& observer) const {
  const std::size_t num_blocks = hidden_state_index(config_, layer);
  if (num_blocks > weights_.blocks.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "vision tower: hidden state " + std::to_string(num_blocks) +
                    " of a tower of which " + std::to_string(weights_.blocks.size()) +
                    " blocks are loaded");
  }
  check_images(config_, images);
  const std::size_t tokens = config_.num_tokens();
  Matrix<float> hidden(images.size() * tokens, config_.hidden_size);
  const auto run_image = [&](std::size_t image) {
    const MatrixView<float> x = hidden.view().rows(image * tokens, tokens);
    ImageRun run(config_, weights_, pool);
    run.embed(images[image], x);
    if (observer) observer({.image = image, .layer = 0, .values = x});
    for (std::size_t b = 0; b < num_blocks; ++b) {
      run.block(weights_.blocks[b], x);
      if (observer) observer({.image = image, .layer = b + 1, .values = x});
    }
  };
  if (observer || images.size() == 1) {  // one after the other; the threads share each product
    for (std::size_t image = 0; image < images.size(); ++image) run_image(image);
  } else {
    pool.parallel_for(images.size(), run_image);
  }
  return hidden;
}

}  // namespace vlm
