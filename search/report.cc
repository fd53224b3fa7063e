#include "search/report.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/version.h"
#include "search/html_text.h"
#include "search/model_table.h"
#include "search/report_curve.h"
#include "search/report_genes.h"
#include "search/report_origin.h"
#include "search/report_samples.h"
#include "search/report_style.h"
#include "search/report_table.h"

namespace vlm {
namespace {

struct TrialCounts {
  std::size_t complete = 0;
  std::size_t failed = 0;
  std::size_t open = 0;
  std::string first_started;   // UTC; empty: none has
  std::string last_completed;  // likewise
};

// All a page needs of a study.
struct StudyContent {
  std::string name;
  Direction direction = Direction::kMaximize;
  StudyIdentity identity;
  std::vector<Trial> trials;
  TrialCounts counts;
  std::optional<Trial> fittest;
  std::optional<Trial> best;  // chosen at the end; the fittest unless items were held out
  std::optional<Json> summary;
  std::optional<ModelTable> table;
};

TrialCounts count_trials(const std::vector<Trial>& trials) {
  TrialCounts counts;
  for (const Trial& trial : trials) {
    const bool open = trial.state == TrialState::kWaiting || trial.state == TrialState::kRunning;
    ++(open ? counts.open : trial.state == TrialState::kComplete ? counts.complete : counts.failed);
    if (!trial.started.empty() &&
        (counts.first_started.empty() || trial.started < counts.first_started)) {
      counts.first_started = trial.started;
    }
    counts.last_completed = std::max(counts.last_completed, trial.completed);
  }
  return counts;
}

std::optional<Trial> trial_of_summary(const Json& summary, const std::vector<Trial>& trials) {
  const std::size_t number = JsonFields(summary, "study: summary").size("best_trial");
  for (const Trial& trial : trials) {
    const bool same = trial.number == static_cast<std::int64_t>(number);
    if (same && trial.state == TrialState::kComplete) return trial;
  }
  throw Error(ErrorCode::kCorruptFile,
              "best trial does not exist or is not complete: study: "
              "summary: " +
                  std::to_string(number));
}

StudyContent read_content(const StudyStore& store) {
  StudyContent content;
  content.name = store.name();
  const std::vector<Direction> directions = store.directions();
  if (!directions.empty()) content.direction = directions.front();
  content.identity = store.identity();
  content.trials = store.trials();
  content.counts = count_trials(content.trials);
  if (content.counts.complete > 0) content.fittest = store.best_trial();
  content.best = content.fittest;
  content.summary = store.document("summary");
  if (content.summary) content.best = trial_of_summary(*content.summary, content.trials);
  if (const auto table = store.document("model_table")) {
    content.table = model_table_from_json(*table, "study: model_table");
  }
  return content;
}

std::string text_document(const StudyStore& store, const std::string& name) {
  const std::optional<Json> document = store.document(name);
  if (!document) return "";
  if (!document->is_string()) {
    throw Error(ErrorCode::kCorruptFile, "expected text: study: " + name);
  }
  return document->get<std::string>();
}

std::string search_file_text(const StudyStore& store) {
  const std::map<std::string, Json> attributes = store.attributes();
  const auto found = attributes.find("search_file");
  return found != attributes.end() && found->second.is_string() ? found->second.get<std::string>()
                                                                : "";
}

std::string section(const std::string& heading, const std::string& content) {
  if (content.empty()) return "";
  return element("section", element("h2", heading) + content);
}

// "2025-01-31 10:20" of "2025-01-31 10:20:30.123456".
std::string minute_of(const std::string& time) {
  constexpr std::size_t kMinuteLength = 16;
  return time.substr(0, kMinuteLength);
}

std::string count_text(std::size_t count, const std::string& singular, const std::string& plural) {
  return std::to_string(count) + " " + (count == 1 ? singular : plural);
}

std::string when_text(const TrialCounts& counts) {
  if (counts.first_started.empty()) return "";
  const std::string first = minute_of(counts.first_started);
  std::string last = minute_of(counts.last_completed);
  if (last.empty()) return " since " + escape_html(first) + " UTC";
  if (last == first) return " at " + escape_html(first) + " UTC";
  constexpr std::size_t kDayLength = 11;  // with the space after it
  if (last.substr(0, kDayLength) == first.substr(0, kDayLength)) last.erase(0, kDayLength);
  return " from " + escape_html(first) + " to " + escape_html(last) + " UTC";
}

std::string summary_sentence(const StudyContent& content) {
  const TrialCounts& counts = content.counts;
  std::string text = "This search tried " +
                     count_text(counts.complete + counts.failed, "merge", "merges") + " (" +
                     std::to_string(counts.failed) + " failed)" + when_text(counts);
  const auto seed = content.identity.find("seed");
  if (seed != content.identity.end()) text += " with seed " + escape_html(seed->second);
  const std::string version =
      content.summary ? JsonFields(*content.summary, "study: summary").text_or("version", "") : "";
  if (!version.empty()) text += " under vlm-merge " + escape_html(version);
  if (content.best) {
    text += "; the best, trial " + std::to_string(content.best->number) + ", has fitness " +
            element("b", decimal_text(content.best->values.at(0), 4)) +
            " on the questions it was searched with";
  }
  return element("p", text + ".", "class='summary'");
}

// What a reader must know about the state of the search.
std::string state_note(const StudyContent& content) {
  if (!content.summary) {
    const std::string open =
        content.counts.open > 0
            ? count_text(content.counts.open, "trial waits or runs", "trials wait or run") + "; "
            : std::string();
    return element("p",
                   "<b>The search has not ended</b>: " + open +
                       (content.table ? std::string()
                                      : "nothing was measured on test questions "
                                        "yet. ") +
                       "The page shows what there is.",
                   "class='open'");
  }
  std::string notes;
  if (!content.table) {
    notes += element("p", "The search file names no test benchmarks, so there is no comparison.",
                     "class='open'");
  }
  if (content.best && content.fittest && content.best->id != content.fittest->id) {
    notes +=
        element("p",
                "Trial " + std::to_string(content.fittest->number) + " has a higher fitness (" +
                    decimal_text(content.fittest->values.at(0), 4) +
                    ") but did worse on the questions held out from the search.",
                "class='note'");
  }
  return notes;
}

std::string curve_section(const StudyContent& content) {
  const std::string curve = fitness_curve_svg(content.trials, content.direction);
  if (curve.empty()) return element("p", "No trial has ended yet.", "class='note'");
  const auto key = [](const std::string& mark, const std::string& text) {
    return element("span", element("svg", mark, "width='22' height='12'") + text);
  };
  const std::string failed =
      content.counts.failed == 0
          ? std::string()
          : key("<path class='failed' d='M7 2l8 8m0 -8l-8 8'/>", "failed candidate");
  const std::string legend = key("<circle class='trial' r='3.5' cx='11' cy='6'/>",
                                 curve.find("trial beyond") == std::string::npos
                                     ? "one candidate"
                                     : "one candidate (hollow: worse than the axis shows)") +
                             key("<path class='best' d='M0 6h22'/>", "best so far") +
                             key("<path class='mean' d='M0 6h22'/>", "mean of a generation") +
                             failed;
  return element("div", legend, "class='legend'") + curve;
}

std::string genes_section(const StudyContent& content) {
  if (!content.best || content.best->parameters.empty()) return "";
  return element("p",
                 "The numbers the search chose, as trial " + std::to_string(content.best->number) +
                     " has them. “rest”: embeddings, norms and output head.",
                 "class='note'") +
         gene_charts(content.best->parameters);
}

std::string preformatted(const std::string& text) {
  return text.empty() ? "" : element("pre", escape_html(text));
}

std::string page(const std::string& title, const std::string& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "img-src data:; style-src 'unsafe-inline'\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">" +
         element("title", escape_html(title)) + element("style", kReportStyle) + "</head><body>" +
         element("main", body) + "</body></html>\n";
}

}  // namespace

std::string report_html(const StudyStore& store, const std::filesystem::path& data_root) {
  const StudyContent content = read_content(store);
  std::string body = element("p", "Evolutionary model merge", "class='kind'") +
                     element("h1", escape_html(content.name)) + summary_sentence(content);
  if (content.table) body += verdict_html(*content.table);
  body += state_note(content);
  body += section("Fitness over the search", curve_section(content));
  if (content.table) {
    body += section("Results on test questions", model_table_html(*content.table));
    body += section("Sample answers", sample_answers_html(store, *content.table, data_root));
  }
  body += section("Parameters of the best candidate", genes_section(content));
  body +=
      section("Recipe of the best candidate", preformatted(text_document(store, "best_recipe")));
  body += section("Time", time_html(store, content.trials));
  body += section("Failed candidates", failures_html(content.trials));
  body += section("What the study was made with", identity_html(content.identity));
  body += section("Search file", preformatted(search_file_text(store)));
  body += element("footer", "Page made by vlm-merge " + std::string(kVersion) + ".");
  return page(content.name + " – vlm-merge report", body);
}

}  // namespace vlm
