#include "merge/source_reader.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoint/finite_weights.h"
#include "core/error.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/finite.h"

namespace vlm {
namespace {

constexpr std::size_t kReadBlock = std::size_t{1} << 15U;  // elements: 128 KiB

}  // namespace

SourceReader::SourceReader(const PlanInput& input, const TensorInfo& info, const SourceRules& rules,
                           ThreadPool& pool)
    : input_(input), info_(info), rules_(rules), reader_(*input.checkpoint, info, pool) {
  if (rules.rounding == reader_.exact_dtype()) rules_.rounding.reset();
  if (!rules_.rounding) bfloat16_ = reader_.bfloat16();
}

std::span<const Bfloat16> SourceReader::read_bfloat16(std::size_t first, std::size_t size) const {
  return bfloat16_.subspan(first, size);
}

void SourceReader::require_finite(std::size_t first, std::size_t size) const {
  if (rules_.allow_nan) return;
  if (has_non_finite(bfloat16_.subspan(first, size), bfloat16_.subspan(first + size))) refuse();
}

void SourceReader::read(std::size_t first, std::span<float> out) const {
  for (std::size_t done = 0; done < out.size(); done += kReadBlock) {
    const std::span<float> block = out.subspan(done, std::min(kReadBlock, out.size() - done));
    reader_.read(first + done, block);
    if (rules_.rounding) round_to_dtype(block, *rules_.rounding);
    if (!rules_.allow_nan && find_non_finite(block)) refuse();
  }
}

// Of the first in the tensor: with several threads one further on may be met before.
void SourceReader::refuse() const {
  std::vector<float> stored(element_count(info_.shape).value_or(0));
  reader_.read(0, stored);
  std::vector<float> rounded = stored;
  if (rules_.rounding) round_to_dtype(rounded, *rules_.rounding);
  const std::size_t element = find_non_finite(rounded).value_or(0);
  const std::string hint = " (merge --allow-nan lets it pass)";
  if (!std::isfinite(stored[element])) vlm::require_finite(stored, info_, 0, input_.name, hint);
  std::ostringstream text;
  text << "weight does not fit into " << torch_name(*rules_.rounding) << ": " << input_.name << ": "
       << info_.name << ": element " << element_position(info_.shape, element) << ": "
       << stored[element] << hint;
  throw Error(ErrorCode::kCorruptFile, text.str());
}

}  // namespace vlm
