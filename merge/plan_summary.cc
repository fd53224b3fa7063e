#include "merge/plan_summary.h"

#include <set>
#include <string>

#include "checkpoint/adapted_checkpoint.h"
#include "merge/merged_checkpoint.h"
#include "merge/method_help.h"

namespace vlm {
namespace {

std::string to_text(const MergeMethod& method, const ParameterValues& parameters) {
  std::string text;
  for (const ParameterSpec& parameter : method.parameters) {
    const auto found = parameters.find(parameter.name);
    if (found == parameters.end()) continue;
    text += (text.empty() ? "" : " ") + parameter.name + "=" + value_text(parameter, found->second);
  }
  return text;
}

std::string to_text(const MergePlan& plan, const PlannedSource& source, std::string_view role) {
  std::string text = plan.inputs[source.input].name + ": " + source.info->name;
  if (!role.empty()) text += " (" + std::string(role) + ")";
  const std::string parameters = to_text(*plan.method, source.parameters);
  return parameters.empty() ? text : text + " " + parameters;
}

PlanSummary::Tensor summarize(const MergePlan& plan, const TensorPlan& tensor) {
  PlanSummary::Tensor summary{.name = tensor.output.name,
                              .dtype = std::string(torch_name(tensor.output.dtype)),
                              .shape = tensor.output.shape,
                              .is_copy = tensor.is_copy,
                              .sources = {},
                              .parameters = to_text(*plan.method, tensor.parameters)};
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

constexpr std::size_t kShownUnused = 3;

std::uint64_t size_bytes(const TensorInfo& info) {
  return element_count(info.shape).value_or(0) * element_size_bytes(info.dtype);
}

// Bytes of files that a tensor takes: with an adapter's; of a merge, those of its inputs.
std::uint64_t bytes_to_read(const Checkpoint& checkpoint, const TensorInfo& info) {
  if (const auto* const adapted = dynamic_cast<const AdaptedCheckpoint*>(&checkpoint)) {
    return bytes_to_read(adapted->model(), info) + adapted->adapter_bytes(info);
  }
  const auto* const merged = dynamic_cast<const MergedCheckpoint*>(&checkpoint);
  if (merged == nullptr) return size_bytes(info);
  const MergePlan& plan = merged->plan();
  std::uint64_t bytes = 0;
  for_each_source(plan.tensors[static_cast<std::size_t>(&info - merged->tensors().data())],
                  [&](const PlannedSource& source) {
                    bytes += bytes_to_read(*plan.inputs[source.input].checkpoint, *source.info);
                  });
  return bytes;
}

// Which tensors of an input the result is made of.
PlanSummary::Input cover(const MergePlan& plan, std::size_t index) {
  std::set<const TensorInfo*> used;
  for (const TensorPlan& tensor : plan.tensors) {
    for_each_source(tensor, [&](const PlannedSource& source) {
      if (source.input == index) used.insert(source.info);
    });
  }
  const std::vector<TensorInfo>& tensors = plan.inputs[index].checkpoint->tensors();
  PlanSummary::Input input{.name = plan.inputs[index].name,
                           .num_tensors = tensors.size(),
                           .num_used = 0,
                           .used_bytes = 0,
                           .unused = {}};
  for (const TensorInfo& info : tensors) {
    if (used.contains(&info)) {
      ++input.num_used;
      input.used_bytes += bytes_to_read(*plan.inputs[index].checkpoint, info);
    } else if (input.unused.size() < kShownUnused) {
      input.unused.push_back(info.name);
    }
  }
  return input;
}

// What happens to the rows of embeddings and head.
std::string vocabulary_of(const MergePlan& plan) {
  const Recipe& recipe = plan.recipe;
  if (!recipe.tokenizer) {
    if (recipe.vocabulary == VocabularyPolicy::kError) return "sizes must be equal";
    return std::string(to_string(recipe.vocabulary));
  }
  const std::string source = recipe.tokenizer->source == VocabularySource::kUnion ? "union"
                             : recipe.tokenizer->source == VocabularySource::kBase
                                 ? "base"
                                 : recipe.tokenizer->model;
  return "by token (" + source + "), " + std::to_string(plan.config.vocab_size()) + " rows";
}

}  // namespace

PlanSummary summarize(const MergePlan& plan) {
  PlanSummary summary;
  summary.method = plan.method->name;
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    summary.inputs.push_back(cover(plan, i));
    summary.bytes_to_read += summary.inputs.back().used_bytes;
  }
  summary.donor = plan.inputs[plan.donor].name;
  summary.vocabulary = vocabulary_of(plan);
  summary.warnings = plan.warnings;
  for (const TensorPlan& tensor : plan.tensors) {
    if (plan.config.is_borrowed(tensor.output.name)) continue;  // not written
    ++summary.num_tensors;
    summary.num_copied += tensor.is_copy ? 1 : 0;
    summary.bytes_to_write += size_bytes(tensor.output);
    summary.tensors.push_back(summarize(plan, tensor));
  }
  return summary;
}

}  // namespace vlm
