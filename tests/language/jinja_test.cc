#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/json_fields.h"
#include "language/jinja/template.h"

namespace vlm {
namespace {

using testing::HasSubstr;

std::string render(const std::string& source, JinjaVariables variables = {}) {
  return JinjaTemplate(source).render(std::move(variables));
}

std::string error_of(const std::string& source, std::size_t budget = 1U << 20U) {
  try {
    return "no error: " + JinjaTemplate(source).render({}, budget);
  } catch (const Error& error) {
    return error.what();
  }
}

// What jinja2 makes of templates of all supported constructs, or that it refuses them.
TEST(JinjaGolden, TextsEqualThoseOfJinja2) {
  const Json golden =
      read_json_file(std::filesystem::path(VLM_TEST_DATA) / "language/jinja/cases.json");
  JinjaVariables variables;
  for (const auto& [name, value] : golden.at("variables").items()) {
    variables.emplace(name, JinjaValue::from_json(value));
  }
  for (const Json& item : golden.at("cases")) {
    const auto source = item.at("template").get<std::string>();
    if (item.contains("error")) {
      EXPECT_THROW(render(source, variables), Error) << source;
    } else {
      EXPECT_EQ(render(source, variables), item.at("expected").get<std::string>()) << source;
    }
  }
}

TEST(Jinja, ConstructsOutsideOfTheSubsetAreNamedWithTheirLine) {
  EXPECT_THAT(error_of("a\n{% include 'x' %}"), HasSubstr("line 2: not supported: {% include %}"));
  EXPECT_THAT(error_of("{% block x %}{% endblock %}"), HasSubstr("{% block %}"));
  EXPECT_THAT(error_of("{% raw %}x{% endraw %}"), HasSubstr("{% raw %}"));
  EXPECT_THAT(error_of("\n\n{{ 'a'|urlize }}"),
              HasSubstr("line 3: not supported: filter 'urlize'"));
  EXPECT_THAT(error_of("{{ 'a' is filter }}"), HasSubstr("test 'filter'"));
  EXPECT_THAT(error_of("{{ 'a'.encode() }}"), HasSubstr("method 'encode' of a str"));
  EXPECT_THAT(error_of("{{ [].append(1) }}"), HasSubstr("method 'append' of a list"));
  EXPECT_THAT(error_of("{{ cycler(1, 2) }}"), HasSubstr("function cycler"));
  EXPECT_THAT(error_of("{{ 2 ** 3 }}"), HasSubstr("operator **"));
  EXPECT_THAT(error_of("{% for a in [] recursive %}{% endfor %}"), HasSubstr("recursive"));
  EXPECT_THAT(error_of("{% for a in [1] %}{{ loop.changed(a) }}{% endfor %}"),
              HasSubstr("loop.changed()"));
  EXPECT_THAT(error_of("{% set x = [1]|select %}"), HasSubstr("generator"));
  EXPECT_THAT(error_of("\n{{ range(3) }}"),
              HasSubstr("line 2: not supported: text of a value: range"));
  EXPECT_THAT(error_of("\n{{ strftime_now }}"),
              HasSubstr("line 2: not supported: text of a value: function"));
  EXPECT_THAT(error_of("{{ [range(3)] }}"), HasSubstr("text of a value: range"));
  EXPECT_THAT(error_of("{{ {'a': 1}.items() }}"),
              HasSubstr("text of a value: items, keys or values of a dict"));
  EXPECT_THAT(error_of("{{ {'a': 1}.keys()|string }}"), HasSubstr("text of a value: items"));
  EXPECT_THAT(error_of("{{ range(3) == range(3) }}"), HasSubstr("comparison: range"));
  EXPECT_THAT(error_of("{{ 'x'|trim(foo=1) }}"), HasSubstr("argument foo of filter trim"));
}

TEST(Jinja, RefusalOfTheTemplateIsItsOwnMessage) {
  EXPECT_EQ(error_of("{{ raise_exception('No system!') }}"), "chat template: line 1: No system!");
}

TEST(Jinja, BrokenTemplatesAreErrorsWithTheLine) {
  for (const char* source : {"\n{{ x", "\n{% if x %}", "\n{{ 'x }}", "\n{# x", "\n{{ (1 }}",
                             "\n{% for in x %}{% endfor %}", "\n{{ 1 2 }}", "\n{{ $ }}"}) {
    EXPECT_THAT(error_of(source), HasSubstr("line 2")) << source;
  }
}

TEST(Jinja, WorkIsBounded) {
  const std::string doubling =
      "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor "
      "%}";
  EXPECT_THAT(error_of(doubling), HasSubstr("too much time or memory"));
  EXPECT_THAT(error_of("{{ 'x' * 1000000000000 }}"), HasSubstr("too much time or memory"));
  const std::string loops =
      "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
  EXPECT_THAT(error_of(loops), HasSubstr("too much time or memory"));
  const std::string pairs =
      "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor "
      "%}";
  EXPECT_THAT(error_of(pairs + "{{ n.x }}"), HasSubstr("too much time or memory"));
  EXPECT_THAT(error_of(pairs + "{{ n.x == n.x }}"), HasSubstr("too much time or memory"));
  EXPECT_THAT(error_of(pairs + "{{ n.x|tojson }}"), HasSubstr("too much time or memory"));
}

TEST(Jinja, NestingIsBounded) {
  const auto repeated = [](const std::string& text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += text;
    return all;
  };
  constexpr std::size_t kMany = 20000;
  EXPECT_THAT(error_of("{{ " + repeated("(", kMany) + "1" + repeated(")", kMany) + " }}"),
              HasSubstr("nested too deep"));
  EXPECT_THAT(error_of("{{ " + repeated("-", kMany) + "1 }}"), HasSubstr("nested too deep"));
  EXPECT_THAT(error_of("{{ " + repeated("not ", kMany) + "1 }}"), HasSubstr("nested too deep"));
  EXPECT_THAT(error_of("{{ 1" + repeated(" + 1", kMany) + " }}"), HasSubstr("nested too deep"));
  EXPECT_THAT(error_of("{{ x" + repeated(".x", kMany) + " }}"), HasSubstr("nested too deep"));
  EXPECT_THAT(error_of("{{ x" + repeated("|trim", kMany) + " }}"), HasSubstr("nested too deep"));
  EXPECT_THAT(error_of(repeated("{% if 1 %}", kMany)), HasSubstr("nested too deep"));
  EXPECT_THAT(error_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
              HasSubstr("nested too deep"));
  EXPECT_THAT(error_of("{% set n = namespace(x=[]) %}{% for i in range(999) %}{% set n.x = [n.x] %}"
                       "{% endfor %}"),
              HasSubstr("nested too deep"));
}

TEST(Jinja, NamespaceMayHoldItself) {
  EXPECT_EQ(render("{% set n = namespace(a=1) %}{% set n.n = n %}{{ n.n.n.a }}"), "1");
}

TEST(Jinja, TellsWhetherItLoopsOverAKey) {
  EXPECT_TRUE(JinjaTemplate("{% for m in messages %}{% for c in m['content'] %}{% endfor %}"
                            "{% endfor %}")
                  .loops_over("content"));
  EXPECT_TRUE(JinjaTemplate("{% if true %}{% for c in m.content|selectattr('type', 'equalto', "
                            "'image') %}{% endfor %}{% endif %}")
                  .loops_over("content"));
  EXPECT_TRUE(
      JinjaTemplate("{% set all %}{% for c in messages[0].content %}{% endfor %}{% endset %}")
          .loops_over("content"));
  EXPECT_TRUE(JinjaTemplate("{% for m in [] %}{% else %}{% for c in messages[0].content %}"
                            "{% endfor %}{% endfor %}")
                  .loops_over("content"));
  EXPECT_FALSE(
      JinjaTemplate("{% for m in messages %}{{ m.content }}{% endfor %}").loops_over("content"));
}

}  // namespace
}  // namespace vlm
