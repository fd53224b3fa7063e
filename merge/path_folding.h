#pragma once

// The scales of a path of layers, as factors of weights: a standard decoder that executes a layer
// for each hop then computes the same.

#include <string>
#include <vector>

#include "merge/recipe.h"

namespace vlm {

// Parameters of `passthrough`.
struct FoldedScales {
  std::vector<ParameterSettings> layers;  // of each hop
  ParameterSettings outer;                // of the tensors outside of layers
};

// `scales` has one for each hop. Let the residual stream before hop j be c_j times that of the
// standard decoder: c_j = s_0 ... s_j for scales of the stream, s_0 for those of MLPs. A block adds
// to the stream, so its o_proj and down_proj are divided by c_j; those of MLPs multiply down_proj
// of hop j by s_(j+1). RMSNorm forgets the size of its input but not the sign, so norms change
// theirs where c_j < 0, and the final norm where the last c is negative. Exact up to rms_norm_eps,
// which would have to be eps / c_j^2.
// Throws Error{kInvalidArgument} naming the hop where c_j is 0 or leaves 1e-30 ... 1e30.
FoldedScales fold_scales(const std::vector<double>& scales, PathScaling scaling,
                         const std::string& where);

// A line about how far the streams differ in size if that is more than twofold, and rms_norm_eps
// may tell; else "". REQUIRES: fold_scales() takes the same.
std::string folding_warning(const std::vector<double>& scales, PathScaling scaling);

}  // namespace vlm
