#include "merge/output_vocabulary.h"

#include "core/divide_up.h"

namespace vlm {
namespace {

void append(OutputVocabulary& vocabulary, Token token) {
  if (vocabulary.tokens.find(token.text)) return;
  if (!token.is_added) token.added = plain_added_token(token.text, false);
  token.is_added = true;
  const std::size_t id = vocabulary.tokens.id_limit();
  vocabulary.added.emplace(id, token);
  vocabulary.tokens.add(id, std::move(token));
}

void append_others(const std::vector<TokenTable>& tables, const std::vector<std::size_t>& num_rows,
                   bool added_ones, OutputVocabulary& vocabulary) {
  for (std::size_t input = 0; input < tables.size(); ++input) {
    if (input == vocabulary.owner) continue;
    for (const auto& [id, token] : tables[input].by_id()) {
      if (id < num_rows[input] && token.is_added == added_ones) append(vocabulary, token);
    }
  }
}

}  // namespace

OutputVocabulary make_output_vocabulary(const TokenizerRule& rule,
                                        const std::vector<TokenTable>& tables,
                                        const std::vector<std::size_t>& num_rows,
                                        std::size_t owner) {
  OutputVocabulary vocabulary{.owner = owner, .tokens = tables[owner], .added = {}, .num_rows = 0};
  if (rule.source == VocabularySource::kUnion) {
    for (const bool added_ones : {false, true}) {
      append_others(tables, num_rows, added_ones, vocabulary);
    }
  }
  for (const TokenRule& token : rule.tokens) {
    append(vocabulary, {token.token, true, plain_added_token(token.token, false)});
  }
  const std::size_t count = vocabulary.tokens.id_limit();
  vocabulary.num_rows = divide_up(count, rule.multiple) * rule.multiple;
  return vocabulary;
}

}  // namespace vlm
