#include "merge/kinship_sources.h"

#include <algorithm>

#include "checkpoint/file_checkpoint.h"
#include "core/check.h"
#include "merge/linear_child.h"

namespace vlm {
namespace {

// Whether a source stands in its model where the result stands in the merge.
bool is_at_its_place(const MergePlan& plan, const PlannedSource& source, const TensorPlan& tensor) {
  if (source.info->name == tensor.output.name) return true;
  const bool is_tied_head = tensor.output.name == kHeadName && source.info->name == kEmbedName;
  return is_tied_head && InputTensors(*plan.inputs[source.input].checkpoint).ties_head();
}

bool is_linear(const MergePlan& plan, const TensorPlan& tensor) {
  const auto fits = [&](const PlannedSource& source) {
    return is_at_its_place(plan, source, tensor);
  };
  return linear_factors(plan, tensor) && (!tensor.base || fits(*tensor.base)) &&
         std::all_of(tensor.sources.begin(), tensor.sources.end(), fits);
}

bool is_linear(const MergePlan& plan) {
  return std::all_of(plan.tensors.begin(), plan.tensors.end(), [&](const TensorPlan& tensor) {
    return !tensor.output.name.starts_with(kTextPrefix) || is_linear(plan, tensor);
  });
}

const TensorPlan& find_plan(const MergePlan& plan, std::string_view name) {
  const auto found =
      std::find_if(plan.tensors.begin(), plan.tensors.end(),
                   [&](const TensorPlan& tensor) { return tensor.output.name == name; });
  // A merge without a head has tied ones only.
  if (found == plan.tensors.end() && name == kHeadName) return find_plan(plan, kEmbedName);
  check(found != plan.tensors.end(), "KinshipSources: the merge has the tensor");
  return *found;
}

}  // namespace

KinshipSources::KinshipSources(const KinshipModel& base, const std::vector<KinshipModel>& models) {
  source_of(base.name, base.checkpoint);
  for (const KinshipModel& model : models) models_.push_back(place(model));
}

KinshipSources::Model KinshipSources::place(const KinshipModel& model) {
  auto merge = std::dynamic_pointer_cast<const MergedCheckpoint>(model.checkpoint);
  if (merge == nullptr || !is_linear(merge->plan())) {
    return {nullptr, {source_of(model.name, model.checkpoint)}};
  }
  Model placed{merge, {}};
  for (const PlanInput& input : merge->plan().inputs) {
    placed.sources.push_back(source_of(input.name, input.checkpoint));
  }
  return placed;
}

std::size_t KinshipSources::source_of(const std::string& name,
                                      const std::shared_ptr<const Checkpoint>& checkpoint) {
  const auto found = std::find_if(sources_.begin(), sources_.end(), [&](const Source& source) {
    return is_same_model(*source.checkpoint, *checkpoint);
  });
  if (found != sources_.end()) return static_cast<std::size_t>(found - sources_.begin());
  sources_.push_back({name, checkpoint, InputTensors(*checkpoint)});
  return sources_.size() - 1;
}

const TensorInfo* KinshipSources::Source::find(std::string_view tensor) const {
  if (const TensorInfo* const info = checkpoint->find(tensor)) return info;
  return tensors.find_outer(tensor);
}

std::vector<std::vector<double>> KinshipSources::rows(std::string_view tensor) const {
  std::vector<std::vector<double>> all;
  all.emplace_back(sources_.size()).front() = 1;
  for (const Model& model : models_) all.push_back(row(model, tensor));
  return all;
}

// sum_s c_s theta_s - theta_0 = (sum_s c_s - 1) theta_0 + sum_s c_s (theta_s - theta_0)
std::vector<double> KinshipSources::row(const Model& model, std::string_view tensor) const {
  std::vector<double> factors{1};
  if (model.merge != nullptr) {
    const MergePlan& plan = model.merge->plan();
    factors = linear_factors(plan, find_plan(plan, tensor)).value();
  }
  std::vector<double> row(sources_.size());
  row[0] = -1;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const std::size_t source = model.sources[i];
    row[0] += factors[i];
    if (source != 0) row[source] += factors[i];
  }
  return row;
}

}  // namespace vlm
