#pragma once

// What a checkpoint is, in numbers, for people to look at.

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace vlm {

struct ComponentSummary {
  std::string name;  // "text", "vision", "projector"
  std::size_t num_tensors = 0;
  std::size_t num_parameters = 0;
  std::size_t size_bytes = 0;
  std::map<std::string, std::size_t> tensors_of_dtype;  // "BF16" -> number of tensors
};

struct CheckpointSummary {
  ModelFamily family = ModelFamily::kText;
  std::string architecture;
  std::size_t num_layers = 0;
  std::size_t hidden_size = 0;  // of the language model, as are the layers and the vocabulary
  std::size_t vocab_size = 0;
  std::vector<ComponentSummary> components;  // in the order text, vision, projector
  std::size_t num_parameters = 0;            // of all components
};

// Counts from config and tensor headers; reads no weights.
CheckpointSummary summarize(const Checkpoint& checkpoint);

}  // namespace vlm
