#include "merge/filter_uses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SettingLine line(const std::string& filter, std::optional<LayerRange> layers = std::nullopt) {
  return {.filter = filter,
          .layers = layers,
          .values = {1},
          .pattern = {},
          .component = {},
          .place = "r.yaml:3"};
}

// Asks for all tensors of two layers. The setting has to stay, as that of a recipe does.
void ask(FilterUses& uses, const Setting& setting, const std::string& parameter = "weight") {
  for (const std::size_t layer : {0U, 1U}) {
    const std::string name = "model.layers." + std::to_string(layer) + ".self_attn.q_proj.weight";
    uses.note(parameter, setting, {.name = name, .layer = layer, .position = 0});
  }
}

std::vector<std::string> warnings_of(const Setting& setting) {
  FilterUses uses;
  ask(uses, setting);
  return uses.warnings();
}

TEST(FilterUses, LinesThatSelectSomethingAreNotReported) {
  EXPECT_THAT(warnings_of({line("q_proj"), line("", LayerRange{1, 2}), line("")}), IsEmpty());
}

TEST(FilterUses, ALineThatSelectsNothingIsReportedWithPlaceParameterAndNearestWord) {
  EXPECT_THAT(warnings_of({line("self_atn")}),
              ElementsAre("a line selects no tensor: r.yaml:3: weight: filter 'self_atn' (did you "
                          "mean 'self_attn'?)"));
  EXPECT_THAT(warnings_of({line("", LayerRange{2, 9})}),
              ElementsAre(HasSubstr("layers [2, 9] (layers go to 1)")));
  EXPECT_THAT(warnings_of({line("q_proj", LayerRange{2, 9})}),
              ElementsAre(HasSubstr("filter 'q_proj', layers [2, 9]")));
}

// A line behind one that selects everything counts: it says something about these tensors.
TEST(FilterUses, WhatALineSelectsCountsAlsoWhereAnEarlierOneDecides) {
  EXPECT_THAT(warnings_of({line(""), line("q_proj")}), IsEmpty());
}

TEST(FilterUses, LinesThatSayTheSameCountAsOne) {
  const Setting first{line("layers.0.")};
  const Setting second{line("layers.7.")};
  const Setting third{line("layers.7.")};
  FilterUses uses;
  ask(uses, first);
  uses.note("weight", second, {.name = "lm_head.weight", .layer = std::nullopt});
  uses.note("weight", third, {.name = "model.norm.weight", .layer = std::nullopt});
  EXPECT_THAT(uses.warnings(), ElementsAre(HasSubstr("'layers.7.'")));
}

TEST(FilterUses, ParametersAreToldApart) {
  const Setting setting{line("mlp")};
  FilterUses uses;
  ask(uses, setting, "weight");
  ask(uses, setting, "density");
  EXPECT_THAT(uses.warnings(), ElementsAre(HasSubstr("density: "), HasSubstr("weight: ")));
}

// A substring may be a habit of a user with several models; an expression is meant.
TEST(FilterUses, ExpressionsAndComponentsThatSelectNothingAreErrors) {
  SettingLine expression = line("");
  expression.pattern = NamePattern("self_atn", "r.yaml:3");
  EXPECT_THAT(message_of([&] { warnings_of({expression}); }),
              testing::AllOf(HasSubstr("regex 'self_atn'"), HasSubstr("'self_attn'")));
  SettingLine component = line("");
  component.component = Component::kVision;
  EXPECT_THAT(message_of([&] { warnings_of({component}); }),
              HasSubstr("component 'vision' (merged: text)"));
}

TEST(FilterUses, OfAMethodOnlyParametersOfTheScopeAreAsked) {
  const MergeMethod& method = find_merge_method("ties", "r");
  const ParameterSettings settings{{"weight", {line("nothing")}}, {"lambda", {line("never")}}};
  const SettingLevels levels{nullptr, &settings, nullptr, nullptr};
  const TensorPlace place{.name = "lm_head.weight", .layer = std::nullopt};
  FilterUses of_models;
  of_models.note(method, ParameterScope::kPerModel, levels, place);
  EXPECT_THAT(of_models.warnings(), ElementsAre(HasSubstr("weight: ")));
  FilterUses of_merge;
  of_merge.note(method, ParameterScope::kGlobal, levels, place);
  EXPECT_THAT(of_merge.warnings(), ElementsAre(HasSubstr("lambda: ")));
}

}  // namespace
}  // namespace vlm
