#include "merge/source_reader.h"

#include <algorithm>
#include <array>
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

// With several threads one further on may be met before.
std::size_t SourceReader::find_first_refused() const {
  const std::size_t elements = element_count(info_.shape).value_or(0);
  std::vector<float> block;
  for (std::size_t first = 0; first < elements; first += kReadBlock) {
    block.resize(std::min(kReadBlock, elements - first));
    reader_.read(first, block);
    if (rules_.rounding) round_to_dtype(block, *rules_.rounding);
    if (const auto element = find_non_finite(block)) return first + *element;
  }
  return 0;
}

void SourceReader::refuse() const {
  const std::size_t element = find_first_refused();
  const std::string hint = " (merge --allow-nan lets it pass)";
  std::array<float, 1> stored{};
  reader_.read(element, stored);
  vlm::require_finite(stored, info_, element, input_.name, hint);
  std::ostringstream text;
  text << "weight does not fit into " << torch_name(*rules_.rounding) << ": " << input_.name << ": "
       << info_.name << ": element " << element_position(info_.shape, element) << ": " << stored[0]
       << hint;
  throw Error(ErrorCode::kCorruptFile, text.str());
}

}  // namespace vlm
