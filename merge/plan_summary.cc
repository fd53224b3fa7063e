#include "merge/plan_summary.h"

#include <sstream>

namespace vlm {
namespace {

std::string to_text(const ParameterValues& parameters) {
  std::ostringstream text;
  for (const auto& [name, value] : parameters) {
    if (text.tellp() > 0) text << ' ';
    text << name << '=' << value;
  }
  return text.str();
}

std::string to_text(const MergePlan& plan, const PlannedSource& source, std::string_view role) {
  std::string text = plan.inputs[source.input].name + ": " + source.info->name;
  if (!role.empty()) text += " (" + std::string(role) + ")";
  const std::string parameters = to_text(source.parameters);
  return parameters.empty() ? text : text + " " + parameters;
}

PlanSummary::Tensor summarize(const MergePlan& plan, const TensorPlan& tensor) {
  PlanSummary::Tensor summary{.name = tensor.output.name,
                              .dtype = std::string(torch_name(tensor.output.dtype)),
                              .shape = tensor.output.shape,
                              .is_copy = tensor.is_copy,
                              .sources = {},
                              .parameters = to_text(tensor.parameters)};
  if (tensor.base) summary.sources.push_back(to_text(plan, *tensor.base, "base"));
  for (const PlannedSource& source : tensor.sources) {
    summary.sources.push_back(to_text(plan, source, ""));
  }
  if (tensor.further_rows) {
    summary.sources.push_back(to_text(plan, *tensor.further_rows,
                                      "rows from " + std::to_string(tensor.merged_rows) + " on"));
  }
  return summary;
}

std::size_t size_bytes(const TensorInfo& info) {
  return element_count(info.shape).value_or(0) * element_size_bytes(info.dtype);
}

}  // namespace

PlanSummary summarize(const MergePlan& plan) {
  PlanSummary summary;
  summary.method = plan.method->name;
  for (const PlanInput& input : plan.inputs) summary.inputs.push_back(input.name);
  summary.donor = plan.inputs[plan.donor].name;
  summary.vocabulary_policy = std::string(to_string(plan.recipe.vocabulary));
  summary.num_tensors = plan.tensors.size();
  summary.warnings = plan.warnings;
  for (const TensorPlan& tensor : plan.tensors) {
    summary.num_copied += tensor.is_copy ? 1 : 0;
    summary.bytes_to_write += size_bytes(tensor.output);
    summary.tensors.push_back(summarize(plan, tensor));
  }
  return summary;
}

}  // namespace vlm
