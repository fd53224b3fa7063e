#pragma once

// The methods of this folder; each is defined in the file of its name.

#include "merge/method.h"

namespace vlm {

MergeMethod linear_method();
MergeMethod slerp_method();
MergeMethod task_arithmetic_method();
MergeMethod ties_method();
MergeMethod dare_linear_method();
MergeMethod dare_ties_method();
MergeMethod passthrough_method();
MergeMethod nuslerp_method();
MergeMethod multislerp_method();
MergeMethod karcher_method();
MergeMethod breadcrumbs_method();
MergeMethod breadcrumbs_ties_method();
MergeMethod della_method();
MergeMethod della_linear_method();
MergeMethod model_stock_method();
MergeMethod nearswap_method();
MergeMethod arcee_fusion_method();
MergeMethod sce_method();
MergeMethod ram_method();
MergeMethod ramplus_tl_method();
MergeMethod dim3_method();
MergeMethod lines_method();
MergeMethod layer_swap_method();
MergeMethod iso_c_method();
MergeMethod tsv_m_method();
MergeMethod wudi_method();
MergeMethod localize_and_stitch_method();
MergeMethod pcb_method();

}  // namespace vlm
