#pragma once

// A merge recipe: mergekit's YAML (models, slices or modules, method, parameters, tokenizer, chat
// template) plus `vlm:`, `components:`, `path:`, `views:` and `embeddings:`. docs/recipes.md
// describes the language; merge/recipe_parser.h reads it.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "merge/component.h"
#include "merge/name_pattern.h"
#include "merge/tokenizer_rule.h"
#include "tensor/dtype.h"

namespace vlm {

// Layers [first, end).
struct LayerRange {
  std::size_t first = 0;
  std::size_t end = 0;

  [[nodiscard]] std::size_t count() const noexcept { return end - first; }
  friend bool operator==(const LayerRange&, const LayerRange&) = default;
};

// One line of a parameter's setting: `values` for the tensors it selects.
struct SettingLine {
  std::string filter;                // substring of the tensor's name; "" selects all
  std::optional<LayerRange> layers;  // output layers; absent: all, and tensors outside of layers
  std::vector<double> values;        // one value, or a gradient over the layers of a slice
  std::optional<NamePattern> pattern = {};  // matches a part of the name
  std::optional<Component> component = {};
  std::string place = {};  // FILE:LINE, for messages
};

// The first line that selects a tensor decides; with none the next level up does.
using Setting = std::vector<SettingLine>;
using ParameterSettings = std::map<std::string, Setting, std::less<>>;

// Where a tensor stands, as settings see it.
struct TensorPlace {
  std::string_view name;             // without component, e.g. "model.layers.3.mlp.up_proj.weight"
  std::optional<std::size_t> layer;  // output layer
  double position = 0;               // 0 ... 1 along the slice; 0 outside of layers
  Component component = Component::kText;
};

// Whether all conditions of the line hold.
bool selects(const SettingLine& line, const TensorPlace& place);

// The value of a setting at a tensor, or nothing if no line selects it. A gradient v of n values is
// interpolated linearly: x = position (n - 1), i = floor(x), (1 - (x - i)) v[i] + (x - i) v[i + 1].
std::optional<double> evaluate(const Setting& setting, const TensorPlace& place);

struct RecipeSource {
  std::string model;                 // directory or hub id
  std::optional<LayerRange> layers;  // absent in the `models:` form: all
  ParameterSettings parameters;
};

struct RecipeSlice {
  std::vector<RecipeSource> sources;
  ParameterSettings parameters;
  std::optional<std::string> base_model = {};  // instead of the recipe's
};

// What a component is made of.
struct RecipeComponent {
  Component component = Component::kText;
  bool is_stack = false;            // the `slices:` form
  std::vector<RecipeSlice> slices;  // the `models:` form is one slice without layer ranges
  ParameterSettings parameters;
};

// What happens to rows of embed_tokens and lm_head when vocabularies differ in size.
enum class VocabularyPolicy : std::uint8_t {
  kError,       // sizes must agree
  kCommonRows,  // rows that all have merge; further rows are those of the config donor
  kBase         // both tensors are those of the config donor
};

std::string_view to_string(VocabularyPolicy policy) noexcept;

// What the scale of a hop multiplies. Of the first hop it is always the embedding.
enum class PathScaling : std::uint8_t {
  kStream,    // the residual stream before the hop (Akiba et al. 2024, section 3.2)
  kMlpOutput  // the output of the MLP before the hop, as the authors' runtime does
};

// How the result of a data-flow recipe is stored.
enum class PathLayout : std::uint8_t {
  kStandard,   // a layer for each hop, scales folded into the weights
  kEvoMistral  // each layer once, path and scales beside them: checkpoint/layer_path_tensors.h
};

// `path:`. Slice i of the text is one hop, or, without layers, all hops of its model.
struct RecipePath {
  std::vector<double> scales;  // of the first hop of each slice
  PathScaling scaling = PathScaling::kStream;
  PathLayout layout = PathLayout::kStandard;
};

struct Recipe {
  std::string where;  // file name for messages
  std::string text;   // the YAML as written
  std::string name;   // of a document among several; other documents take it as a model by it
  std::string merge_method;
  std::optional<std::string> base_model;
  std::optional<std::string> vlm;
  // At least one, each once, in the order of kComponents; the others are the config donor's.
  // `models` and `slices` of the recipe itself are those of the text.
  std::vector<RecipeComponent> components;
  ParameterSettings parameters;
  bool copies_unmatched =
      false;  // tensors without a required parameter, or that do not fit, are the base's
  std::optional<DType> dtype;      // inputs are rounded to it when they are read
  std::optional<DType> out_dtype;  // of the result; absent: dtype, then that of the inputs
  VocabularyPolicy vocabulary = VocabularyPolicy::kError;
  std::optional<TokenizerRule> tokenizer;    // then `vocabulary` is kError: sizes agree
  std::optional<std::string> chat_template;  // "auto", a known name, or the template itself
  bool single_view = false;                  // `views: single`: merge/single_view.h
  std::optional<std::size_t> adapter_rank;   // of a merge of adapters: merge/adapter_plan.h
  std::optional<RecipePath> path;            // then `merge_method` is passthrough
  bool imitates_mergekit = false;     // repeat mergekit's documented mistakes (--compat mergekit)
  std::vector<std::string> warnings;  // of reading it: keys without effect
};

}  // namespace vlm
