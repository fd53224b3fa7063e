#pragma once

// What a recipe means whose models are LoRA adapters alone. The method merges their deltas s B A,
// as if each were a model on a base of zeros, and the result is an adapter again: base + result is
// the merge of the models base + adapter. (PEFT's add_weighted_adapter with "linear", "ties", ...
// merges the A and the B each for itself, which is not that.)

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/layout.h"
#include "checkpoint/lora_adapter.h"
#include "merge/adapter_outline.h"
#include "merge/model_pool.h"
#include "merge/plan.h"

namespace vlm {

enum class AdapterForm : std::uint8_t {
  kJoined,  // the products of all adapters side by side: exact, of the sum of their ranks
  kCut,     // the merged delta by its largest singular values
  kBias,    // added to a bias
  kWhole    // the base's tensor with the merged delta
};

// How the result stores one delta.
struct AdapterTarget {
  AdapterForm form = AdapterForm::kJoined;
  bool is_of_embedding = false;
  std::size_t rank = 0;         // of a product
  std::vector<double> factors;  // of the adapters' deltas, if the products are joined
};

struct AdapterPlan {  // NOLINT(bugprone-exception-escape): moving JSON does not throw
  // Over the deltas: inputs are those of the adapters, then zeros as the base; no config.
  MergePlan deltas;
  std::vector<AdapterTarget> targets;                        // parallel to deltas.tensors
  std::vector<std::shared_ptr<const LoraAdapter>> adapters;  // in recipe order
  std::shared_ptr<const Checkpoint> base;  // the recipe's base_model; null without one
  Layout layout;                           // whose names the result has
  AdapterConfig config;                    // of the result
  DType dtype = DType::kF32;               // likewise
};

// Whether the result of a method follows from the differences from the base alone: models base +
// d_i give base + m where models d_i give m with a base of zeros (of a method that takes no base:
// without one, if the models' factors sum to 1).
bool merges_deltas(const MergeMethod& method);

// Whether all models of the recipe are adapters.
bool merges_adapters(const Recipe& recipe, const ModelPool& models);

// An adapter that does not change a tensor counts there as a delta of zeros, and a tensor whose
// deltas all have the factor 0 is left out. REQUIRES: merges_adapters(). Throws
// Error{kInvalidArgument, kUnsupported}: keys of a recipe that are about models; methods that need
// the models' weights and not only their deltas, or deltas of full rank; adapters of several bases
// without a base_model, or of other shapes than it or each other; tensors saved whole without a
// base_model. What LoraAdapter and make_merge_plan() throw.
AdapterPlan plan_adapter_merge(const Recipe& recipe, ModelPool& models);

}  // namespace vlm
