#pragma once

// Model kinship: how the parameter deltas of models from a common base relate, from one pass over
// the language models' weights.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "merge/delta_gram.h"

namespace vlm {

struct KinshipModel {
  std::string name;  // for messages
  std::shared_ptr<const Checkpoint> checkpoint;
};

// Vector 0 of the gram is the base's tensor, vector i + 1 the delta of models[i].
struct TensorGram {
  std::string name;                  // canonical
  std::optional<std::size_t> layer;  // nothing outside of layers
  std::string kind;                  // embedding, attention, mlp, norm, head, other
  DeltaGram gram;
};

struct Kinship {
  std::vector<TensorGram> tensors;  // of the language model, in the order of the base's file
  std::vector<std::string> warnings;
  std::vector<bool> is_predicted;  // for each model: a linear recipe, not computed

  // Over all tensors.
  [[nodiscard]] DeltaGram total() const;
};

struct KinshipOptions {
  ProgressCallback on_progress;  // stage "compare", counts tensors
  StopRequested stop_requested;
};

// Compares language models (of a VLM: its tower). A tied head is the embedding where another model
// has a head of its own; of vocabularies of different sizes the common rows count. Tensors of files
// are streamed; those of a merge are computed one at a time, unless the merge is a linear
// combination of its inputs: its deltas then follow from theirs, without rounding. The result does
// not depend on the number of threads.
// Throws Error{kInvalidArgument} if tensors do not fit together, Error{kCorruptFile} if one holds
// NaN or infinity, Error{kInterrupted}.
Kinship measure_kinship(const KinshipModel& base, const std::vector<KinshipModel>& models,
                        const KinshipOptions& options, ThreadPool& pool);

}  // namespace vlm
