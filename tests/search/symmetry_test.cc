// A decoder has exact symmetries: other weights, the same function. A model that is scrambled by
// one and merged with itself must give the logits of the model as it was, which fails if a merge
// or the decoder mixes up heads, groups, pairs of RoPE or the residual stream.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numbers>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "merge/merged_checkpoint.h"
#include "merge/recipe_parser.h"
#include "model/model.h"
#include "model/trace.h"
#include "tests/model/golden_decoder.h"
#include "tests/search/scrambled_checkpoint.h"

namespace vlm {
namespace {

// Of float32 logits, relative to the largest: weights are rounded again and sums have another
// order. A symmetry that is applied wrongly moves logits by a tenth of that size and more.
constexpr float kTolerance = 1e-5F;
constexpr float kNoticed = 1e-2F;

std::string layer_name(std::size_t layer, const std::string& suffix) {
  return "text/model.layers." + std::to_string(layer) + "." + suffix + ".weight";
}

using Scramble = void (*)(ScrambledCheckpoint&, const DecoderConfig&, std::size_t layer,
                          std::mt19937&);

void permute_neurons(ScrambledCheckpoint& model, const DecoderConfig& config, std::size_t layer,
                     std::mt19937& random) {
  const Permutation order = random_permutation(config.intermediate_size, random);
  model.permute_rows(layer_name(layer, "mlp.gate_proj"), order);
  model.permute_rows(layer_name(layer, "mlp.up_proj"), order);
  model.permute_columns(layer_name(layer, "mlp.down_proj"), order);
}

Matrix<double> factor(double value) {
  Matrix<double> made(1, 1);
  made.row(0)[0] = value;
  return made;
}

// up_i s_i, down_i / s_i, of any sign; not the gate, whose SiLU is not linear.
void scale_neurons(ScrambledCheckpoint& model, const DecoderConfig& config, std::size_t layer,
                   std::mt19937& random) {
  std::uniform_real_distribution<double> size(0.5, 2);
  for (std::size_t i = 0; i < config.intermediate_size; ++i) {
    const double scale = random() % 2 == 0 ? size(random) : -size(random);
    model.transform_rows(layer_name(layer, "mlp.up_proj"), i, factor(scale));
    model.transform_columns(layer_name(layer, "mlp.down_proj"), i, factor(1 / scale));
  }
}

// Groups of query heads with their key and value head, and the heads of each group.
void permute_heads(ScrambledCheckpoint& model, const DecoderConfig& config, std::size_t layer,
                   std::mt19937& random) {
  const Permutation groups = random_permutation(config.num_kv_heads, random);
  Permutation heads;
  for (const std::size_t group : groups) {
    for (const std::size_t head : random_permutation(config.group_size(), random)) {
      heads.push_back(group * config.group_size() + head);
    }
  }
  const Permutation kv_rows = expand(groups, config.head_dim);
  const Permutation query_rows = expand(heads, config.head_dim);
  model.permute_rows(layer_name(layer, "self_attn.k_proj"), kv_rows);
  model.permute_rows(layer_name(layer, "self_attn.v_proj"), kv_rows);
  model.permute_rows(layer_name(layer, "self_attn.q_proj"), query_rows);
  model.permute_columns(layer_name(layer, "self_attn.o_proj"), query_rows);
}

// By Gauss and Jordan, of a matrix with a heavy diagonal.
Matrix<double> inverse_of(Matrix<double> matrix) {
  const std::size_t size = matrix.rows();
  for (std::size_t pivot = 0; pivot < size; ++pivot) {
    const double head = std::exchange(matrix.row(pivot)[pivot], 1.0);
    for (double& value : matrix.row(pivot)) value /= head;
    for (std::size_t r = 0; r < size; ++r) {
      if (r == pivot) continue;
      const double factor = std::exchange(matrix.row(r)[pivot], 0.0);
      for (std::size_t c = 0; c < size; ++c) {
        matrix.row(r)[c] -= factor * matrix.row(pivot)[c];
      }
    }
  }
  return matrix;
}

// v_g <- A v_g, o_h <- o_h A^-1 for every head h of the group g.
void mix_values(ScrambledCheckpoint& model, const DecoderConfig& config, std::size_t layer,
                std::mt19937& random) {
  const std::size_t dim = config.head_dim;
  std::uniform_real_distribution<double> entry(-0.5, 0.5);
  for (std::size_t group = 0; group < config.num_kv_heads; ++group) {
    Matrix<double> mixing(dim, dim);
    for (std::size_t r = 0; r < dim; ++r) {
      for (double& value : mixing.row(r))
        value = entry(random) / std::sqrt(static_cast<double>(dim));
      mixing.row(r)[r] += 2;
    }
    model.transform_rows(layer_name(layer, "self_attn.v_proj"), group * dim, mixing);
    const Matrix<double> inverse = inverse_of(std::move(mixing));
    for (std::size_t i = 0; i < config.group_size(); ++i) {
      const std::size_t head = group * config.group_size() + i;
      model.transform_columns(layer_name(layer, "self_attn.o_proj"), head * dim, inverse);
    }
  }
}

// Turns the pairs (i, i + dim / 2) by the angles and scales them.
Matrix<double> pair_rotation(const std::vector<double>& angles, double scale) {
  const std::size_t half = angles.size();
  Matrix<double> made(2 * half, 2 * half);
  for (std::size_t i = 0; i < half; ++i) {
    made.row(i)[i] = scale * std::cos(angles[i]);
    made.row(i)[i + half] = -scale * std::sin(angles[i]);
    made.row(i + half)[i] = scale * std::sin(angles[i]);
    made.row(i + half)[i + half] = scale * std::cos(angles[i]);
  }
  return made;
}

// k_g <- U k_g, q_h <- U^-T q_h, where U commutes with RoPE.
void rotate_pairs(ScrambledCheckpoint& model, const DecoderConfig& config, std::size_t layer,
                  std::mt19937& random) {
  std::uniform_real_distribution<double> angle(-std::numbers::pi, std::numbers::pi);
  for (std::size_t group = 0; group < config.num_kv_heads; ++group) {
    std::vector<double> angles;
    for (std::size_t i = 0; i < config.head_dim / 2; ++i) angles.push_back(angle(random));
    constexpr double kScale = 1.3;
    model.transform_rows(layer_name(layer, "self_attn.k_proj"), group * config.head_dim,
                         pair_rotation(angles, kScale));
    for (std::size_t i = 0; i < config.group_size(); ++i) {
      const std::size_t head = group * config.group_size() + i;
      model.transform_rows(layer_name(layer, "self_attn.q_proj"), head * config.head_dim,
                           pair_rotation(angles, 1 / kScale));
    }
  }
}

// Of the language model; a projector writes to the stream, too.
void permute_stream(ScrambledCheckpoint& model, const DecoderConfig& config,
                    const Permutation& order) {
  for (const char* const name : {"text/model.embed_tokens.weight", "text/lm_head.weight"}) {
    if (model.find(name) != nullptr) model.permute_columns(name, order);
  }
  model.permute_rows("text/model.norm.weight", order);
  for (std::size_t layer = 0; layer < config.num_layers; ++layer) {
    for (const char* const reads : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                    "mlp.gate_proj", "mlp.up_proj"}) {
      model.permute_columns(layer_name(layer, reads), order);
    }
    for (const char* const writes :
         {"self_attn.o_proj", "mlp.down_proj", "input_layernorm", "post_attention_layernorm"}) {
      model.permute_rows(layer_name(layer, writes), order);
    }
  }
}

// A model merged with itself. REQUIRES: the merge does not outlive `model`.
MergedCheckpoint merge_with_itself(const ScrambledCheckpoint& model, const std::string& method) {
  const Recipe recipe =
      parse_recipe("merge_method: " + method +
                       "\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {" +
                       (method == "slerp" ? "t: 0.3" : "weight: 0.5") + "}\n",
                   "r.yaml");
  const auto other =
      std::make_shared<const ScrambledCheckpoint>(static_cast<const Checkpoint&>(model));
  return MergedCheckpoint(
      make_merge_plan(recipe, [&](const std::string& name) -> std::shared_ptr<const Checkpoint> {
        if (name == "b") return other;
        return {std::shared_ptr<const Checkpoint>(), &model};
      }));
}

float largest(const Matrix<float>& values) {
  float found = 0;
  for (const float value : values.values()) found = std::max(found, std::abs(value));
  return found;
}

class Symmetry : public ::testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] Matrix<float> logits_of(const Checkpoint& model) {
    const DecoderStorage storage = DecoderStorage::load(model, config_, pool_);
    const std::vector<TokenId> ids{1, 35, 27, 50, 22, 26, 126, 73};
    return std::move(run_sequence(Decoder(storage.config(), storage.weights()), ids, pool_).logits);
  }
  // How far the logits are from those of the model as it is.
  [[nodiscard]] float error_of(const Checkpoint& model) {
    const Matrix<float> expected = logits_of(original_);
    return largest_difference(logits_of(model).values(), expected.values()) / largest(expected);
  }
  void expect_equal(const ScrambledCheckpoint& scrambled) {
    for (const char* const method : {"linear", "slerp"}) {
      EXPECT_LT(error_of(merge_with_itself(scrambled, method)), kTolerance) << method;
    }
  }
  void expect_equal_after(Scramble scramble) {
    std::mt19937 random(7);
    for (std::size_t layer = 0; layer < config_.num_layers; ++layer) {
      scramble(model_, config_, layer, random);
    }
    expect_equal(model_);
  }

  ThreadPool pool_{2};
  FileCheckpoint original_{golden_lm(GetParam())};
  DecoderConfig config_ = parse_decoder_config(original_.config().text());
  ScrambledCheckpoint model_{original_};
};

TEST_P(Symmetry, OrderOfNeuronsDoesNotMatter) {
  expect_equal_after(permute_neurons);
}

TEST_P(Symmetry, ScaleOfNeuronsMovesFromUpToDown) {
  expect_equal_after(scale_neurons);
}

TEST_P(Symmetry, OrderOfHeadsWithinAndOfTheirGroupsDoesNotMatter) {
  expect_equal_after(permute_heads);
}

TEST_P(Symmetry, ValuesMayBeMixedByAnyInvertibleMatrix) {
  expect_equal_after(mix_values);
}

TEST_P(Symmetry, QueriesAndKeysMayBeTurnedAndScaledInPairsOfRope) {
  expect_equal_after(rotate_pairs);
}

TEST_P(Symmetry, OrderOfTheResidualStreamDoesNotMatter) {
  std::mt19937 random(7);
  permute_stream(model_, config_, random_permutation(config_.hidden_size, random));
  expect_equal(model_);
}

TEST_P(Symmetry, AllOfThemTogether) {
  std::mt19937 random(7);
  for (std::size_t layer = 0; layer < config_.num_layers; ++layer) {
    for (const Scramble scramble :
         {permute_neurons, scale_neurons, mix_values, rotate_pairs, permute_heads}) {
      scramble(model_, config_, layer, random);
    }
  }
  permute_stream(model_, config_, random_permutation(config_.hidden_size, random));
  expect_equal(model_);
}

// What is no symmetry is noticed.
TEST_P(Symmetry, QueryHeadsBelongToTheirGroup) {
  Permutation heads(config_.num_heads);
  std::iota(heads.begin(), heads.end(), std::size_t{0});
  std::rotate(heads.begin(), heads.begin() + 1, heads.end());
  const Permutation rows = expand(heads, config_.head_dim);
  model_.permute_rows(layer_name(0, "self_attn.q_proj"), rows);
  model_.permute_columns(layer_name(0, "self_attn.o_proj"), rows);
  EXPECT_GT(error_of(model_), kNoticed);
}

INSTANTIATE_TEST_SUITE_P(Models, Symmetry, ::testing::Values("mistral_gqa", "mistral_head_dim"));

TEST(VlmSymmetry, OrderOfTheResidualStreamDoesNotMatterIfTheProjectorFollows) {
  ThreadPool pool(2);
  const FileCheckpoint original(std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/en-vlm");
  const auto logits_of = [&](const Checkpoint& checkpoint) {
    TraceRequest request;
    request.prompt.text = "<image> a";
    PixelValues pixels{Matrix<float>(3, 64 * 64), 64, 64};
    for (std::size_t i = 0; i < pixels.values.size(); ++i) {
      pixels.values.values()[i] = static_cast<float>(i % 64) / 32 - 1;
    }
    request.pictures.push_back({{64, 64}, {}});
    request.pictures.front().views.push_back(std::move(pixels));
    const Model model(checkpoint, pool);
    Trace trace = trace_forward(model, std::move(request), pool);
    check(trace.tensors.back().name == "logits", "a trace ends with logits");
    return std::move(trace.tensors.back().values);
  };
  const Matrix<float> expected = logits_of(original);
  const auto error_of = [&](const Checkpoint& checkpoint) {
    return largest_difference(logits_of(checkpoint).values(), expected.values()) /
           largest(expected);
  };
  std::mt19937 random(7);
  const DecoderConfig config = parse_decoder_config(original.config().text());
  const Permutation order = random_permutation(config.hidden_size, random);
  ScrambledCheckpoint model(original);
  permute_stream(model, config, order);
  EXPECT_GT(error_of(model), kNoticed);
  model.permute_rows("projector/linear_2.weight", order);
  model.permute_rows("projector/linear_2.bias", order);
  EXPECT_LT(error_of(merge_with_itself(model, "linear")), kTolerance);
}

}  // namespace
}  // namespace vlm
