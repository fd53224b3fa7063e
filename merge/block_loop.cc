#include "merge/block_loop.h"

#include <algorithm>
#include <type_traits>

#include "core/check.h"
#include "core/divide_up.h"
#include "merge/kernels/elementwise.h"

namespace vlm {

namespace {

bool are_all_bfloat16(const TensorMerge& task) {
  return (task.base.empty() || task.base.is_bfloat16()) &&
         std::ranges::all_of(task.models,
                             [](const ModelTensor& model) { return model.values.is_bfloat16(); });
}

}  // namespace

InputBlockReader::InputBlockReader(const TensorMerge& task, std::size_t largest,
                                   const BlockNeeds& needs)
    : task_(task),
      largest_(largest),
      needs_(needs),
      scratch_(task.models.size() + 1),
      buffers_(std::make_unique_for_overwrite<float[]>(needs.buffers * largest)) {
  block_.is_bfloat16 = needs.takes_bfloat16 && are_all_bfloat16(task);
  block_.require_finite = [this] {
    if (block_.is_bfloat16) require_finite();  // others were looked at
  };
  if (block_.is_bfloat16) {
    block_.bfloat16_models.resize(task.models.size());
  } else {
    block_.models.resize(task.models.size());
  }
}

const InputBlock& InputBlockReader::read(std::size_t first, std::size_t size) {
  check(size <= largest_, "InputBlockReader::read: a block that fits");
  const auto read_one = [&](const TensorValues& values, Memory& scratch) {
    if (values.is_in_memory()) return values.read(first, size, {});
    if (scratch == nullptr) scratch = std::make_unique_for_overwrite<float[]>(largest_);
    return values.read(first, size, {scratch.get(), size});
  };
  block_.first = first;
  block_.size = size;
  block_.buffers = {buffers_.get(), needs_.buffers * size};
  if (block_.is_bfloat16) {
    read_bfloat16(first, size);
    return block_;
  }
  if (!task_.base.empty()) block_.base = read_one(task_.base, scratch_.back());
  for (std::size_t i = 0; i < task_.models.size(); ++i) {
    block_.models[i] = read_one(task_.models[i].values, scratch_[i]);
  }
  return block_;
}

void InputBlockReader::read_bfloat16(std::size_t first, std::size_t size) {
  if (!task_.base.empty()) block_.bfloat16_base = task_.base.read_bfloat16(first, size);
  for (std::size_t i = 0; i < task_.models.size(); ++i) {
    block_.bfloat16_models[i] = task_.models[i].values.read_bfloat16(first, size);
  }
  if (!needs_.finds_non_finite) require_finite();
}

void InputBlockReader::require_finite() const {
  if (!task_.base.empty()) task_.base.require_finite(block_.first, block_.size);
  for (const ModelTensor& model : task_.models) {
    model.values.require_finite(block_.first, block_.size);
  }
}

Parts::Parts(std::size_t elements, std::size_t unit)
    : elements_(elements),
      part_(std::max<std::size_t>(1, kPartElements / unit) * unit),
      block_(std::max<std::size_t>(1, kBlockElements / unit) * unit) {}

std::size_t Parts::count() const noexcept {
  return divide_up(elements_, part_);
}

void Parts::for_each_block(
    std::size_t part, const std::function<void(std::size_t first, std::size_t size)>& use) const {
  const std::size_t end = first(part) + size(part);
  for (std::size_t begin = first(part); begin < end; begin += block_) {
    use(begin, std::min(block_, end - begin));
  }
}

void for_each_block(const TensorMerge& task, const BlockNeeds& needs, ThreadPool& pool,
                    const std::function<void(std::size_t part, const InputBlock& block)>& use) {
  const Parts parts(elements_of(task));
  pool.parallel_for(parts.count(), [&](std::size_t part) {
    for_each_block(task, needs, parts, part, [&](const InputBlock& block) { use(part, block); });
  });
}

void for_each_block(const TensorMerge& task, const BlockNeeds& needs, const Parts& parts,
                    std::size_t part, const std::function<void(const InputBlock& block)>& use) {
  InputBlockReader reader(task, parts.block_size(), needs);
  parts.for_each_block(part,
                       [&](std::size_t first, std::size_t size) { use(reader.read(first, size)); });
}

DeltaReader::DeltaReader(const TensorMerge& task, std::size_t model, std::size_t largest)
    : task_(task), model_(model), delta_(largest) {
  const TensorValues& values = task.models[model].values;
  is_bfloat16_ = task.base.is_bfloat16() && values.is_bfloat16();
  if (is_bfloat16_) return;
  if (!task.base.is_in_memory()) base_.resize(largest);
  if (!values.is_in_memory()) values_.resize(largest);
}

std::span<float> DeltaReader::read(std::size_t first, std::size_t size) {
  require_finite(first, size);
  return subtract_base(first, size);
}

std::span<float> DeltaReader::subtract_base(std::size_t first, std::size_t size) {
  const std::span<float> delta = std::span(delta_).first(size);
  visit(first, size, [&](auto base, auto values) {
    if constexpr (std::is_same_v<decltype(values), std::span<const float>>) {
      if (base.empty()) {
        std::ranges::copy(values, delta.begin());
        return;
      }
    }
    subtract(values, base, delta);
  });
  return delta;
}

void DeltaReader::require_finite(std::size_t first, std::size_t size) const {
  if (!is_bfloat16_) return;  // others were looked at when they were read
  values().require_finite(first, size);
  task_.base.require_finite(first, size);
}

void for_each_delta_block(
    const TensorMerge& task, std::size_t model, const Parts& parts, std::size_t part,
    const std::function<void(std::size_t first, std::span<float> delta)>& use) {
  DeltaReader reader(task, model, parts.block_size());
  parts.for_each_block(
      part, [&](std::size_t first, std::size_t size) { use(first, reader.read(first, size)); });
}

std::size_t elements_of(const TensorMerge& task) {
  const auto count = element_count(task.shape);
  check(count.has_value(), "TensorMerge: the element count of a planned tensor fits");
  return *count;
}

StartedMerge::StartedMerge(const StartMerge& start, const TensorMerge& task, ThreadPool& pool)
    : task_(task), merge_(start(task, pool)) {}

void StartedMerge::read(std::size_t first, std::span<float> out) const {
  if (out.empty()) return;
  const std::size_t step = Parts(out.size(), merge_.unit).block_size();
  InputBlockReader reader(task_, std::min(step, out.size()),
                          {merge_.buffers, merge_.takes_bfloat16, merge_.finds_non_finite});
  for (std::size_t done = 0; done < out.size(); done += step) {
    const std::size_t size = std::min(step, out.size() - done);
    merge_.merge(reader.read(first + done, size), out.subspan(done, size));
  }
}

}  // namespace vlm
