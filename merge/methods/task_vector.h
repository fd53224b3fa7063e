#pragma once

// One model's task vector, of which a filter keeps some entries, block by block.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <memory_resource>
#include <span>
#include <type_traits>
#include <variant>

#include "merge/block_loop.h"
#include "merge/kernels/delta_sums.h"
#include "merge/methods/delta_filter.h"
#include "merge/methods/kept_entries.h"

namespace vlm {

struct TaskVector {
  std::size_t model = 0;  // index into TensorMerge::models
  DeltaFilter filter;
  // Where look_at_block() notes what filters by mark or block keep, so that they need not be asked
  // again; null: it does not.
  std::shared_ptr<KeptEntries> kept;
  float rescale = 1;
  float weight = 0;

  // The filter that makes another delta of each block, if it has to be asked.
  [[nodiscard]] const KeepByBlock* by_block() const {
    return kept == nullptr ? std::get_if<KeepByBlock>(&filter) : nullptr;
  }
};

// Memory for what is known of a block: in place, unless there are very many models.
class BlockMemory {  // NOLINT(*-member-init): what is made is cleared
 public:
  // Cleared values, which live as long as this.
  template <typename Value>
  std::span<Value> make(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<Value>);
    Value* const made = std::pmr::polymorphic_allocator<Value>(&resource_).allocate(count);
    std::uninitialized_value_construct_n(made, count);
    return {made, count};
  }

 private:
  static constexpr std::size_t kBytes = 4096;

  std::array<std::byte, kBytes> bytes_;
  std::pmr::monotonic_buffer_resource resource_{bytes_.data(), bytes_.size()};
};

// Which entries of a block of a task vector are kept. Views of both.
struct KeptBlock {
  const TaskVector* vector = nullptr;
  std::size_t first = 0;
  std::span<const std::uint32_t> marks;  // its own; empty: it has none

  struct Part {
    KeepRule rule;
    std::size_t end = std::numeric_limits<std::size_t>::max();  // it holds for entries before
  };
  // The rule of entries from `place` on. REQUIRES: by_block() has nothing to say.
  [[nodiscard]] Part at(std::size_t place) const;
};

// Draws marks if they have to be drawn, in `memory`.
KeptBlock make_kept_block(const TaskVector& vector, std::size_t first, std::size_t size,
                          BlockMemory& memory);

// The same for the first look at a delta, which `reader` reads: asks filters of every kind. Inputs
// may be infinite or NaN, which l1_norms() tells.
KeptBlock look_at_block(const TaskVector& vector, DeltaReader& reader, std::size_t first,
                        std::size_t size, BlockMemory& memory);

// Calls use(begin, size) for the pieces of elements [first, first + size) in which no rule changes.
template <typename Use>
void for_each_piece(std::span<const KeptBlock> blocks, std::size_t first, std::size_t size,
                    const Use& use) {
  for (std::size_t begin = first; begin < first + size;) {
    std::size_t end = first + size;
    for (const KeptBlock& block : blocks) end = std::min(end, block.at(begin).end);
    use(begin, end - begin);
    begin = end;
  }
}

}  // namespace vlm
