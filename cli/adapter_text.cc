#include "cli/adapter_text.h"

#include "cli/text_table.h"
#include "core/byte_text.h"
#include "merge/adapter_cost.h"

namespace vlm {
namespace {

std::string form_text(const AdapterTarget& target) {
  switch (target.form) {
    case AdapterForm::kJoined:
      return "joined to rank " + std::to_string(target.rank);
    case AdapterForm::kCut:
      return "cut to rank " + std::to_string(target.rank);
    case AdapterForm::kBias:
      return "bias";
    case AdapterForm::kWhole:
      break;
  }
  return "saved whole";
}

std::string tensor_text(const AdapterPlan& plan, const PlanSummary::Tensor& tensor,
                        std::size_t index) {
  std::string text = "\n" + tensor.name + "  " + to_string(tensor.shape) + "  " +
                     form_text(plan.targets[index]) + "  " + tensor.parameters + "\n";
  for (std::size_t i = 0; i < plan.adapters.size(); ++i) {
    const std::size_t source = tensor.sources.size() - plan.adapters.size() + i;  // behind a base
    text += "  from " + tensor.sources[source] + "\n";
  }
  return text;
}

}  // namespace

std::string adapter_report_text(const AdapterReport& report, const std::string& target) {
  TextTable table({"module", "count", "relative error", "largest"});
  for (const AdaptedKind& kind : report.kinds) {
    table.add_row({kind.name, std::to_string(kind.modules), fixed(kind.relative_error, 6),
                   fixed(kind.largest_error, 6)});
  }
  return table.to_string() + "saved whole  " + std::to_string(report.saved_whole.size()) +
         " modules\nwritten      " + target + "\n";
}

std::string adapter_plan_text(const AdapterPlan& plan, const PlanSummary& summary) {
  std::string text = "method      " + summary.method + " of adapters\n";
  for (std::size_t i = 0; i < plan.adapters.size(); ++i) {
    const LoraAdapter& adapter = *plan.adapters[i];
    text += "input       " + plan.deltas.inputs[i].name + " (rank " +
            std::to_string(adapter.config().rank) + ", " +
            std::to_string(adapter.updates().size()) + " tensors)\n";
  }
  if (!plan.config.base_name.empty()) text += "adapter of  " + plan.config.base_name + "\n";
  text += "tensors     " + std::to_string(plan.targets.size()) + "\nto read     " +
          byte_text(bytes_to_read(plan)) + "\nto write    " + byte_text(bytes_to_write(plan)) +
          "\n";
  for (const std::string& warning : summary.warnings) text += "warning     " + warning + "\n";
  return text;
}

std::string adapter_tensors_text(const AdapterPlan& plan, const PlanSummary& summary) {
  std::string text;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    text += tensor_text(plan, summary.tensors[i], i);
  }
  return text;
}

}  // namespace vlm
