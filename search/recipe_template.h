#pragma once

// A recipe with genes: numbers that a search chooses. In the recipe's YAML a gene stands where a
// number may stand:
//
//   weight: {gene: ja, low: 0, high: 1.5, init: 0.5, per: layer-module}
//
// It may stand in the parameters of any component, or in the recipe's own, which count for all.
// `per` multiplies it: `model` (default) is one number; `module` one each for attention, MLP and
// the rest (embeddings, norms, head); `layer` one for each layer and one for the rest;
// `layer-module` attention and MLP of each layer and one for the rest. `group: k` lets k
// neighbouring layers share a number. A parameter that is a word, or true or false, may be a gene,
// too: of n words each has an n-th of the way from 0 to 1. The result of filling in numbers is a
// plain recipe, without any trace of genes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "merge/component.h"

namespace vlm {

// One number to choose.
struct Gene {
  std::string name;  // e.g. "ja", "ja.mlp", "ja.attention.3"
  double low = 0.0;
  double high = 1.0;
  double initial = 0.5;
  std::optional<Component> component;  // that it may change; absent: each that is merged
};

// Of the models that are merged. A projector has none.
struct LayerCounts {
  std::size_t text = 0;
  std::size_t vision = 0;
};

class RecipeTemplate {
 public:
  // A gene for all components has the language model's number of layers. Genes are numbered in the
  // order of the text. Throws Error{kInvalidArgument}: unknown key or `per`, low >= high, init
  // outside, the same name twice, one for each layer of what has none, no gene at all.
  RecipeTemplate(const YAML::Node& recipe, LayerCounts num_layers, const std::string& where);

  [[nodiscard]] const std::vector<Gene>& genes() const noexcept { return genes_; }

  // The recipe with the initial values. Its keys and values know their lines in the search file.
  [[nodiscard]] const YAML::Node& first_recipe() const noexcept { return first_recipe_; }

  // The recipe's text with `values` (one for each gene) filled in. Numbers are written with six
  // decimals: what is evaluated is what is written.
  // REQUIRES: values.size() == genes().size().
  [[nodiscard]] std::string fill_in(std::span<const double> values) const;

 private:
  YAML::Node recipe_;
  YAML::Node first_recipe_;
  LayerCounts num_layers_;
  std::vector<Gene> genes_;
};

}  // namespace vlm
