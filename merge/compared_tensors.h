#pragma once

// Which tensors of language models are compared with which, and how much of them.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "merge/kinship_sources.h"

namespace vlm {

// One tensor as it lies in all sources.
struct ComparedTensor {
  std::string name;
  std::vector<const TensorInfo*> infos;  // parallel to the sources
  std::size_t num_elements = 0;          // of each that count
};

// In the order of the base's file. Throws Error{kInvalidArgument} if a source lacks a tensor, has
// one more or one of another shape; embedding and head may differ in rows.
std::vector<ComparedTensor> compared_tensors(const std::vector<KinshipSources::Source>& sources);

// In the order of the data's way through a model.
inline constexpr std::array<std::string_view, 6> kModuleKinds = {"embedding", "attention", "mlp",
                                                                 "norm",      "head",      "other"};

// One of kModuleKinds.
std::string kind_of(std::string_view tensor);

// What makes the comparison of embeddings and heads partial.
std::vector<std::string> row_warnings(const std::vector<KinshipSources::Source>& sources,
                                      const std::vector<ComparedTensor>& tensors);

}  // namespace vlm
