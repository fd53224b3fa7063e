#include "language/bpe_parser.h"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "language/json_components.h"
#include "language/tokenizer_files.h"

namespace vlm {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

[[noreturn]] void fail(const std::string& what, const std::string& where, const Json& value) {
  throw Error(ErrorCode::kCorruptFile, what + ": " + where + ": " + json_line(value));
}

Vocabulary parse_vocabulary(const JsonFields& model) {
  const JsonFields fields = model.object("vocab");
  Vocabulary vocabulary;
  std::unordered_set<TokenId> ids;
  vocabulary.reserve(fields.json().size());
  ids.reserve(fields.json().size());
  for (const auto& [text, value] : fields.json().items()) {
    if (!value.is_number_unsigned())
      fail("expected a token id", fields.where() + ": " + text, value);
    const TokenId id = checked_token_id(value.get<std::size_t>(), fields.where() + ": " + text);
    if (!ids.insert(id).second) fail("two tokens have one id", fields.where() + ": " + text, value);
    vocabulary.emplace(text, id);
  }
  if (vocabulary.empty()) fail("no tokens", fields.where(), fields.json());
  return vocabulary;
}

Pair parse_pair(const Json& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
  }
  if (!merge.is_string()) fail("expected a pair of tokens", where, merge);
  const std::string_view text = merge.get_ref<const std::string&>();
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos || text.find(' ', blank + 1) != std::string_view::npos) {
    fail("expected two tokens with one blank between them", where, merge);
  }
  return {text.substr(0, blank), text.substr(blank + 1)};
}

// A part without text would make the result equal to the other part: a cycle.
BpeMerge resolve(const Pair& pair, const Vocabulary& vocabulary, const std::string& where,
                 const Json& merge) {
  if (pair.first.empty() || pair.second.empty()) fail("merge with an empty token", where, merge);
  const auto left = vocabulary.find(pair.first);
  const auto right = vocabulary.find(pair.second);
  if (left == vocabulary.end() || right == vocabulary.end()) {
    fail("merge of a token that is not in the vocabulary", where, merge);
  }
  const auto result = vocabulary.find(std::string(pair.first) + std::string(pair.second));
  if (result == vocabulary.end())
    fail("merge to a token that is not in the vocabulary", where, merge);
  return {left->second, right->second, result->second};
}

std::vector<BpeMerge> parse_merges(const JsonFields& model, const Vocabulary& vocabulary) {
  const std::string where = model.where() + ": merges";
  const auto list = model.json().find("merges");
  if (list == model.json().end() || !list->is_array()) {
    throw Error(ErrorCode::kCorruptFile, "expected a list: " + where);
  }
  std::vector<BpeMerge> merges;
  merges.reserve(list->size());
  for (const Json& merge : *list) {
    const std::string place = where + ": " + std::to_string(merges.size());
    merges.push_back(resolve(parse_pair(merge, place), vocabulary, place, merge));
  }
  return merges;
}

// Parts of a model that change ids and are not built.
void check_supported_parts(const JsonFields& model) {
  const std::string type = model.text_or("type", "BPE");
  if (type != "BPE") fail_unsupported("tokenizer model", model, type);
  if (model.number_or("dropout", 0) != 0) fail_unsupported("BPE dropout", model, "dropout");
  for (const char* const key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.text_or(key, "").empty()) fail_unsupported("BPE affix", model, key);
  }
}

}  // namespace

BpeModel parse_bpe_model(const JsonFields& file) {
  const JsonFields model = file.object("model");
  check_supported_parts(model);
  Vocabulary vocabulary = parse_vocabulary(model);
  const std::vector<BpeMerge> merges = parse_merges(model, vocabulary);
  BpeOptions options;
  options.fuse_unknown = model.boolean_or("fuse_unk", false);
  options.byte_fallback = model.boolean_or("byte_fallback", false);
  options.ignore_merges = model.boolean_or("ignore_merges", false);
  if (model.has("unk_token")) {
    const auto unknown = vocabulary.find(model.text("unk_token"));
    if (unknown == vocabulary.end()) {
      fail("unknown token is not in the vocabulary", model.where() + ": unk_token",
           model.json().at("unk_token"));
    }
    options.unknown = unknown->second;
  }
  return {std::move(vocabulary), merges, options};
}

}  // namespace vlm
