#pragma once

// A plan in words and numbers, for `merge --dry-run` and for logs.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "merge/plan.h"

namespace vlm {

struct PlanSummary {
  struct Tensor {
    std::string name;
    std::string dtype;  // e.g. "bfloat16"
    Shape shape;
    bool is_copy = false;
    std::vector<std::string> sources;  // "MODEL: TENSOR weight=0.5 density=0.3"; the base first
    std::string parameters;            // global ones, "lambda=1 normalize=true"
  };

  struct Input {
    std::string name;
    std::size_t num_tensors = 0;
    std::size_t num_used = 0;         // of them
    std::uint64_t used_bytes = 0;     // of files that are read for them
    std::vector<std::string> unused;  // names, a few at most
  };

  std::string method;
  std::vector<Input> inputs;
  std::string donor;                 // whose config, tokenizer and side files the result takes
  std::string vocabulary;            // what happens to the rows of embeddings and head
  std::size_t num_tensors = 0;       // that are written
  std::size_t num_copied = 0;        // of them
  std::uint64_t bytes_to_read = 0;   // of tensors; one that several outputs use counts once
  std::uint64_t bytes_to_write = 0;  // of tensors
  std::vector<std::string> warnings;
  std::vector<Tensor> tensors;
};

PlanSummary summarize(const MergePlan& plan);

}  // namespace vlm
