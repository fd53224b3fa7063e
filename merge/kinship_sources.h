#pragma once

// Which checkpoints have to be read to compare models, and how the models follow from them.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "merge/input_tensors.h"
#include "merge/kinship.h"
#include "merge/merged_checkpoint.h"

namespace vlm {

// The base (source 0), the models that have to be read, and the inputs of linear merges, each once.
class KinshipSources {
 public:
  KinshipSources(const KinshipModel& base, const std::vector<KinshipModel>& models);

  struct Source {
    std::string name;
    std::shared_ptr<const Checkpoint> checkpoint;
    InputTensors tensors;

    // The tensor of a canonical name (a tied head is the embedding), or nullptr.
    [[nodiscard]] const TensorInfo* find(std::string_view tensor) const;
  };
  [[nodiscard]] const std::vector<Source>& all() const noexcept { return sources_; }

  // Whether a model follows from its inputs.
  [[nodiscard]] bool is_predicted(std::size_t model) const {
    return models_[model].merge != nullptr;
  }
  // A row for the base's tensor, then one for the delta of each model: its factors of the base's
  // tensor and of the deltas of the other sources.
  [[nodiscard]] std::vector<std::vector<double>> rows(std::string_view tensor) const;

 private:
  struct Model {
    std::shared_ptr<const MergedCheckpoint> merge;  // if it follows from its inputs
    std::vector<std::size_t> sources;  // those of the merge's inputs; else the one that is read
  };

  [[nodiscard]] Model place(const KinshipModel& model);
  std::size_t source_of(const std::string& name,
                        const std::shared_ptr<const Checkpoint>& checkpoint);
  [[nodiscard]] std::vector<double> row(const Model& model, std::string_view tensor) const;

  std::vector<Source> sources_;
  std::vector<Model> models_;
};

}  // namespace vlm
