// Trims over all tensors of a model, against float64 references.

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

Json golden(const char* file) {
  return read_json_file(std::filesystem::path(VLM_TEST_DATA) / "merge/methods" / file);
}

// A model of some tensors, and others tuned from it.
class Models final : public MergeTasks {
 public:
  Models(const std::string& method, const Json& golden, const ParameterValues& of_models,
         const ParameterValues& global)
      : method_(find_merge_method(method, "test")) {
    for (const auto& [name, tensor] : golden.at("base").items()) {
      names_.push_back(name);
      bases_.push_back(flatten(tensor));
      shapes_.push_back(shape_of(tensor));
      inputs_.emplace_back();
      for (const Json& vectors : golden.at("task_vectors")) {
        Floats values = flatten(vectors.at(name));
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += bases_.back()[i];
        inputs_.back().push_back({values, of_models});
      }
    }
    global_ = global;
  }

  [[nodiscard]] std::size_t size() const override { return names_.size(); }
  [[nodiscard]] TensorMerge describe(std::size_t index) const override {
    TensorMerge task = make_task(method_, bases_[index], inputs_[index], global_, shapes_[index]);
    task.name = names_[index];
    return task;
  }
  void load(std::size_t index, const std::function<void(const TensorMerge&)>& use) const override {
    use(describe(index));
  }

  // All merged tensors equal those of a golden case, whatever the threads.
  void expect_merged(const Json& merged, double tolerance) const {
    for (const std::size_t num_threads : {1U, 3U}) {
      ThreadPool pool(num_threads);
      const StartMerge prepared = method_.prepare(*this, pool);
      for (std::size_t i = 0; i < size(); ++i) {
        Floats out(bases_[i].size());
        StartedMerge(prepared ? prepared : method_.start, describe(i), pool).read(0, out);
        expect_near(out, flatten(merged.at(names_[i])), tolerance);
      }
    }
  }

 private:
  const MergeMethod& method_;
  ParameterValues global_;
  std::vector<std::string> names_;
  std::vector<Shape> shapes_;
  std::vector<Floats> bases_;
  std::vector<std::vector<Input>> inputs_;
};

// Values below 8, rounded to float32 a few times: 4 * 8 * 2^-24.
constexpr double kTolerance = 2e-6;

TEST(WholeModel, TiesEqualsTheReference) {
  const Json file = golden("ties_whole_model.json");
  for (const Json& each : file.at("cases")) {
    const Models models("ties", file, {{"weight", 1}, {"density", each.at("k")}},
                        {{"scope", 1}, {"lambda", each.at("lambda")}});
    models.expect_merged(each.at("merged"), kTolerance);
  }
  EXPECT_EQ(file.at("cases").size(), 3U);
}

TEST(WholeModel, BreadcrumbsEqualsTheReference) {
  const Json file = golden("breadcrumbs_variants.json");
  for (const Json& each : file.at("cases")) {
    const std::string over = each.at("over");
    const double scope = over == "row" ? 2 : over == "tensor" ? 0 : 1;
    const Models models("breadcrumbs", file,
                        {{"weight", 1}, {"density", each.at("beta")}, {"gamma", each.at("gamma")}},
                        {{"scope", scope}, {"lambda", each.at("alpha")}});
    SCOPED_TRACE(over);
    models.expect_merged(each.at("merged"), kTolerance);
  }
  EXPECT_EQ(file.at("cases").size(), 5U);
}

Json tensors(const Floats& first, const Floats& second) {
  return {{"a", Json(first)}, {"b", Json(second)}};
}

TEST(WholeModel, EqualMagnitudesKeepTheFirstTensorsFirst) {
  const Json models = {{"base", tensors({0, 0}, {0, 0})},
                       {"task_vectors", {tensors({1, -1}, {1, 1})}}};
  Models("ties", models, {{"weight", 1}, {"density", 0.75}}, {{"scope", 1}})
      .expect_merged(tensors({1, -1}, {1, 0}), 0);
  Models("ties", models, {{"weight", 1}, {"density", 0.25}}, {{"scope", 1}})
      .expect_merged(tensors({1, 0}, {0, 0}), 0);
}

TEST(WholeModel, RegionsAreStitchedByTheirMean) {
  // Half of four entries: the regions are {a0, b1} and {a0, a1}.
  const Json models = {{"base", tensors({1, 1}, {1, 1})},
                       {"task_vectors", {tensors({5, 1}, {0, -4}), tensors({3, 2}, {1, 1})}}};
  Models("localize_and_stitch", models, {{"density", 0.5}}, {{"scope", 1}})
      .expect_merged(tensors({5, 3}, {1, -3}), 0);
  // Half of each tensor: {a0, b1} and {a0, b0}.
  Models("localize_and_stitch", models, {{"density", 0.5}}, {{"scope", 0}})
      .expect_merged(tensors({5, 1}, {2, -3}), 0);
  Models("localize_and_stitch", models, {{"density", 0}}, {{"scope", 1}})
      .expect_merged(models.at("base"), 0);
  Models("localize_and_stitch", models, {{"density", 1}}, {{"scope", 1}})
      .expect_merged(tensors({5, 2.5F}, {2, -0.5F}), 0);
}

// The second has twice the elements of the first.
Json in_two_tensors(const Floats& values) {
  const auto end = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 3);
  return tensors({values.begin(), end}, {end, values.end()});
}

// Of several parts each, with few magnitudes, so that the cut is among equals of one of them.
TEST(WholeModel, CutsOfLargeTensorsAreThoseOfOneWithAllElements) {
  const Floats zeros(3 * kPartElements);
  Floats values = random_values(zeros.size(), "x");
  for (float& value : values) value = std::round(4 * value);
  const Json models = {{"base", in_two_tensors(zeros)}, {"task_vectors", {in_two_tensors(values)}}};
  for (const double density : {0.05, 0.3, 0.9}) {
    const ParameterValues each{{"weight", 1}, {"density", density}};
    const Json together = in_two_tensors(run("ties", zeros, {{values, each}}));
    Models("ties", models, each, {{"scope", 1}}).expect_merged(together, 0);
  }
}

// Du et al. compete over whole task vectors: where a model is cut into tensors does not matter.
TEST(WholeModel, PcbOfTwoTensorsIsThatOfOneWithAllElements) {
  const Floats zeros(300);
  std::vector<Input> inputs;
  Json vectors = Json::array();
  for (const char* const name : {"x", "y", "z"}) {
    Floats values = random_values(300, name);
    vectors.push_back(in_two_tensors(values));
    inputs.push_back({values, {{"weight", 0.8}, {"density", 0.3}}});
  }
  const Json models = {{"base", in_two_tensors(zeros)}, {"task_vectors", vectors}};
  const Json together = in_two_tensors(run("pcb", zeros, inputs, {{"lambda", 1.5}}));
  const ParameterValues each{{"weight", 0.8}, {"density", 0.3}};
  Models("pcb", models, each, {{"lambda", 1.5}, {"scope", 1}}).expect_merged(together, 0);
  const Floats alone = run("pcb", Floats(100),
                           {{flatten(vectors[0].at("a")), each},
                            {flatten(vectors[1].at("a")), each},
                            {flatten(vectors[2].at("a")), each}},
                           {{"lambda", 1.5}});
  EXPECT_NE(alone, flatten(together.at("a")));  // over a tensor alone
}

}  // namespace
}  // namespace vlm
