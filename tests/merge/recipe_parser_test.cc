#include "merge/recipe_parser.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "core/error.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  const std::string message = message_of([&] { parse_recipe(text, "r.yaml"); });
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

const std::string kModels = "models:\n- {model: a, parameters: {weight: 1}}\n";

TEST(RecipeParser, ReadsModelsForm) {
  const Recipe recipe = parse_recipe(
      "models:\n- model: a\n  parameters: {weight: [0, 1], density: '0.5'}\n- {model: b}\n"
      "merge_method: ties\nbase_model: c\nvlm: v\ndtype: float32\nout_dtype: torch.bfloat16\n"
      "parameters: {normalize: 'false', weight: 0.5}\nname: x\nmetadata: {any: [thing]}\n",
      "r.yaml");
  EXPECT_FALSE(recipe.components[0].is_stack);
  ASSERT_EQ(recipe.components[0].slices.size(), 1U);
  ASSERT_EQ(recipe.components[0].slices[0].sources.size(), 2U);
  const RecipeSource& a = recipe.components[0].slices[0].sources[0];
  EXPECT_EQ(a.parameters.at("weight")[0].values, (std::vector<double>{0, 1}));
  EXPECT_EQ(a.parameters.at("density")[0].values, std::vector<double>{0.5});
  EXPECT_EQ(recipe.parameters.at("normalize")[0].values, std::vector<double>{0});
  EXPECT_EQ(recipe.base_model, "c");
  EXPECT_EQ(recipe.vlm, "v");
  EXPECT_EQ(recipe.dtype, DType::kF32);
  EXPECT_EQ(recipe.out_dtype, DType::kBF16);
  EXPECT_EQ(recipe.vocabulary, VocabularyPolicy::kCommonRows);
}

TEST(RecipeParser, ReadsWords) {
  const auto rescale = [](const std::string& value) {
    return kModels + "merge_method: dare_ties\nbase_model: c\nparameters: {rescale: " + value +
           "}\n";
  };
  const auto index_of = [&](const std::string& value) {
    return parse_recipe(rescale(value), "r.yaml").parameters.at("rescale")[0].values;
  };
  EXPECT_EQ(index_of("inverse"), std::vector<double>{2});
  EXPECT_EQ(index_of("true"), std::vector<double>{1});
  EXPECT_EQ(index_of("'false'"), std::vector<double>{0});
  EXPECT_EQ(index_of("1"), std::vector<double>{1});
  EXPECT_THAT(refusal(rescale("inverte")), HasSubstr("did you mean 'inverse'?"));
  EXPECT_THAT(refusal(rescale("[true, inverse]")), HasSubstr("a word has no gradient"));
  EXPECT_THAT(refusal(kModels + "merge_method: ties\nbase_model: c\nparameters: {scope: modle}\n"),
              HasSubstr("did you mean 'model'?"));
}

TEST(RecipeParser, ReadsSlicesAndFilterLines) {
  const Recipe recipe = parse_recipe(
      "slices:\n- sources:\n  - {model: a, layer_range: [0, 2]}\n  - {model: b, layer_range: [1, "
      "3]}\n"
      "  parameters: {t: {filter: mlp, value: 0.25}}\nmerge_method: slerp\nbase_model: a\n"
      "parameters: {t: [{filter: self_attn, layers: [0, 1], value: [0, 1]}, {filter: '*', value: "
      "0.5}]}\n"
      "embeddings: {policy: base}\n",
      "r.yaml");
  EXPECT_TRUE(recipe.components[0].is_stack);
  EXPECT_EQ(recipe.components[0].slices[0].sources[1].layers, (LayerRange{1, 3}));
  EXPECT_EQ(recipe.components[0].slices[0].parameters.at("t")[0].filter, "mlp");
  const Setting& t = recipe.parameters.at("t");
  EXPECT_EQ(t[0].filter, "self_attn");
  EXPECT_EQ(t[0].layers, (LayerRange{0, 1}));
  EXPECT_EQ(t[1].filter, "");
  EXPECT_EQ(recipe.vocabulary, VocabularyPolicy::kBase);
}

TEST(RecipeParser, ReadsATreeMadeByAProgram) {
  YAML::Node root = YAML::Load(kModels + "merge_method: linear\n");
  root["models"][0]["parameters"]["weight"] = 0.75;
  const Recipe recipe = parse_recipe(root, "r.yaml");
  EXPECT_EQ(recipe.components[0].slices[0].sources[0].parameters.at("weight")[0].values,
            std::vector<double>{0.75});
  EXPECT_THAT(recipe.text, HasSubstr("0.75"));
  root["modles"] = 1;
  EXPECT_THAT(message_of([&] { parse_recipe(root, "r.yaml"); }), HasSubstr("r.yaml: 'modles'"));
}

TEST(RecipeParser, UnknownKeysAreRefusedWithLineAndNearestKey) {
  EXPECT_THAT(refusal(kModels + "merge_methd: linear\n"),
              HasSubstr("r.yaml:3: 'merge_methd' (did you mean 'merge_method'?)"));
  EXPECT_THAT(refusal("models:\n- {modl: a}\nmerge_method: linear\n"),
              HasSubstr("'modl' (did you mean 'model'?)"));
  EXPECT_THAT(refusal("models:\n- {model: a, parameters: {wieght: 1}}\nmerge_method: linear\n"),
              HasSubstr("r.yaml:2: 'wieght' (did you mean 'weight'?)"));
  EXPECT_THAT(refusal(kModels + "merge_method: linear\nembeddings: {polcy: base}\n"),
              HasSubstr("'polcy'"));
}

TEST(RecipeParser, DuplicateKeysAreRefused) {
  EXPECT_THAT(refusal(kModels + "merge_method: linear\nmerge_method: ties\n"),
              HasSubstr("key is there twice: r.yaml:4: 'merge_method'"));
  EXPECT_THAT(
      refusal("models:\n- {model: a, parameters: {weight: 1, weight: 2}}\nmerge_method: linear\n"),
      HasSubstr("'weight'"));
}

TEST(RecipeParser, SlicesHaveTheKeysOfMergekit) {
  const Recipe recipe = parse_recipe(
      "slices:\n- {sources: [{model: a, layer_range: [0, 1]}], base_model: b, residual_weight: 1}\n"
      "merge_method: linear\n",
      "r.yaml");
  EXPECT_EQ(recipe.components[0].slices[0].base_model, "b");
  EXPECT_THAT(recipe.warnings,
              testing::ElementsAre("a key is ignored: r.yaml:2: 'residual_weight'"));
}

TEST(RecipeParser, TrueAndFalseAreNumbersWhereOneIsAsked) {
  const Recipe recipe = parse_recipe(
      "models:\n- {model: a, parameters: {weight: true}}\n- {model: b, parameters: {weight: [off, "
      "0.5]}}\nmerge_method: linear\n",
      "r.yaml");
  const std::vector<RecipeSource>& sources = recipe.components[0].slices[0].sources;
  EXPECT_EQ(sources[0].parameters.at("weight")[0].values, std::vector<double>{1});
  EXPECT_EQ(sources[1].parameters.at("weight")[0].values, (std::vector<double>{0, 0.5}));
}

TEST(RecipeParser, ReadsRegularExpressionsAndComponentsAsKeysAndAsFilters) {
  const auto line_of = [](const std::string& condition) {
    return parse_recipe("models: [{model: a}]\nmerge_method: linear\nparameters: {weight: [{" +
                            condition + ", value: 1}]}\n",
                        "r.yaml")
        .parameters.at("weight")[0];
  };
  for (const char* const condition :
       {R"(regex: 'layers\.[0-2]\.')", R"(filter: 'regex:layers\.[0-2]\.')"}) {
    const SettingLine line = line_of(condition);
    EXPECT_EQ(line.filter, "");
    EXPECT_EQ(line.pattern->text(), R"(layers\.[0-2]\.)");
  }
  EXPECT_EQ(line_of("component: vision").component, Component::kVision);
  EXPECT_EQ(line_of("filter: component:vision").component, Component::kVision);
  EXPECT_THAT(message_of([&] { line_of("regex: '('"); }),
              HasSubstr("no regular expression (U_REGEX_MISMATCHED_PAREN): r.yaml:3: '('"));
  EXPECT_THAT(message_of([&] { line_of("filter: 'regex:'"); }),
              HasSubstr("filter says nothing behind 'regex:'"));
  EXPECT_THAT(message_of([&] { line_of("filter: 'regex:mlp', regex: attn"); }),
              HasSubstr("regex is there twice"));
  EXPECT_THAT(message_of([&] { line_of("component: vison"); }),
              HasSubstr("unknown component: r.yaml:3: 'vison' (did you mean 'vision'?)"));
}

// As mergekit does with all of them.
TEST(RecipeParser, UnknownKeysAreReportedWhereMergekitIsImitated) {
  const Recipe recipe = parse_recipe(
      "models:\n- {model: a, parameters: {wieght: 2, weight: 1, normalize: false}, x: 1}\n"
      "merge_method: linear\nmerge_methd: ties\n",
      "r.yaml", RecipeDialect::kMergekit);
  EXPECT_TRUE(recipe.imitates_mergekit);
  EXPECT_EQ(recipe.components[0].slices[0].sources[0].parameters.size(), 1U);
  EXPECT_THAT(recipe.warnings, testing::UnorderedElementsAre(
                                   HasSubstr("r.yaml:4: 'merge_methd'"), HasSubstr("'wieght'"),
                                   HasSubstr("'normalize'"), HasSubstr("r.yaml:2: 'x'")));
}

// pydantic's, at every depth; checked against mergekit 0.1.5's MergeConfiguration.
TEST(RecipeParser, UnknownKeysOfTokenizersAndModelsAreReportedWhereMergekitIsImitated) {
  const std::string text =
      "models:\n- {model: {model: {path: a, revison: r}, lora: {path: l, x: 1}, loraa: b}, "
      "parameters: {weight: 1}}\nmerge_method: linear\ntokenizer:\n  source: union\n  pad: 3\n"
      "  tokens:\n    <a>: {source: {kind: model_token, model: m, token: <b>, tokn: 1}, forced: "
      "true}\n    <z>: {source: {kind: zero, of: 1}}\n    <c>: {source: {kind: other, model: q}}\n";
  EXPECT_THAT(refusal(text), HasSubstr("'loraa'"));
  const Recipe recipe = parse_recipe(text, "r.yaml", RecipeDialect::kMergekit);
  EXPECT_EQ(recipe.components[0].slices[0].sources[0].model, "a+l");
  ASSERT_TRUE(recipe.tokenizer);
  ASSERT_EQ(recipe.tokenizer->tokens.size(), 3U);
  EXPECT_EQ(recipe.tokenizer->tokens[0].of_token, "<b>");
  EXPECT_FALSE(recipe.tokenizer->tokens[0].is_forced);
  EXPECT_EQ(recipe.tokenizer->tokens[1].source, RowSource::kZero);
  EXPECT_EQ(recipe.tokenizer->tokens[2].source, RowSource::kModel);
  EXPECT_EQ(recipe.tokenizer->tokens[2].model, "q");
  EXPECT_THAT(recipe.warnings, testing::UnorderedElementsAre(
                                   HasSubstr("'revison'"), HasSubstr("'x'"), HasSubstr("'loraa'"),
                                   HasSubstr("r.yaml:6: 'pad'"), HasSubstr("'tokn'"),
                                   HasSubstr("'forced'"), HasSubstr("'of'"), HasSubstr("'kind'")));
}

TEST(RecipeParser, UnknownKeysOfEmbeddingsAreReportedWhereMergekitIsImitated) {
  const std::string text = kModels + "merge_method: linear\nembeddings: {policy: base, rows: 3}\n";
  EXPECT_THAT(refusal(text), HasSubstr("'rows'"));
  EXPECT_THAT(parse_recipe(text, "r.yaml", RecipeDialect::kMergekit).warnings,
              testing::ElementsAre(HasSubstr("'rows'")));
}

TEST(RecipeParser, ComponentsStandInOneOrderAndMergekitsModulesAreAnotherSpelling) {
  const std::string entries =
      " {models: [{model: a}], parameters: {scale: 2}},"
      " %: {slices: [{sources: [{model: a, layer_range: [0, 1]}]}]}}\nmerge_method: passthrough\n";
  const auto read = [&](const std::string& begin, const std::string& second) {
    std::string text = begin + entries;
    return parse_recipe(text.replace(text.find('%'), 1, second), "r.yaml").components;
  };
  for (const auto& components : {read("components: {projector:", "text"),
                                 read("modules: {multi_modal_projector:", "text_decoder"),
                                 read("modules: {multi_modal_projector:", "default")}) {
    ASSERT_EQ(components.size(), 2U);
    EXPECT_EQ(components[0].component, Component::kText);
    EXPECT_TRUE(components[0].is_stack);
    EXPECT_EQ(components[1].component, Component::kProjector);
    EXPECT_FALSE(components[1].is_stack);
    EXPECT_EQ(components[1].parameters.at("scale")[0].values, std::vector<double>{2});
  }
}

TEST(RecipeParser, MistakesInComponentsAreNamed) {
  const auto refused = [](const std::string& inputs) {
    return refusal(inputs + "\nmerge_method: passthrough\n");
  };
  const std::string a = "{models: [{model: a}]}";
  EXPECT_THAT(refused("components: {vison: " + a + "}"),
              HasSubstr("unknown name in components: r.yaml:1: 'vison' (text, vision, projector)"));
  EXPECT_THAT(refused("modules: {vision: " + a + "}"),
              HasSubstr("unknown name in modules: r.yaml:1: 'vision' (text_decoder, default, "
                        "vision_tower, vision_model, multi_modal_projector)"));
  EXPECT_THAT(refused("modules: {vision_tower: " + a + ", vision_model: " + a + "}"),
              HasSubstr("a component is there twice: r.yaml:1: vision"));
  EXPECT_THAT(refused("modules: {default: " + a + "}\ncomponents: {text: " + a + "}"),
              HasSubstr("a recipe has one of 'models', 'slices', 'components' or 'modules': "
                        "r.yaml:1: 'components' and 'modules'"));
  EXPECT_THAT(refused("components: {text: " + a + "}\nmodels: [{model: a}]"),
              HasSubstr("'models' and 'components'"));
  EXPECT_THAT(refused("components: {text: {parameters: {scale: 1}}}"),
              HasSubstr("text has one of 'models' or 'slices': r.yaml:1: none"));
  EXPECT_THAT(refused("components: {text: {models: [{model: a}], slices: []}}"),
              HasSubstr("'models' and 'slices'"));
  EXPECT_THAT(refused("components: {}"), HasSubstr("components must be a mapping: r.yaml:1"));
  EXPECT_THAT(refused("components: {text:}"), HasSubstr("an entry of components"));
  EXPECT_THAT(refused("components: {text: {models: []}}"), HasSubstr("models must be a list"));
  EXPECT_THAT(refused("components: {text: {model: a}}"), HasSubstr("did you mean 'models'?"));
}

TEST(RecipeParser, ReadsTokenizers) {
  const auto rule_of = [](const std::string& line) {
    return *parse_recipe(kModels + "merge_method: linear\n" + line + "\n", "r.yaml").tokenizer;
  };
  EXPECT_EQ(rule_of("tokenizer_source: union").source, VocabularySource::kUnion);
  EXPECT_EQ(rule_of("tokenizer_source: base").source, VocabularySource::kBase);
  EXPECT_EQ(rule_of("tokenizer_source: a").model, "a");
  const TokenizerRule rule = rule_of(
      "tokenizer: {pad_to_multiple_of: 8, tokens: {x: {source: a, force: true}, "
      "y: {source: {kind: zero}}, z: {source: {kind: model_token, model: b, token_id: 3}}}}");
  EXPECT_EQ(rule.source, VocabularySource::kUnion);
  EXPECT_EQ(rule.multiple, 8U);
  EXPECT_EQ(rule.tokens[0].model, "a");
  EXPECT_TRUE(rule.tokens[0].is_forced);
  EXPECT_EQ(rule.tokens[1].source, RowSource::kZero);
  EXPECT_EQ(rule.tokens[2].of_id, 3U);
}

TEST(RecipeParser, RefusesTokenizersThatMakeNoSense) {
  for (const char* const line :
       {"tokenizer: {tokens: [a]}", "tokenizer: {pad_to_multiple_of: 0}",
        "tokenizer: {tokens: {x: {source: {kind: model_token, model: a}}}}",
        "tokenizer: {tokens: {x: {source: {kind: nothing}}}}",
        "tokenizer: {tokens: {x: {sauce: a}}}", "tokenizer: base"}) {
    EXPECT_THAT(refusal(kModels + "merge_method: linear\n" + line + "\n"), HasSubstr("r.yaml:4"))
        << line;
  }
  EXPECT_THAT(
      refusal(kModels +
              "merge_method: linear\ntokenizer_source: union\nembeddings: {policy: base}\n"),
      HasSubstr("vocabularies are said twice"));
}

TEST(RecipeParser, WrongValuesAreRefused) {
  const auto with_weight = [](const std::string& weight) {
    return refusal("models:\n- {model: a, parameters: {weight: " + weight +
                   "}}\nmerge_method: linear\n");
  };
  for (const char* const weight : {"abc", "1.5x", ".nan", ".inf", "[]", "{filter: a}", "[1, b]",
                                   "''", "[{value: 1}, 2]", "{value: {value: 1}}", "1e999"}) {
    EXPECT_THAT(with_weight(weight), HasSubstr("r.yaml:2")) << weight;
  }
  EXPECT_THAT(refusal(kModels + "merge_method: linear\nparameters: {normalize: 2}\n"),
              HasSubstr("true or false"));
  EXPECT_THAT(refusal("models:\n- {model: a, parameters: {weight: 1, density: 1.2}}\n"
                      "merge_method: ties\nbase_model: b\n"),
              HasSubstr("density is out of range (0 to 1): r.yaml:2: 1.2"));
  EXPECT_THAT(refusal(kModels + "merge_method: linear\ndtype: float8\n"), HasSubstr("'float8'"));
  EXPECT_THAT(refusal(kModels + "merge_method: linear\nout_dtype: int64\n"), HasSubstr("'int64'"));
}

TEST(RecipeParser, GlobalParameterUnderAModelIsRefused) {
  EXPECT_THAT(refusal("models:\n- {model: a, parameters: {t: 0.5}}\n- {model: b}\n"
                      "merge_method: slerp\nbase_model: a\n"),
              HasSubstr("parameter of the whole merge"));
}

TEST(RecipeParser, WrongShapesAreRefused) {
  EXPECT_THAT(refusal(""), HasSubstr("one YAML document"));
  EXPECT_THAT(refusal("just text"), HasSubstr("must be a mapping"));
  EXPECT_THAT(refusal("[1, 2]"), HasSubstr("must be a mapping"));
  EXPECT_THAT(refusal("merge_method: linear\n"), HasSubstr("none"));
  EXPECT_THAT(refusal("models: []\nmerge_method: linear\n"), HasSubstr("must be a list"));
  EXPECT_THAT(refusal("models: x\nmerge_method: linear\n"), HasSubstr("must be a list"));
  EXPECT_THAT(refusal("models: [x]\nmerge_method: linear\n"), HasSubstr("must be a mapping"));
  EXPECT_THAT(refusal(kModels), HasSubstr("merge_method"));
  const auto with_range = [](const std::string& range) {
    return refusal("slices:\n- sources: [{model: a, layer_range: " + range +
                   "}]\nmerge_method: passthrough\n");
  };
  for (const char* const range :
       {"[0]", "[0, 1, 2]", "[2, 1]", "[-1, 2]", "[0, 1.5]", "3", "[0, x]"}) {
    EXPECT_THAT(with_range(range), HasSubstr("layer_range")) << range;
  }
  EXPECT_THAT(refusal("a: 1\n---\nb: 2\n"), HasSubstr("more than one"));
  EXPECT_THAT(refusal(", a\n"), HasSubstr("more than one"));  // yaml-cpp sees one after the other
}

TEST(RecipeParser, DamagedYamlIsRefused) {
  EXPECT_THAT(refusal("models: [\n"), HasSubstr("YAML cannot be read: r.yaml:"));
  EXPECT_THAT(refusal("a: *nobody\n"), HasSubstr("YAML cannot be read"));
  EXPECT_THAT(refusal("name: \"\xFF\xFE\"\n"), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal(std::string(2'000'000, ' ')), HasSubstr("too large"));
  EXPECT_THAT(refusal(std::string(2000, '[')), HasSubstr("r.yaml"));
  EXPECT_THAT(refusal(std::string(100, '[') + std::string(100, ']')),
              HasSubstr("nested too deeply"));
}

TEST(RecipeParser, AliasBombIsRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int copy = 0; copy < 9; ++copy) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_THAT(refusal(bomb), HasSubstr("YAML is too large"));
}

TEST(RecipeParser, ReadsAPathAsSlicesOfOneLayer) {
  const Recipe recipe = parse_recipe(
      "path:\n- {model: a, layer: 3, scale: -0.5}\n- {model: b}\nvlm: v\nscale_of: mlp\n",
      "r.yaml");
  ASSERT_TRUE(recipe.path);
  EXPECT_EQ(recipe.path->scales, (std::vector<double>{-0.5, 1}));
  EXPECT_EQ(recipe.path->scaling, PathScaling::kMlpOutput);
  EXPECT_EQ(recipe.path->layout, PathLayout::kStandard);
  EXPECT_EQ(recipe.merge_method, "passthrough");
  EXPECT_EQ(recipe.vocabulary, VocabularyPolicy::kBase);
  const std::vector<RecipeSlice>& slices = recipe.components.at(0).slices;
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].sources[0].layers, (LayerRange{3, 4}));
  EXPECT_EQ(slices[1].sources[0].layers, std::nullopt);
}

TEST(RecipeParser, RefusesPathsThatAreNone) {
  const std::string hop = "path: [{model: a, layer: 0}]\n";
  EXPECT_THAT(refusal("path: []\n"), HasSubstr("r.yaml:1: 0"));
  EXPECT_THAT(refusal("path: a\n"), HasSubstr("no list"));
  EXPECT_THAT(refusal("path: [{layer: 0}]\n"), HasSubstr("'model'"));
  EXPECT_THAT(refusal("path: [{model: a, layer: -1}]\n"), HasSubstr("layer"));
  EXPECT_THAT(refusal("path: [{model: a, scale: .inf}]\n"), HasSubstr("scale"));
  EXPECT_THAT(refusal("path: [{model: a, scale: 1e40}]\n"), HasSubstr("scale is out of range"));
  EXPECT_THAT(refusal("path: [{model: a, scales: 1}]\n"), HasSubstr("did you mean 'scale'?"));
  EXPECT_THAT(refusal(hop + "layout: evo\n"), HasSubstr("(known: standard, evomistral)"));
  EXPECT_THAT(refusal(hop + "scale_of: all\n"), HasSubstr("(known: stream, mlp)"));
  EXPECT_THAT(refusal(hop + "merge_method: linear\n"), HasSubstr("merge_method"));
  EXPECT_THAT(refusal(hop + kModels), HasSubstr("models"));
}

}  // namespace
}  // namespace vlm
