#include "merge/merge_origin.h"

#include <bit>
#include <initializer_list>

#include "merge/methods/whole_model.h"

namespace vlm {
namespace {

// Of a tensor whose origin may turn out to be unknown.
class OriginText {
 public:
  void add(const std::string& word) { text_ += word + "\n"; }
  void add(std::initializer_list<std::uint64_t> numbers) {
    for (const std::uint64_t number : numbers) text_ += std::to_string(number) + " ";
    text_ += "\n";
  }
  void add(const ParameterValues& parameters) {
    for (const auto& [name, value] : parameters) {
      text_ += name + "=" + std::to_string(std::bit_cast<std::uint64_t>(value)) + " ";
    }
    text_ += "\n";
  }
  void add(const MergePlan& plan, const PlannedSource& source) {
    const std::string origin = plan.inputs[source.input].checkpoint->origin(*source.info);
    is_known_ = is_known_ && !origin.empty();
    add({source.input});
    add(origin);
    add(source.parameters);
  }

  [[nodiscard]] std::string text() const { return is_known_ ? text_ : ""; }

 private:
  std::string text_;
  bool is_known_ = true;
};

bool depends_on_all_tensors(const TensorPlan& tensor) {
  const auto scope = tensor.parameters.find("scope");
  return scope != tensor.parameters.end() && scope->second == kScopeModel;
}

}  // namespace

std::string merge_origin(const MergePlan& plan, const TensorPlan& tensor, std::uint64_t seed) {
  if (depends_on_all_tensors(tensor)) return "";
  OriginText text;
  const Recipe& recipe = plan.recipe;
  text.add({static_cast<std::uint64_t>(tensor.output.dtype),
            recipe.dtype ? static_cast<std::uint64_t>(*recipe.dtype) + 1 : 0});
  if (tensor.is_copy) {
    text.add(plan, tensor.sources.front());
    return text.text();
  }
  text.add(plan.method->name + " " + tensor.output.name + " " + to_string(tensor.output.shape));
  text.add({seed, tensor.layer ? *tensor.layer + 1 : 0, tensor.num_layers, tensor.merged_rows,
            std::uint64_t{recipe.imitates_mergekit}});
  text.add(tensor.parameters);
  for (const PlannedSource& source : tensor.sources) text.add(plan, source);
  text.add(tensor.base ? "base" : "");
  if (tensor.base) text.add(plan, *tensor.base);
  text.add(tensor.further_rows ? "further rows" : "");
  if (tensor.further_rows) text.add(plan, *tensor.further_rows);
  return text.text();
}

}  // namespace vlm
