// Models in bfloat16: what is written equals the formula in float64, rounded once to bfloat16,
// except for few entries that are one unit in the last place away (more where terms cancel): where
// float32, in which merges compute, ends on the other side of the middle between two bfloat16.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors_writer.h"
#include "core/files.h"
#include "merge/merge_to_disk.h"
#include "merge/recipe_parser.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/memory_checkpoint.h"
#include "tests/merge/run_method.h"

namespace vlm {
namespace {

using Doubles = std::vector<double>;

// float32 errs by some 2^-24 of the terms, middles are 2^-8 apart: about one entry in 2^14 per
// rounding, more where terms cancel.
constexpr double kLargestShare = 2e-4;
// What float32 may err where terms of this size cancel, which can be more than a unit of the rest.
constexpr double kLargestTerm = 0.1;
constexpr double kErrorOfTerms = kLargestTerm / (1U << 24U);

constexpr double kFirstWeight = 0.6180339887;  // no fractions that put results on middles
constexpr double kSecondWeight = 1.2720196495;

// Half to even, from float64 in one step.
double round_to_bfloat16(double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

Shape shape_of_tensor(const std::string& name) {
  return name == "model.norm.weight" ? Shape{64} : Shape{512, 64};
}

const std::vector<std::string> kNames = {"model.embed_tokens.weight",
                                         "model.layers.0.mlp.up_proj.weight", "model.norm.weight",
                                         "lm_head.weight"};

// A model whose entries are those of `near` and some noise, at the size of real weights.
void write_model(const std::filesystem::path& directory, const std::string& near, double noise) {
  std::filesystem::create_directory(directory);
  const Json config = {{"architectures", {"MistralForCausalLM"}},
                       {"hidden_size", 64},
                       {"num_attention_heads", 2},
                       {"num_key_value_heads", 2},
                       {"num_hidden_layers", 1},
                       {"vocab_size", 512},
                       {"intermediate_size", 512},
                       {"torch_dtype", "bfloat16"}};
  write_file_atomically(directory / "config.json", config.dump());
  std::vector<std::vector<std::byte>> bytes;
  std::vector<NamedTensor> tensors;
  for (const std::string& name : kNames) {
    const Shape shape = shape_of_tensor(name);
    const std::size_t size = *element_count(shape);
    Floats values = random_values(size, (name + near).c_str());
    const Floats more = random_values(size, (name + directory.string().back()).c_str());
    for (std::size_t i = 0; i < size; ++i) {
      values[i] = 0.02F * values[i] + static_cast<float>(noise) * more[i];
    }
    bytes.emplace_back(size * 2);
    store_floats(values, DType::kBF16, bytes.back());
    tensors.push_back({name, {DType::kBF16, shape, bytes.back()}});
  }
  write_safetensors(directory / "model.safetensors", tensors);
}

class OneRounding : public ::testing::Test {
 protected:
  OneRounding() {
    write_model(folder_.path() / "a", "base", 0);
    write_model(folder_.path() / "b", "base", 0.002);
    write_model(folder_.path() / "c", "base", 0.003);
    write_model(folder_.path() / "d", "other", 0.001);
  }

  Doubles values_of(const std::string& model, const std::string& name) const {
    const FileCheckpoint checkpoint(folder_.path() / model);
    const Floats values = read_all(checkpoint, *checkpoint.find("text/" + name));
    return {values.begin(), values.end()};
  }

  // `formula` gives the entries of a tensor.
  void expect_one_rounding(const std::string& recipe,
                           const std::function<Doubles(const std::string& name)>& formula) {
    ThreadPool pool(2);
    const MergedCheckpoint merged(make_merge_plan(
        parse_recipe(recipe, "r.yaml"),
        [this](const std::string& name) { return FileCheckpoint::open(folder_.path() / name); }));
    merge_to_disk(merged, folder_.path() / "out", {}, pool);
    std::size_t num_entries = 0;
    std::size_t num_apart = 0;
    for (const std::string& name : kNames) {
      const Doubles found = values_of("out", name);
      const Doubles wanted = formula(name);
      ASSERT_EQ(found.size(), wanted.size());
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        const double rounded = round_to_bfloat16(wanted[i]);
        ++num_entries;
        if (found[i] == rounded) continue;
        ++num_apart;
        const double unit = std::ldexp(1.0, std::ilogb(rounded) - 7);
        ASSERT_LE(std::abs(found[i] - rounded), std::max(unit, kErrorOfTerms)) << name << " " << i;
      }
    }
    RecordProperty("apart", static_cast<int>(num_apart));
    EXPECT_LE(static_cast<double>(num_apart), kLargestShare * static_cast<double>(num_entries));
  }

  TemporaryDirectory folder_;
};

TEST_F(OneRounding, OfLinear) {
  expect_one_rounding(
      "merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 0.6180339887}}\n"
      "- {model: d, parameters: {weight: 1.2720196495}}\n",
      [this](const std::string& name) {
        Doubles sum = values_of("a", name);
        const Doubles other = values_of("d", name);
        for (std::size_t i = 0; i < sum.size(); ++i) {
          sum[i] =
              (kFirstWeight * sum[i] + kSecondWeight * other[i]) / (kFirstWeight + kSecondWeight);
        }
        return sum;
      });
}

TEST_F(OneRounding, OfSlerp) {
  constexpr double kT = 0.3819660113;
  expect_one_rounding(
      "merge_method: slerp\nbase_model: a\nmodels: [{model: d}]\nparameters: {t: 0.3819660113}\n",
      [this](const std::string& name) {
        Doubles base = values_of("a", name);
        const Doubles other = values_of("d", name);
        const auto dot = [](const Doubles& x, const Doubles& y) {
          return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
        };
        const double theta =
            std::acos(dot(base, other) / std::sqrt(dot(base, base) * dot(other, other)));
        for (std::size_t i = 0; i < base.size(); ++i) {
          base[i] = (std::sin((1 - kT) * theta) * base[i] + std::sin(kT * theta) * other[i]) /
                    std::sin(theta);
        }
        return base;
      });
}

// The k largest deltas, earlier ones first among equals; 0 in place of the others.
Doubles trimmed(const Doubles& model, const Doubles& base, double density) {
  Doubles delta(model.size());
  std::ranges::transform(model, base, delta.begin(), std::minus<>());
  std::vector<std::size_t> order(delta.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, [&](std::size_t i, std::size_t j) { return std::abs(delta[i]) > std::abs(delta[j]); });
  const auto k = static_cast<std::size_t>(density * static_cast<double>(delta.size()));
  for (std::size_t i = k; i < order.size(); ++i) delta[order[i]] = 0;
  return delta;
}

TEST_F(OneRounding, OfTies) {
  expect_one_rounding(
      "merge_method: ties\nbase_model: a\nmodels:\n"
      "- {model: b, parameters: {weight: 0.6180339887, density: 0.5}}\n"
      "- {model: c, parameters: {weight: 1.2720196495, density: 0.25}}\n",
      [this](const std::string& name) {
        Doubles merged = values_of("a", name);
        const Doubles b = trimmed(values_of("b", name), merged, 0.5);
        const Doubles c = trimmed(values_of("c", name), merged, 0.25);
        for (std::size_t i = 0; i < merged.size(); ++i) {
          const bool is_positive = kFirstWeight * b[i] + kSecondWeight * c[i] >= 0;
          const auto agrees = [&](double delta) { return is_positive ? delta > 0 : delta < 0; };
          const double first = agrees(b[i]) ? kFirstWeight : 0;
          const double second = agrees(c[i]) ? kSecondWeight : 0;
          if (first + second > 0) merged[i] += (first * b[i] + second * c[i]) / (first + second);
        }
        return merged;
      });
}

}  // namespace
}  // namespace vlm
