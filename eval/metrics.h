#pragma once

// Scores of one answer, by name. A metric is written NAME or NAME:TOKENIZER, as in
// "rougeL_ja:char".
//
//   rouge1 rouge2 rougeL           F1 against the reference
//   rouge1_ja rouge2_ja rougeL_ja  the same with an answer that is not Japanese blanked
//   exact_match, exact_match_ja    1 if both are equal after normalize_text()
//   p_ja                           P(Japanese | answer)
//   lang_ja                        1 if that is at least 0.5
//   acc (also: mgsm_number)        1 if the last number is the right one
//   acc_ja                         the same and P(Japanese | answer) > 0.5
//
// The blanking rule is that of SakanaAI's evolutionary-model-merge (eval/utils.py): the answer
// becomes "" when its P(Japanese) < 0.5, unless the reference's is below 0.5 too.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/language_identification.h"
#include "eval/rouge.h"
#include "eval/segmentation.h"

namespace vlm {

enum class MetricKind : std::uint8_t {
  kRouge1,
  kRouge2,
  kRougeL,
  kExactMatch,
  kJapaneseProbability,
  kJapaneseRate,
  kNumberCorrect
};

struct Metric {
  std::string name;  // as written, e.g. "rougeL_ja:char"
  MetricKind kind = MetricKind::kRougeL;
  bool needs_japanese = false;  // the _ja variants
  ScoreTokenizer tokenizer = ScoreTokenizer::kIcuWord;
};

// Names without tokenizer.
std::vector<std::string> metric_names();

// Throws Error{kInvalidArgument} for an unknown name (with the nearest one) or tokenizer, or a
// tokenizer on a metric that has no tokens; Error{kUnsupported} for "mecab".
Metric parse_metric(std::string_view text);

// An answer beside what was hoped for.
struct AnswerPair {
  std::string reference;
  std::string prediction;
  std::optional<double> answer_number;  // if absent, acc takes the last number of the reference
};

struct MetricScore {
  double value = 0.0;               // in [0, 1], higher is better
  std::optional<RougeScore> rouge;  // of the ROUGE metrics; value is its f1
};

// Computes metrics. Safe to use from several threads. `identifier` must outlive it.
class MetricScorer {
 public:
  explicit MetricScorer(const LanguageIdentifier& identifier) : identifier_(&identifier) {}

  [[nodiscard]] MetricScore score(const Metric& metric, const AnswerPair& pair) const;
  // P(Japanese | text).
  [[nodiscard]] double japanese_probability(std::string_view text) const;
  // The prediction, or "" by the blanking rule.
  [[nodiscard]] std::string blank_unless_japanese(const AnswerPair& pair) const;

 private:
  [[nodiscard]] RougeScore rouge(const Metric& metric, std::string_view reference,
                                 std::string_view prediction) const;

  const LanguageIdentifier* identifier_;
  WordSegmenter segmenter_;
};

}  // namespace vlm
