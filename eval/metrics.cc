#include "eval/metrics.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/check.h"
#include "core/error.h"
#include "core/nearest_name.h"
#include "eval/number_extraction.h"
#include "eval/text_normalization.h"

namespace vlm {
namespace {

struct MetricRow {
  std::string_view name;
  MetricKind kind;
  bool needs_japanese;
};

constexpr std::array<MetricRow, 13> kMetrics{{
    {"rougeL", MetricKind::kRougeL, false},
    {"rougeL_ja", MetricKind::kRougeL, true},
    {"rouge1", MetricKind::kRouge1, false},
    {"rouge1_ja", MetricKind::kRouge1, true},
    {"rouge2", MetricKind::kRouge2, false},
    {"rouge2_ja", MetricKind::kRouge2, true},
    {"exact_match", MetricKind::kExactMatch, false},
    {"exact_match_ja", MetricKind::kExactMatch, true},
    {"p_ja", MetricKind::kJapaneseProbability, true},
    {"lang_ja", MetricKind::kJapaneseRate, true},
    {"acc", MetricKind::kNumberCorrect, false},
    {"acc_ja", MetricKind::kNumberCorrect, true},
    {"mgsm_number", MetricKind::kNumberCorrect, false},
}};

constexpr double kJapaneseThreshold = 0.5;

bool is_rouge(MetricKind kind) {
  return kind == MetricKind::kRouge1 || kind == MetricKind::kRouge2 || kind == MetricKind::kRougeL;
}

bool is_number_correct(const AnswerPair& pair) {
  const std::optional<double> wanted =
      pair.answer_number ? pair.answer_number : last_number(pair.reference);
  const std::optional<double> seen = last_number(pair.prediction);
  return wanted && seen && *wanted == *seen;
}

double as_score(bool condition) {
  return condition ? 1.0 : 0.0;
}

}  // namespace

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  names.reserve(kMetrics.size());
  for (const MetricRow& row : kMetrics) names.emplace_back(row.name);
  return names;
}

Metric parse_metric(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string name(text.substr(0, colon));
  const auto* row = std::find_if(kMetrics.begin(), kMetrics.end(),
                                 [&name](const MetricRow& known) { return known.name == name; });
  if (row == kMetrics.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                "unknown metric: '" + name + "'" + name_hint(name, metric_names()));
  }
  Metric metric{std::string(text), row->kind, row->needs_japanese, ScoreTokenizer::kIcuWord};
  if (colon == std::string_view::npos) return metric;
  if (!is_rouge(row->kind)) {
    throw Error(ErrorCode::kInvalidArgument,
                "metric has no tokens and takes no tokenizer: '" + std::string(text) + "'");
  }
  metric.tokenizer = parse_score_tokenizer(text.substr(colon + 1));
  return metric;
}

double MetricScorer::japanese_probability(std::string_view text) const {
  return identifier_->probability(text, "ja");
}

std::string MetricScorer::blank_unless_japanese(const AnswerPair& pair) const {
  const bool keep = japanese_probability(pair.prediction) >= kJapaneseThreshold ||
                    japanese_probability(pair.reference) < kJapaneseThreshold;
  return keep ? pair.prediction : std::string();
}

RougeScore MetricScorer::rouge(const Metric& metric, std::string_view reference,
                               std::string_view prediction) const {
  const auto reference_tokens = tokenize(metric.tokenizer, segmenter_, reference);
  const auto prediction_tokens = tokenize(metric.tokenizer, segmenter_, prediction);
  const NumberedTokens tokens = number_tokens(std::span<const std::string>(reference_tokens),
                                              std::span<const std::string>(prediction_tokens));
  if (metric.kind == MetricKind::kRougeL) return rouge_l(tokens);
  return rouge_n(tokens, metric.kind == MetricKind::kRouge1 ? 1 : 2);
}

MetricScore MetricScorer::score(const Metric& metric, const AnswerPair& pair) const {
  switch (metric.kind) {
    case MetricKind::kJapaneseProbability:
      return {japanese_probability(pair.prediction), std::nullopt};
    case MetricKind::kJapaneseRate:
      return {as_score(japanese_probability(pair.prediction) >= kJapaneseThreshold), std::nullopt};
    case MetricKind::kNumberCorrect: {
      const bool language_counts =
          !metric.needs_japanese || japanese_probability(pair.prediction) > kJapaneseThreshold;
      return {as_score(is_number_correct(pair) && language_counts), std::nullopt};
    }
    default:
      break;
  }
  const std::string prediction =
      metric.needs_japanese ? blank_unless_japanese(pair) : pair.prediction;
  if (metric.kind == MetricKind::kExactMatch) {
    return {as_score(normalize_text(prediction) == normalize_text(pair.reference)), std::nullopt};
  }
  const RougeScore score = rouge(metric, pair.reference, prediction);
  return {score.f1, score};
}

}  // namespace vlm
