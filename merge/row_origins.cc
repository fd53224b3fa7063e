#include "merge/row_origins.h"

#include <map>

#include "core/error.h"

namespace vlm {
namespace {

class OriginFinder {
 public:
  OriginFinder(const std::vector<VocabularyInput>& inputs, std::optional<std::size_t> base,
               std::string where)
      : inputs_(inputs), base_(base), where_(std::move(where)) {}

  [[nodiscard]] RowOrigin find(const std::string& token, const TokenRule* rule) const {
    RowOrigin origin{
        .is_token = true, .is_forced = rule != nullptr && rule->is_forced, .others = {}};
    switch (rule == nullptr ? RowSource::kDefault : rule->source) {
      case RowSource::kDefault:
        origin.others = default_places(token);
        break;
      case RowSource::kZero:
        break;
      case RowSource::kModel:
        origin.others = {place_in(input_named(rule->model, token), token)};
        break;
      case RowSource::kModelToken:
        origin.others = {place_of_other_token(*rule)};
        break;
    }
    return origin;
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& seen) const {
    throw Error(ErrorCode::kInvalidArgument, what + ": " + where_ + ": " + seen);
  }

  [[nodiscard]] std::vector<RowPlace> default_places(const std::string& token) const {
    std::vector<RowPlace> places;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const auto row = inputs_[i].takes_part ? inputs_[i].row_of(token) : std::nullopt;
      if (!row) continue;
      const RowPlace place{static_cast<std::uint32_t>(i), *row};
      if (base_ == i) return {place};
      places.push_back(place);
    }
    return places;
  }

  [[nodiscard]] std::size_t input_named(const std::string& model, const std::string& token) const {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].name == model) return i;
    }
    fail("source of a token is no model of the recipe", "'" + token + "': " + model);
  }

  [[nodiscard]] RowPlace place_in(std::size_t input, const std::string& token) const {
    if (const auto row = inputs_[input].row_of(token)) {
      return {static_cast<std::uint32_t>(input), *row};
    }
    fail("source of a token has no row for it", "'" + token + "': " + inputs_[input].name);
  }

  [[nodiscard]] RowPlace place_of_other_token(const TokenRule& rule) const {
    const std::size_t input = input_named(rule.model, rule.token);
    if (rule.of_token) return place_in(input, *rule.of_token);
    if (*rule.of_id >= inputs_[input].num_rows) {
      fail("source of a token has no such row",
           "'" + rule.token + "': " + rule.model + ": token_id " + std::to_string(*rule.of_id));
    }
    return {static_cast<std::uint32_t>(input), static_cast<std::uint32_t>(*rule.of_id)};
  }

  const std::vector<VocabularyInput>& inputs_;
  std::optional<std::size_t> base_;
  std::string where_;
};

}  // namespace

std::optional<std::uint32_t> VocabularyInput::row_of(const std::string& token) const {
  const auto id = tokens->find(token);
  return id && *id < num_rows ? std::optional(static_cast<std::uint32_t>(*id)) : std::nullopt;
}

std::vector<RowOrigin> find_row_origins(const TokenizerRule& rule, const TokenTable& tokens,
                                        std::size_t num_rows,
                                        const std::vector<VocabularyInput>& inputs,
                                        std::optional<std::size_t> base, const std::string& where) {
  std::map<std::string_view, const TokenRule*> rules;
  for (const TokenRule& each : rule.tokens) rules.emplace(each.token, &each);
  const OriginFinder finder(inputs, base, where);
  std::vector<RowOrigin> origins(num_rows);
  for (const auto& [id, token] : tokens.by_id()) {
    const auto found = rules.find(token.text);
    origins[id] = finder.find(token.text, found == rules.end() ? nullptr : found->second);
  }
  return origins;
}

}  // namespace vlm
