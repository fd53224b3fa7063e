#include "projector/projector.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/check.h"
#include "core/error.h"

namespace vlm {
namespace {

[[noreturn]] void fail(ErrorCode code, const JsonFields& json, const std::string& what) {
  throw Error(code, "projector: " + json.where() + ": " + what);
}

int read_feature_layer(const JsonFields& json) {
  if (!json.has("vision_feature_layer")) return -2;
  if (json.json().at("vision_feature_layer").is_array()) {
    fail(ErrorCode::kUnsupported, json, "vision_feature_layer is a list (one layer is supported)");
  }
  constexpr double kMaxLayer = 1e6;
  const double layer = json.number("vision_feature_layer");
  if (layer != std::floor(layer) || std::abs(layer) > kMaxLayer) {
    fail(ErrorCode::kCorruptFile, json,
         "vision_feature_layer " + std::to_string(layer) + " (an integer expected)");
  }
  return static_cast<int>(layer);
}

FeatureSelection read_selection(const JsonFields& json) {
  const std::string strategy = json.text_or("vision_feature_select_strategy", "default");
  if (strategy == "default") return FeatureSelection::kWithoutFirst;
  if (strategy == "full") return FeatureSelection::kAll;
  fail(ErrorCode::kUnsupported, json,
       "vision_feature_select_strategy '" + strategy + "' (known: default, full)");
}

}  // namespace

ProjectorConfig ProjectorConfig::from_json(const JsonFields& json) {
  ProjectorConfig config;
  const std::string activation = json.text_or("projector_hidden_act", "gelu");
  config.activation = find_activation(activation);
  if (config.activation == nullptr) {
    fail(ErrorCode::kUnsupported, json, "projector_hidden_act '" + activation + "'");
  }
  config.vision_feature_layer = read_feature_layer(json);
  config.selection = read_selection(json);
  config.is_linear = json.text_or("mm_projector_type", "") == "linear";
  return config;
}

Matrix<float> select_features(MatrixView<const float> hidden, std::size_t tokens_per_image,
                              FeatureSelection selection) {
  check(tokens_per_image > 0 && hidden.rows() % tokens_per_image == 0,
        "select_features: whole images");
  const std::size_t skipped = selection == FeatureSelection::kWithoutFirst ? 1 : 0;
  const std::size_t kept = tokens_per_image - skipped;
  Matrix<float> out(hidden.rows() / tokens_per_image * kept, hidden.cols());
  for (std::size_t row = 0; row < out.rows(); ++row) {
    const auto from = hidden.row(row / kept * tokens_per_image + skipped + row % kept);
    std::copy(from.begin(), from.end(), out.row(row).begin());
  }
  return out;
}

Matrix<float> project(MatrixView<const float> features, const ProjectorWeights& weights,
                      Activation activation, ThreadPool& pool) {
  Matrix<float> inner(features.rows(), weights.linear_1.weight->rows());
  apply_linear(features, weights.linear_1, inner.view(), pool);
  if (!weights.linear_2) return inner;
  activation(inner.values());
  Matrix<float> out(features.rows(), weights.output_width());
  apply_linear(inner.view(), *weights.linear_2, out.view(), pool);
  return out;
}

}  // namespace vlm
