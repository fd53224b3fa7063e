#include "search/report_origin.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "search/html_text.h"

namespace vlm {
namespace {

struct PhaseTime {
  double sum_seconds = 0.0;
  std::size_t count = 0;
};

std::string phase_in_words(const std::string& phase) {
  if (phase == "merge") return "merging";
  if (phase == "evaluate") return "answering and scoring";
  return phase;
}

// Small enough for "0.05 s", where merging takes next to nothing.
std::string mean_text(double seconds) {
  return seconds < 1.0 ? decimal_text(1000.0 * seconds, 0) + " ms" : duration_text(seconds);
}

std::string number_cell(const std::string& text) {
  return element("td", text, "class='number'");
}

std::string fail_reason(const Trial& trial) {
  const auto reason = trial.attributes.find("fail_reason");
  if (reason == trial.attributes.end()) return "no reason recorded";
  return reason->second.is_string() ? reason->second.get<std::string>() : reason->second.dump();
}

}  // namespace

std::string time_html(const StudyStore& store, std::span<const Trial> trials) {
  std::map<std::string, PhaseTime> phases;
  double all_seconds = 0.0;
  for (const Trial& trial : trials) {
    for (const auto& [phase, seconds] : store.seconds(trial.id)) {
      phases[phase].sum_seconds += seconds;
      ++phases[phase].count;
      all_seconds += seconds;
    }
  }
  if (phases.empty() || all_seconds <= 0.0) return "";
  std::string rows = element("tr",
                             "<th>phase</th><th class='number'>all candidates</th>"
                             "<th class='number'>each</th><th class='number'>share</th>");
  for (const auto& [phase, time] : phases) {
    rows += element(
        "tr", element("th", escape_html(phase_in_words(phase)), "scope='row'") +
                  number_cell(duration_text(time.sum_seconds)) +
                  number_cell(mean_text(time.sum_seconds / static_cast<double>(time.count))) +
                  number_cell(decimal_text(100.0 * time.sum_seconds / all_seconds, 1) + " %"));
  }
  return element("table", rows, "class='plain'");
}

std::string failures_html(std::span<const Trial> trials) {
  std::map<std::string, std::size_t> counts;
  for (const Trial& trial : trials) {
    if (trial.state == TrialState::kFailed) ++counts[fail_reason(trial)];
  }
  std::vector<std::pair<std::string, std::size_t>> reasons(counts.begin(), counts.end());
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string rows;
  for (const auto& [reason, count] : reasons) {
    rows += element("li", std::to_string(count) + " × " + escape_html(reason));
  }
  return rows.empty() ? "" : element("ul", rows);
}

std::string identity_html(const StudyIdentity& identity) {
  std::string rows;
  for (const auto& [key, value] : identity) {
    const bool many_lines = value.find('\n') != std::string::npos;
    rows += element("tr", element("th", escape_html(key), "scope='row'") +
                              element("td", many_lines ? element("pre", escape_html(value))
                                                       : element("code", escape_html(value))));
  }
  return element("table", rows, "class='plain identity'");
}

std::string duration_text(double seconds) {
  constexpr double kMinute = 60.0;
  constexpr double kHour = 3600.0;
  if (!(seconds >= 0.0 && seconds < 1e9)) return decimal_text(seconds, 0) + " s";
  if (seconds < kMinute - 0.05) return decimal_text(seconds, 1) + " s";
  const auto whole = static_cast<std::size_t>(std::llround(seconds));
  if (seconds < kHour) {
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

}  // namespace vlm
