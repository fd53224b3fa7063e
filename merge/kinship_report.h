#pragma once

// The similarities of each pair of models: over everything, by kind of module, layer and tensor.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "merge/kinship.h"

namespace vlm {

struct NamedSimilarity {
  std::string name;  // a kind of module, a layer's number or a tensor
  Similarity similarity;
  std::size_t num_elements = 0;
};

struct MeanSimilarity {
  std::optional<double> pcc;  // over defined values; nothing if there is none
  std::optional<double> cosine;
  std::optional<double> euclid;
};

struct PairKinship {
  std::size_t a = 0;  // models
  std::size_t b = 0;
  Similarity global;
  std::size_t num_elements = 0;
  // Weighted by elements: what the per-tensor mode of the paper's program prints.
  MeanSimilarity mean_of_tensors;
  std::vector<NamedSimilarity> kinds;  // in the order of kModuleKinds, those that occur
  std::vector<NamedSimilarity> layers;
  std::vector<NamedSimilarity> tensors;
};

struct KinshipReport {
  double base_norm = 0;
  std::vector<double> norms;       // of each model's delta
  std::vector<PairKinship> pairs;  // (0, 1), (0, 2), ..., (1, 2), ...
  MeanSimilarity mean_of_pairs;    // the kinship of a group: of the global values
};

KinshipReport report_kinship(const Kinship& kinship);

}  // namespace vlm
