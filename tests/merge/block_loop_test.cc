#include "merge/block_loop.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/merge/run_method.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

// Inputs of a method, with parameters that make it do all it can.
struct Inputs {
  Inputs(const MergeMethod& used_method, Shape used_shape)
      : method(used_method), shape(std::move(used_shape)), size(*element_count(shape)) {
    if (method.base != BaseRole::kOrdinary) base = random_values(size, "base");
    const std::size_t count = std::min<std::size_t>(method.max_models, 3);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string purpose = "model " + std::to_string(i);
      inputs.push_back({random_values(size, purpose.c_str()), {}});
    }
  }

  // Makes all values those of bfloat16, and keeps them as such too.
  void round_to_bfloat16() {
    stored.clear();
    for (Input& input : inputs) stored.push_back(as_bfloat16(input.values));
    stored.push_back(as_bfloat16(base));
  }

  [[nodiscard]] TensorMerge task(bool is_streamed) const {
    TensorMerge made = make_task(method, base, inputs, global, shape);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      made.models[i].parameters["weight"] = 0.5 + 0.25 * static_cast<double>(i);
      made.models[i].parameters["density"] = 0.5;
      made.models[i].parameters["gamma"] = 0.02;
      if (is_streamed) made.models[i].values = streamed(inputs[i].values, i);
    }
    if (is_streamed && !base.empty()) made.base = streamed(base, inputs.size());
    return made;
  }

  [[nodiscard]] TensorValues streamed(const Floats& values, std::size_t index) const {
    const auto require_finite = [this, index](std::size_t first, std::size_t count) {
      if (index == bad_input && bad_element >= first && bad_element - first < count) {
        throw Error(ErrorCode::kCorruptFile, "weight is not a number");
      }
    };
    const auto read = [&values, require_finite](std::size_t first, std::span<float> out) {
      require_finite(first, out.size());
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
    };
    if (stored.empty()) return {read, values.size()};
    TensorValues::Bfloat16Values bfloat16{
        .read = [this, index](std::size_t first, std::size_t count) -> std::span<const Bfloat16> {
          return std::span(stored[index]).subspan(first, count);
        },
        .require_finite = require_finite};
    return {read, std::move(bfloat16), values.size()};
  }

  // Makes an element of one input, or of the base behind them, NaN, which then must not be read.
  void spoil(std::size_t input, std::size_t element) {
    bad_input = input;
    bad_element = element;
    (input < inputs.size() ? inputs[input].values : base)[element] =
        std::numeric_limits<float>::quiet_NaN();
    if (!stored.empty()) stored[input][element] = Bfloat16{0xFFC0};
  }

  const MergeMethod& method;
  Shape shape;
  std::size_t size;
  Floats base;
  std::vector<Input> inputs;
  std::vector<std::vector<Bfloat16>> stored;  // of the inputs, then of the base; empty: floats only
  std::size_t bad_input = std::numeric_limits<std::size_t>::max();  // none
  std::size_t bad_element = 0;
  ParameterValues global{{"t", 0.3},     {"alpha", 0.2}, {"beta", 0.1},
                         {"rescale", 1}, {"bottom", 1},  {"top", 1}};
};

Floats merge_at_once(const Inputs& inputs) {
  ThreadPool alone(1);
  Floats out(inputs.size);
  StartedMerge(inputs.method.start, inputs.task(false), alone).read(0, out);
  return out;
}

// In pieces of so many units, over so many threads.
Floats merge_in_pieces(const Inputs& inputs, std::size_t units, std::size_t threads) {
  ThreadPool pool(threads);
  const TensorMerge task = inputs.task(true);
  const StartedMerge merge(inputs.method.start, task, pool);
  const std::size_t step = units * merge.unit();
  Floats out(inputs.size);
  pool.parallel_for((out.size() + step - 1) / step, [&](std::size_t i) {
    const std::size_t size = std::min(step, out.size() - i * step);
    merge.read(i * step, std::span(out).subspan(i * step, size));
  });
  return out;
}

class EveryMethod : public testing::TestWithParam<std::string> {};

TEST_P(EveryMethod, StreamedInPiecesOverThreadsGivesTheBitsOfTheWholeTensorInMemory) {
  const MergeMethod& method = find_merge_method(GetParam(), "test");
  // The last two are more than a part, and than what matrices are merged in, and end within a
  // block.
  for (const Shape& shape : {Shape{1}, Shape{99}, Shape{3, 33}, Shape{67, 8463}, Shape{8463, 67}}) {
    const Inputs inputs(method, shape);
    const Floats wanted = merge_at_once(inputs);
    EXPECT_EQ(merge_in_pieces(inputs, 1 + kPartElements, 1), wanted) << to_string(shape);
    EXPECT_EQ(merge_in_pieces(inputs, 1777, 2), wanted) << to_string(shape);
    EXPECT_EQ(merge_in_pieces(inputs, 4096, 3), wanted) << to_string(shape);
  }
}

TEST_P(EveryMethod, StreamedFromBfloat16GivesTheBitsOfTheirFloatsInMemory) {
  const MergeMethod& method = find_merge_method(GetParam(), "test");
  for (const Shape& shape : {Shape{1}, Shape{99}, Shape{3, 33}, Shape{31, 8463}, Shape{8463, 67}}) {
    Inputs inputs(method, shape);
    inputs.round_to_bfloat16();
    const Floats wanted = merge_at_once(inputs);
    for_each_instruction_set(
        [&] { EXPECT_EQ(merge_in_pieces(inputs, 1777, 2), wanted) << to_string(shape); });
  }
}

TEST_P(EveryMethod, AnInputThatIsNotANumberEndsTheMerge) {
  Inputs good(find_merge_method(GetParam(), "test"), {31, 8463});
  const std::size_t count = good.inputs.size() + (good.base.empty() ? 0 : 1);
  for (const bool is_bfloat16 : {false, true}) {
    if (is_bfloat16) good.round_to_bfloat16();
    for (std::size_t input = 0; input < count; ++input) {
      for (const std::size_t element : {std::size_t{0}, good.size / 2, good.size - 1}) {
        Inputs inputs = good;
        inputs.spoil(input, element);
        EXPECT_THROW(merge_in_pieces(inputs, 1777, 2), Error)
            << input << ": " << element << (is_bfloat16 ? " of bfloat16" : " of float32");
      }
    }
  }
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const MergeMethod& method : merge_methods()) names.push_back(method.name);
  return names;
}

TEST(NuslerpOverColumns, StreamedInPiecesOverThreadsGivesTheBitsOfTheWholeTensorInMemory) {
  Inputs inputs(find_merge_method("nuslerp", "test"), {8463, 67});
  inputs.global["nuslerp_flatten"] = 0;
  inputs.global["nuslerp_row_wise"] = 1;
  const Floats wanted = merge_at_once(inputs);
  EXPECT_EQ(merge_in_pieces(inputs, 50, 1), wanted);
  EXPECT_EQ(merge_in_pieces(inputs, 33, 3), wanted);
}

INSTANTIATE_TEST_SUITE_P(All, EveryMethod, testing::ValuesIn(method_names()),
                         [](const auto& method) { return method.param; });

TEST(Parts, CoverATensorInOrderAndBeginAtMultiplesOfTheUnit) {
  for (const std::size_t unit : {1U, 7U, 3000U, 1000000U}) {
    for (const std::size_t elements : {0U, 1U, 4200U, 1000000U}) {
      const std::size_t size = elements / unit * unit;
      const Parts parts(size, unit);
      std::size_t covered = 0;
      for (std::size_t part = 0; part < parts.count(); ++part) {
        parts.for_each_block(part, [&](std::size_t first, std::size_t count) {
          EXPECT_EQ(first, covered);
          EXPECT_EQ(first % unit, 0U);
          EXPECT_LE(count, parts.block_size());
          covered += count;
        });
      }
      EXPECT_EQ(covered, size);
    }
  }
}

}  // namespace
}  // namespace vlm
