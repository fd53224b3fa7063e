#pragma once

// Adapters that a test writes.

#include <filesystem>
#include <functional>
#include <vector>

#include "merge/adapter_outline.h"
#include "merge/adapter_writer.h"

namespace vlm {

// A new directory with the tensors of the outline, of which `values_of` gives the values.
inline void write_adapter(const std::filesystem::path& directory, const AdapterOutline& outline,
                          std::size_t rank,
                          const std::function<std::vector<float>(const Shape& shape)>& values_of) {
  std::filesystem::create_directory(directory);
  AdapterWriter writer(directory, outline);
  for (std::size_t i = 0; i < outline.tensors().size(); ++i) {
    writer.write(i, 0, values_of(outline.tensors()[i].shape));
  }
  writer.finish({.base_name = "base", .task_type = "CAUSAL_LM", .rank = rank});
}

}  // namespace vlm
