#include "model/gguf_token_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"

namespace vlm {
namespace {

// Scores of tokens that SentencePiece never chooses.
constexpr float kNever = -1000;

struct KnownPattern {
  const char* name;
  const char* pattern;
};

// The regular expressions of Meta-Llama-3 and Qwen2: digits in groups of three, or one by one.
constexpr std::array<KnownPattern, 2> kPatterns = {
    {{"llama-bpe",
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
     {"qwen2",
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}}};

std::vector<Json> steps_of(const Json& pre_tokenizer) {
  if (pre_tokenizer.is_object() && pre_tokenizer.value("type", "") == "Sequence") {
    const auto steps = pre_tokenizer.find("pretokenizers");
    if (steps != pre_tokenizer.end() && steps->is_array()) return {steps->begin(), steps->end()};
  }
  return {pre_tokenizer};
}

std::string type_of(const Json& step) {
  const auto type = step.is_object() ? step.find("type") : step.end();
  return step.is_object() && type != step.end() && type->is_string() ? type->get<std::string>()
                                                                     : std::string();
}

bool flag(const Json& step, const char* key, bool fallback) {
  const auto found = step.find(key);
  return found != step.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

std::string pattern_of(const Json& step) {
  const auto pattern = step.find("pattern");
  if (pattern == step.end() || !pattern->is_object()) return "";
  const auto regex = pattern->find("Regex");
  return regex != pattern->end() && regex->is_string() ? regex->get<std::string>() : "";
}

}  // namespace

void GgufTokenTable::set(std::size_t id, std::string text, PieceType type, float score) {
  if (id >= size()) resize(id + 1);
  texts_[id] = std::move(text);
  scores_[id] = score;
  types_[id] = static_cast<std::int32_t>(type);
}

void GgufTokenTable::resize(std::size_t size) {
  for (std::size_t id = texts_.size(); id < size; ++id) {
    texts_.push_back("[PAD" + std::to_string(id) + "]");
  }
  texts_.resize(size);
  scores_.resize(size, kNever);
  types_.resize(size, static_cast<std::int32_t>(PieceType::kUnused));
}

std::string gguf_pre_tokenizer(const Json& pre_tokenizer, const std::string& where) {
  const std::vector<Json> steps = steps_of(pre_tokenizer);
  const bool is_byte_level = type_of(steps.back()) == "ByteLevel";
  if (is_byte_level && steps.size() == 1 && flag(steps[0], "use_regex", true)) return "gpt-2";
  if (is_byte_level && steps.size() == 2) {
    const bool cuts_words = flag(steps[1], "use_regex", true);
    if (type_of(steps[0]) == "Digits" && flag(steps[0], "individual_digits", false) && cuts_words) {
      return "smollm";
    }
    for (const KnownPattern& known : kPatterns) {
      if (type_of(steps[0]) == "Split" && pattern_of(steps[0]) == known.pattern && !cuts_words) {
        return known.name;
      }
    }
  }
  throw Error(ErrorCode::kUnsupported, "no name in llama.cpp for this pre_tokenizer: " + where +
                                           ": " + json_line(pre_tokenizer));
}

}  // namespace vlm
