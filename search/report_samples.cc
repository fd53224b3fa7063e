#include "search/report_samples.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/error.h"
#include "datasets/registry.h"
#include "eval/task.h"
#include "search/html_text.h"
#include "search/report_picture.h"
#include "search/search_config.h"

namespace vlm {
namespace {

constexpr std::size_t kShownItems = 12;

// What one model answered, by benchmark ("ja-emoji-vqa/test") in the order of the questions.
struct ModelAnswers {
  std::string name;
  bool evolved = false;
  bool blind = false;
  std::vector<std::string> benchmarks;
  std::map<std::string, std::vector<SampleLine>> samples;
};

ModelAnswers parse_answers(const ModelRow& row, const Json& document) {
  const std::string where = "study: samples " + row.name;
  if (!document.is_string()) throw Error(ErrorCode::kCorruptFile, "expected text: " + where);
  ModelAnswers answers{row.name, row.role == ComparisonRole::kEvolved, row.blind, {}, {}};
  for (SampleLine& line : samples_from_jsonl(document.get<std::string>(), where)) {
    const std::string benchmark = line.benchmark + "/" + line.split;
    if (!answers.samples.contains(benchmark)) answers.benchmarks.push_back(benchmark);
    answers.samples[benchmark].push_back(std::move(line));
  }
  return answers;
}

// The evolved model first, then parents and controls.
std::vector<ModelAnswers> load_answers(const StudyStore& store, const ModelTable& table) {
  std::vector<ModelAnswers> models;
  for (const ComparisonRole role :
       {ComparisonRole::kEvolved, ComparisonRole::kParent, ComparisonRole::kControl}) {
    for (const ModelRow& row : table.rows) {
      if (row.role != role) continue;
      const std::optional<Json> document = store.document("samples " + row.name);
      if (document) models.push_back(parse_answers(row, *document));
    }
  }
  return models;
}

// Where the items of a test benchmark are, as the search file says: NAME/SPLIT to a reference.
std::map<std::string, std::string> test_references(const StudyStore& store) {
  std::map<std::string, std::string> references;
  const std::map<std::string, Json> attributes = store.attributes();
  const auto text = attributes.find("search_file");
  if (text == attributes.end() || !text->second.is_string()) return references;
  try {
    for (const TestColumn& test :
         parse_search_config(text->second.get<std::string>(), "search file").test) {
      references.emplace(test.column.benchmark, test.reference);
    }
  } catch (const Error&) {
    references.clear();  // of another version: the bundled data is all there is to look at
  }
  return references;
}

// The pictures of one benchmark.
class PictureSource {
 public:
  PictureSource(const std::string& benchmark, const std::string& reference,
                const std::filesystem::path& data_root) {
    try {
      const Task task = find_task(benchmark.substr(0, benchmark.find('/')));
      needs_pictures_ = task.prompt.needs_image;
      language_ = task.language;
      if (!needs_pictures_) return;
      for (BenchmarkItem& item :
           open_benchmark(parse_benchmark_reference(reference), data_root).items) {
        std::string id = item.id;
        items_.emplace(std::move(id), std::move(item));
      }
    } catch (const Error& error) {
      failure_ = error.what();
    }
  }

  [[nodiscard]] const std::string& language() const noexcept { return language_; }
  // Why the data could not be read; empty if it could.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  // The picture of a question, or a note in its place; empty if the benchmark has no pictures.
  [[nodiscard]] std::string html(const SampleRecord& sample) const {
    if (!needs_pictures_) return "";
    const auto item = items_.find(sample.id);
    if (item == items_.end() || !item->second.image) return note("picture not found");
    if (item->second.question != sample.question) return note("picture not shown: other data");
    const std::optional<std::string> uri = picture_data_uri(*item->second.image);
    if (!uri) return note("picture cannot be shown");
    return "<img alt='picture of question " + escape_html(sample.id) + "' src='" + *uri + "'>";
  }

 private:
  static std::string note(const std::string& text) {
    return element("div", text, "class='no-picture'");
  }

  bool needs_pictures_ = false;
  std::string language_;
  std::string failure_;
  std::map<std::string, BenchmarkItem> items_;
};

std::optional<double> score_of(const SampleLine& line, const std::string& metric) {
  const auto found = std::find(line.metrics.begin(), line.metrics.end(), metric);
  if (found == line.metrics.end()) return std::nullopt;
  return line.record.scores[static_cast<std::size_t>(found - line.metrics.begin())];
}

std::string score_cell(std::optional<double> score) {
  constexpr double kAllRight = 0.999;
  constexpr double kPartlyRight = 0.5;
  if (!score) return element("td", "");
  const std::string number = decimal_text(*score, 2);
  if (*score >= kAllRight) return element("td", "✓ " + number, "class='mark good'");
  if (*score >= kPartlyRight) return element("td", "≈ " + number, "class='mark partly'");
  return element("td", "✗ " + number, "class='mark bad'");
}

std::string answer_row(const ModelAnswers& model, const std::string& benchmark,
                       const std::string& id, const std::string& metric) {
  const auto samples = model.samples.find(benchmark);
  if (samples == model.samples.end()) return "";
  const auto line = std::find_if(samples->second.begin(), samples->second.end(),
                                 [&id](const SampleLine& l) { return l.record.id == id; });
  if (line == samples->second.end()) return "";
  const std::string& prediction = line->record.prediction;
  const std::string name =
      escape_html(model.name) +
      (model.blind ? "<br>" + element("small", "without the picture") : std::string());
  return element("tr",
                 element("th", name, "scope='row'") +
                     element("td", prediction.empty() ? element("i", "(no answer)")
                                                      : escape_html(prediction)) +
                     score_cell(score_of(*line, metric)),
                 model.evolved ? "class='evolved'" : "");
}

std::string metric_of(const ModelTable& table, const std::string& benchmark) {
  const auto column =
      std::find_if(table.columns.begin(), table.columns.end(),
                   [&](const BenchmarkMetric& c) { return c.benchmark == benchmark; });
  return column == table.columns.end() ? "" : column->metric;
}

std::string item_html(const SampleRecord& sample, const PictureSource& pictures,
                      const std::string& answers) {
  const std::string question = element(
      "div", element("div", escape_html(sample.id), "class='item-id'") +
                 element("p", escape_html(sample.question), "class='question'") +
                 element("p", element("small", "reference") + " " + escape_html(sample.reference),
                         "class='reference'"));
  const std::string language =
      pictures.language().empty() ? "" : " lang='" + escape_html(pictures.language()) + "'";
  return element("article",
                 element("div", pictures.html(sample) + question, "class='asked'") +
                     element("table", answers, "class='answers'"),
                 "class='item'" + language);
}

std::string benchmark_html(const std::vector<ModelAnswers>& models, const std::string& benchmark,
                           const std::string& metric, const PictureSource& pictures,
                           std::size_t count) {
  const std::vector<SampleLine>& lines = models.front().samples.at(benchmark);
  const std::vector<std::size_t> chosen = every_nth(lines.size(), count);
  std::string items;
  for (const std::size_t index : chosen) {
    const SampleRecord& sample = lines[index].record;
    std::string answers;
    for (const ModelAnswers& model : models) {
      answers += answer_row(model, benchmark, sample.id, metric);
    }
    items += item_html(sample, pictures, answers);
  }
  std::string note =
      std::to_string(chosen.size()) + " of " + std::to_string(lines.size()) + " questions";
  if (chosen.size() > 1) {
    note += ": one in " + std::to_string(chosen[1] - chosen[0]) + ", counted from the first";
  }
  if (!metric.empty()) note += "; scored by " + escape_html(metric);
  std::string html = element("h3", escape_html(benchmark)) + element("p", note, "class='note'");
  if (!pictures.failure().empty()) {
    html += element(
        "p",
        "The data could not be read, so pictures are missing: " + escape_html(pictures.failure()),
        "class='note bad'");
  }
  return html + element("div", items, "class='items'");
}

}  // namespace

std::vector<std::size_t> every_nth(std::size_t size, std::size_t count) {
  std::vector<std::size_t> chosen;
  if (size == 0 || count == 0) return chosen;
  const std::size_t step = std::max<std::size_t>(size / count, 1);
  for (std::size_t i = 0; i < size && chosen.size() < count; i += step) chosen.push_back(i);
  return chosen;
}

std::string sample_answers_html(const StudyStore& store, const ModelTable& table,
                                const std::filesystem::path& data_root) {
  const std::vector<ModelAnswers> models = load_answers(store, table);
  if (models.empty() || models.front().benchmarks.empty()) return "";
  const std::map<std::string, std::string> references = test_references(store);
  const std::vector<std::string>& benchmarks = models.front().benchmarks;
  const std::size_t count = std::max<std::size_t>(kShownItems / benchmarks.size(), 1);
  std::string html =
      element("p",
              "Nobody picked these: the page takes test questions at equal distances. "
              "<span class='good'>✓</span> full score, <span class='partly'>≈</span> at least half "
              "(common words alone may reach it), "
              "<span class='bad'>✗</span> less.",
              "class='note'");
  for (const std::string& benchmark : benchmarks) {
    const auto reference = references.find(benchmark);
    const PictureSource pictures(
        benchmark, reference == references.end() ? benchmark : reference->second, data_root);
    html += benchmark_html(models, benchmark, metric_of(table, benchmark), pictures, count);
  }
  return html;
}

}  // namespace vlm
