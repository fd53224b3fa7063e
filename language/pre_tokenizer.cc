#include "language/pre_tokenizer.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "language/byte_level.h"
#include "language/json_components.h"
#include "language/metaspace.h"
#include "language/split_behavior.h"
#include "language/text_growth.h"
#include "language/text_pattern.h"

namespace vlm {
namespace {

// Radford et al. 2019: contractions, letters, digits and other signs, each with a blank before it.
constexpr const char* kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

void append_parts(const Word& word, const std::vector<TextSpan>& parts, std::vector<Word>& words) {
  for (const TextSpan& part : parts) {
    if (part.begin == part.end) continue;
    words.push_back(
        {word.text.substr(part.begin, part.end - part.begin), word.at_start && part.begin == 0});
  }
}

std::size_t total_bytes(const std::vector<Word>& words) {
  std::size_t bytes = 0;
  for (const Word& word : words) bytes += word.text.size();
  return bytes;
}

}  // namespace

PreTokenizer::PreTokenizer(const JsonFields& file) {
  for (const JsonFields& component : read_components(file, "pre_tokenizer", "pretokenizers")) {
    steps_.push_back(parse(component));
  }
}

PreTokenizer::Step PreTokenizer::parse(const JsonFields& component) {
  const std::string type = component.text("type");
  if (type == "Split") return parse_split(component);
  if (type == "ByteLevel") return parse_byte_level(component);
  if (type == "Digits") return parse_digits(component);
  if (type == "Metaspace") return parse_metaspace(component);
  fail_unsupported("pre-tokenizer", component, type);
}

PreTokenizer::Step PreTokenizer::parse_split(const JsonFields& component) {
  return
      [pattern = parse_text_pattern(component), behavior = parse_split_behavior(component),
       invert = component.boolean_or("invert", false)](const Word& word, std::vector<Word>& words) {
        std::vector<TextSpan> spans = pattern.split(word.text);
        for (TextSpan& span : spans) span.is_match = span.is_match != invert;
        append_parts(word, join_spans(spans, behavior), words);
      };
}

PreTokenizer::Step PreTokenizer::parse_byte_level(const JsonFields& component) {
  std::optional<TextPattern> pattern;
  if (component.boolean_or("use_regex", true)) {
    pattern = TextPattern::regex(kGpt2Words, component.where());
  }
  const bool adds_blank = component.boolean_or("add_prefix_space", true);
  return [pattern, adds_blank](Word word, std::vector<Word>& words) {
    if (adds_blank && !word.text.starts_with(' ')) word.text.insert(0, 1, ' ');
    const std::size_t first = words.size();
    if (pattern) {
      append_parts(word, pattern->split(word.text), words);
    } else {
      words.push_back(std::move(word));
    }
    for (std::size_t i = first; i < words.size(); ++i) {
      words[i].text = bytes_to_alphabet(words[i].text);
    }
  };
}

PreTokenizer::Step PreTokenizer::parse_digits(const JsonFields& component) {
  const SplitBehavior behavior = component.boolean_or("individual_digits", false)
                                     ? SplitBehavior::kIsolated
                                     : SplitBehavior::kContiguous;
  return [pattern = TextPattern::regex(R"(\p{N})", component.where()), behavior](
             const Word& word, std::vector<Word>& words) {
    append_parts(word, join_spans(pattern.split(word.text), behavior), words);
  };
}

PreTokenizer::Step PreTokenizer::parse_metaspace(const JsonFields& component) {
  return [space = Metaspace(component)](const Word& word, std::vector<Word>& words) {
    const Word spelled{space.spell(word.text, word.at_start), word.at_start};
    if (!space.splits()) {
      words.push_back(spelled);
      return;
    }
    const std::vector<TextSpan> spans = space.pattern().split(spelled.text);
    append_parts(spelled, join_spans(spans, SplitBehavior::kMergedWithNext), words);
  };
}

std::vector<Word> PreTokenizer::split(std::string_view text, bool at_start) const {
  std::vector<Word> words{{std::string(text), at_start}};
  for (const Step& step : steps_) {
    std::vector<Word> next;
    for (const Word& word : words) step(word, next);
    words = std::move(next);
    check_growth(text.size(), total_bytes(words));
  }
  return words;
}

}  // namespace vlm
