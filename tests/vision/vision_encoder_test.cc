#include "vision/vision_encoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"

namespace vlm {
namespace {

// A tower of random weights, for a plain evaluation beside the real one.
class RandomTower {
 public:
  explicit RandomTower(const VisionConfig& config = small_config())
      : config_(config), weights_(make_weights()) {}

  static VisionConfig small_config() {
    VisionConfig config;
    config.hidden_size = 12;
    config.intermediate_size = 20;
    config.num_layers = 2;
    config.num_heads = 3;
    config.image_size_px = 7;  // the last row and column of pixels are in no patch
    config.patch_size_px = 3;
    return config;
  }

  [[nodiscard]] const VisionConfig& config() const { return config_; }
  [[nodiscard]] const VisionWeights& weights() const { return weights_; }

  std::vector<PixelValues> images(std::size_t count) {
    std::vector<PixelValues> out;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t side = config_.image_size_px;
      PixelValues image{Matrix<float>(3, side * side), side, side};
      for (float& value : image.values.values()) value = static_cast<float>(random_.normal());
      out.push_back(std::move(image));
    }
    return out;
  }

 private:
  const Matrix<float>& tensor(std::size_t rows, std::size_t cols) {
    Matrix<float>& out = tensors_.emplace_back(rows, cols);
    for (float& value : out.values()) value = static_cast<float>(0.3 * random_.normal());
    return out;
  }
  LinearWeights linear(std::size_t out, std::size_t in) {
    auto& weight = linears_.emplace_back(make_weight(WeightFormat::kFloat32, out, in));
    weight->fill([&](std::span<float> values) {
      std::ranges::copy(tensor(out, in).values(), values.begin());
    });
    return {weight.get(), tensor(1, out).values()};
  }
  LayerNormWeights norm() {
    return {tensor(1, config_.hidden_size).values(), tensor(1, config_.hidden_size).values()};
  }
  VisionWeights make_weights() {
    const std::size_t hidden = config_.hidden_size;
    VisionWeights weights{.format = WeightFormat::kFloat32,
                          .class_embedding = {},
                          .patch_embedding = tensor(hidden, config_.patch_values()).view(),
                          .patch_bias = {},
                          .position_embeddings = tensor(config_.num_tokens(), hidden).view(),
                          .norm_before_blocks = {},
                          .blocks = {}};
    if (config_.family == VisionFamily::kClip) {
      weights.class_embedding = tensor(1, hidden).values();
      weights.norm_before_blocks = norm();
    } else {
      weights.patch_bias = tensor(1, hidden).values();
    }
    for (std::size_t i = 0; i < config_.num_layers; ++i) {
      weights.blocks.push_back({norm(), linear(3 * hidden, hidden), linear(hidden, hidden), norm(),
                                linear(config_.intermediate_size, hidden),
                                linear(hidden, config_.intermediate_size)});
    }
    return weights;
  }

  VisionConfig config_;
  RandomStream random_{philox_key(7, "tower"), 0};
  std::deque<Matrix<float>> tensors_;
  std::vector<std::unique_ptr<WeightMatrix>> linears_;
  VisionWeights weights_;
};

using Vector = std::vector<double>;
using Tokens = std::vector<Vector>;

Vector plain_linear(const Vector& x, const LinearWeights& linear, std::size_t first = 0,
                    std::size_t count = SIZE_MAX) {
  Vector out;
  std::vector<float> row(x.size());
  for (std::size_t o = first; o < linear.weight->rows() && o - first < count; ++o) {
    linear.weight->read_row(o, row);
    double sum = linear.bias[o];
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * double{row[i]};
    out.push_back(sum);
  }
  return out;
}

Vector plain_norm(const Vector& x, const LayerNormWeights& weights, double epsilon) {
  const auto n = static_cast<double>(x.size());
  double mean = 0.0;
  double variance = 0.0;
  for (const double value : x) mean += value / n;
  for (const double value : x) variance += (value - mean) * (value - mean) / n;
  Vector out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double unit = (x[i] - mean) / std::sqrt(variance + epsilon);
    out.push_back(unit * weights.scale[i] + weights.bias[i]);
  }
  return out;
}

Tokens plain_attention(const Tokens& normed, const VisionBlockWeights& block,
                       const VisionConfig& config) {
  const std::size_t hidden = config.hidden_size;
  const std::size_t head_dim = config.head_dim();
  Tokens context(normed.size(), Vector(hidden));
  for (std::size_t head = 0; head < config.num_heads; ++head) {
    const auto part = [&](const Vector& x, std::size_t which) {
      return plain_linear(x, block.query_key_value, which * hidden + head * head_dim, head_dim);
    };
    Tokens keys;
    Tokens values;
    for (const Vector& token : normed) {
      keys.push_back(part(token, 1));
      values.push_back(part(token, 2));
    }
    for (std::size_t t = 0; t < normed.size(); ++t) {
      const Vector query = part(normed[t], 0);
      Vector weights;
      double total = 0.0;
      for (const Vector& key : keys) {
        double score = 0.0;
        for (std::size_t d = 0; d < head_dim; ++d) score += query[d] * key[d];
        weights.push_back(std::exp(score / std::sqrt(static_cast<double>(head_dim))));
        total += weights.back();
      }
      for (std::size_t u = 0; u < normed.size(); ++u) {
        for (std::size_t d = 0; d < head_dim; ++d) {
          context[t][head * head_dim + d] += weights[u] / total * values[u][d];
        }
      }
    }
  }
  return context;
}

Vector sum_of(Vector x, const Vector& y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  return x;
}

Vector plain_patch(const PixelValues& image, const RandomTower& tower, std::size_t number) {
  const VisionConfig& config = tower.config();
  const std::size_t patch = config.patch_size_px;
  const std::size_t across = config.image_size_px / patch;
  Vector x(config.hidden_size);
  for (std::size_t h = 0; h < x.size(); ++h) {
    for (std::size_t i = 0; i < config.patch_values(); ++i) {
      const std::size_t row = number / across * patch + i / patch % patch;
      const std::size_t column = number % across * patch + i % patch;
      x[h] += static_cast<double>(tower.weights().patch_embedding.row(h)[i]) *
              image.values.row(i / patch / patch)[row * image.width_px + column];
    }
  }
  return x;
}

Tokens plain_embedding(const PixelValues& image, const RandomTower& tower) {
  const VisionConfig& config = tower.config();
  const VisionWeights& weights = tower.weights();
  const bool clip = config.family == VisionFamily::kClip;
  Tokens tokens;
  if (clip) tokens.emplace_back(weights.class_embedding.begin(), weights.class_embedding.end());
  for (std::size_t patch = 0; patch < config.num_patches(); ++patch) {
    tokens.push_back(plain_patch(image, tower, patch));
  }
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t h = 0; h < config.hidden_size; ++h) {
      if (!clip) tokens[t][h] += weights.patch_bias[h];
      tokens[t][h] += weights.position_embeddings.row(t)[h];
    }
    if (!clip) continue;
    tokens[t] = plain_norm(tokens[t], weights.norm_before_blocks, config.layer_norm_epsilon);
  }
  return tokens;
}

Tokens plain_encode(const PixelValues& image, const RandomTower& tower, std::size_t num_blocks) {
  const VisionConfig& config = tower.config();
  Tokens x = plain_embedding(image, tower);
  for (std::size_t b = 0; b < num_blocks; ++b) {
    const VisionBlockWeights& block = tower.weights().blocks[b];
    Tokens normed;
    for (const Vector& token : x) {
      normed.push_back(plain_norm(token, block.norm_before_attention, config.layer_norm_epsilon));
    }
    const Tokens context = plain_attention(normed, block, config);
    for (std::size_t t = 0; t < x.size(); ++t) {
      x[t] = sum_of(x[t], plain_linear(context[t], block.output));
      Vector inner = plain_linear(
          plain_norm(x[t], block.norm_before_mlp, config.layer_norm_epsilon), block.up);
      for (double& value : inner) value /= 1.0 + std::exp(-1.702 * value);
      x[t] = sum_of(x[t], plain_linear(inner, block.down));
    }
  }
  return x;
}

bool same_bits(const Matrix<float>& a, const Matrix<float>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.values().data(), b.values().data(), a.values().size_bytes()) == 0;
}

TEST(VisionEncoder, EqualsAPlainEvaluationInDouble) {
  RandomTower tower;
  ThreadPool pool(2);
  const VisionEncoder encoder(tower.config(), tower.weights());
  const std::vector<PixelValues> images = tower.images(2);
  const std::size_t tokens = tower.config().num_tokens();
  for (const int layer : {0, 1, 2}) {
    const Matrix<float> hidden = encoder.encode(images, layer, pool);
    ASSERT_EQ(hidden.rows(), 2 * tokens);
    for (std::size_t i = 0; i < images.size(); ++i) {
      const Tokens plain = plain_encode(images[i], tower, static_cast<std::size_t>(layer));
      for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t h = 0; h < hidden.cols(); ++h) {
          EXPECT_NEAR(hidden.row(i * tokens + t)[h], plain[t][h], 2e-5);
        }
      }
    }
  }
}

struct TowerShape {
  VisionFamily family = VisionFamily::kClip;
  std::size_t image_size_px = 0;
  std::size_t patch_size_px = 0;
  std::size_t num_tokens = 0;
};

class VisionEncoderShape : public testing::TestWithParam<TowerShape> {};

// The tolerance is that of the values, which stay below 10 after one block: 10 * 2^-23 * 20 sums.
TEST_P(VisionEncoderShape, EqualsAPlainEvaluationInDouble) {
  VisionConfig config = RandomTower::small_config();
  config.family = GetParam().family;
  config.image_size_px = GetParam().image_size_px;
  config.patch_size_px = GetParam().patch_size_px;
  config.num_layers = 1;
  RandomTower tower(config);
  ThreadPool pool(2);
  const std::vector<PixelValues> images = tower.images(1);
  const Matrix<float> hidden =
      VisionEncoder(tower.config(), tower.weights()).encode(images, 1, pool);
  ASSERT_EQ(hidden.rows(), GetParam().num_tokens);
  const Tokens plain = plain_encode(images[0], tower, 1);
  double largest = 0.0;
  for (std::size_t t = 0; t < plain.size(); ++t) {
    for (std::size_t h = 0; h < hidden.cols(); ++h) {
      largest = std::max(largest, std::abs(hidden.row(t)[h] - plain[t][h]));
    }
  }
  EXPECT_LT(largest, 2e-5);
}

// As many patches as the towers of the same names, of fewer pixels.
INSTANTIATE_TEST_SUITE_P(
    Towers, VisionEncoderShape,
    testing::Values(TowerShape{VisionFamily::kClip, 28, 4, 50},     // B/32: 7 x 7
                    TowerShape{VisionFamily::kClip, 28, 2, 197},    // B/16: 14 x 14
                    TowerShape{VisionFamily::kClip, 16, 1, 257},    // L/14: 16 x 16
                    TowerShape{VisionFamily::kClip, 48, 2, 577},    // L/14-336: 24 x 24
                    TowerShape{VisionFamily::kSiglip, 42, 3, 196},  // SigLIP B/16: 14 x 14
                    TowerShape{VisionFamily::kSiglip, 29, 2, 196},  // a rest of one pixel
                    TowerShape{VisionFamily::kSiglip, 55, 2, 729},  // SO400M/14-384: 27 x 27
                    TowerShape{VisionFamily::kSiglip, 5, 5, 1}));

TEST(VisionEncoder, ThreadsDoNotChangeTheResult) {
  RandomTower tower;
  ThreadPool one(1);
  ThreadPool three(3);
  const VisionEncoder encoder(tower.config(), tower.weights());
  const std::vector<PixelValues> images = tower.images(70);
  EXPECT_TRUE(same_bits(encoder.encode(images, -1, one), encoder.encode(images, -1, three)));
}

TEST(VisionEncoder, ObserverHearsOfEveryHiddenStateUpToTheLayer) {
  RandomTower tower;
  ThreadPool pool(2);
  const VisionEncoder encoder(tower.config(), tower.weights());
  const std::vector<PixelValues> images = tower.images(60);
  std::vector<std::size_t> layers_of_first;
  std::size_t rows_of_last = 0;
  const Matrix<float> hidden =
      encoder.encode(images, -2, pool, [&](const VisionHiddenState& state) {
        if (state.image == 0) layers_of_first.push_back(state.layer);
        if (state.layer == 1) rows_of_last += state.values.rows();
      });
  EXPECT_EQ(layers_of_first, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(rows_of_last, hidden.rows());
  EXPECT_TRUE(same_bits(hidden, encoder.encode(images, -2, pool)));
}

TEST(VisionEncoder, AnImagesFeaturesDoNotDependOnTheBatch) {
  RandomTower tower;
  ThreadPool pool(2);
  const VisionEncoder encoder(tower.config(), tower.weights());
  const std::vector<PixelValues> images = tower.images(5);
  const std::size_t tokens = tower.config().num_tokens();
  const Matrix<float> batch = encoder.encode(images, -1, pool);
  const Matrix<float> alone = encoder.encode(std::span(images).subspan(3, 1), -1, pool);
  const auto from_batch = batch.view().rows(3 * tokens, tokens);
  EXPECT_EQ(std::memcmp(alone.values().data(), from_batch.data(), alone.values().size_bytes()), 0);
}

TEST(VisionEncoder, NoImagesGiveNoRows) {
  RandomTower tower;
  ThreadPool pool(1);
  EXPECT_EQ(VisionEncoder(tower.config(), tower.weights()).encode({}, -1, pool).rows(), 0U);
}

TEST(VisionEncoder, RefusesPixelsOfAnotherSizeAndLayersThatAreNot) {
  RandomTower tower;
  ThreadPool pool(1);
  const VisionEncoder encoder(tower.config(), tower.weights());
  std::vector<PixelValues> images;
  images.push_back({Matrix<float>(3, 64), 8, 8});
  EXPECT_THROW(static_cast<void>(encoder.encode(images, -1, pool)), Error);
  EXPECT_THROW(static_cast<void>(encoder.encode({}, 3, pool)), Error);
  VisionWeights fewer = tower.weights();
  fewer.blocks.pop_back();
  EXPECT_THROW(
      static_cast<void>(VisionEncoder(tower.config(), fewer).encode(tower.images(1), -1, pool)),
      Error);
}

}  // namespace
}  // namespace vlm
