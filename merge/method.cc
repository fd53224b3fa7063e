#include "merge/method.h"

#include <algorithm>

#include "core/error.h"
#include "core/nearest_name.h"
#include "merge/methods/methods.h"

namespace vlm {

const ParameterSpec* MergeMethod::find_parameter(std::string_view parameter) const {
  const auto found =
      std::find_if(parameters.begin(), parameters.end(),
                   [&](const ParameterSpec& spec) { return spec.name == parameter; });
  return found == parameters.end() ? nullptr : &*found;
}

const std::vector<MergeMethod>& merge_methods() {
  static const std::vector<MergeMethod> methods = {
      linear_method(),      slerp_method(),        task_arithmetic_method(),
      ties_method(),        dare_linear_method(),  dare_ties_method(),
      passthrough_method(), nuslerp_method(),      multislerp_method(),
      karcher_method(),     breadcrumbs_method(),  breadcrumbs_ties_method(),
      della_method(),       della_linear_method(), model_stock_method(),
      nearswap_method(),    arcee_fusion_method(), sce_method(),
      ram_method(),         ramplus_tl_method(),   dim3_method(),
      lines_method(),       layer_swap_method(),   iso_c_method(),
      tsv_m_method(),       wudi_method(),         localize_and_stitch_method(),
      pcb_method(),
  };
  return methods;
}

const MergeMethod& find_merge_method(std::string_view name, const std::string& where) {
  const std::vector<MergeMethod>& methods = merge_methods();
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [&](const MergeMethod& method) { return method.name == name; });
  if (found != methods.end()) return *found;
  std::vector<std::string> names;
  names.reserve(methods.size());
  for (const MergeMethod& method : methods) names.push_back(method.name);
  throw Error(ErrorCode::kInvalidArgument, "unknown merge method: " + where + ": '" +
                                               std::string(name) + "'" + name_hint(name, names));
}

}  // namespace vlm
