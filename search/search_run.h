#pragma once

// The loop of a search: ask, merge, evaluate, record, tell. Everything is in the study store before
// the next step, so a run that dies at any moment continues with `resume` to the same result.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/progress.h"
#include "evolve/optimizer.h"
#include "search/search_config.h"
#include "search/study_records.h"

namespace vlm {

struct SearchOptions {
  std::filesystem::path study_file;
  std::filesystem::path data_root;  // holds datasets/
  bool resume = false;              // continue the study if there is one
  std::size_t num_threads = 0;      // 0: all processors
  std::size_t workers = 1;          // candidates evaluated at a time, if config.memory_bytes holds
                                    // so many; the threads are shared out
  ProgressCallback progress;
  StopRequested stop_requested;
};

struct SearchOutcome {
  std::size_t trials_done = 0;
  std::size_t trials_failed = 0;
  std::size_t workers = 1;                  // that evaluated candidates in this run
  std::optional<StopReason> stopped_early;  // the optimiser had nothing left to find
  Trial best;                               // by fitness, or by all items if some were held out
  std::string best_recipe;                  // YAML text
  std::set<std::string> versions;           // of the program, that evaluated the trials
  double seconds_merging = 0.0;             // of all trials
  double seconds_evaluating = 0.0;
};

// Runs or continues the search. The result depends on the files, the config and its seed alone, not
// on threads, workers or interruptions.
// Throws Error{kExists} for a study that exists without `resume`, Error{kInvalidArgument} for one
// made with other data, models or settings (the difference is named), Error{kIo} for one that
// another process searches at the moment, Error{kInterrupted} after a
// stop request, and what loading models and data throws. A candidate that fails is recorded with
// the reason and ranks last.
SearchOutcome run_search(const SearchConfig& config, const SearchOptions& options);

// Where a study is stored: a path, or sqlite:///PATH. Throws Error{kUnsupported} for other URLs.
std::filesystem::path study_file_of(const std::string& url);

}  // namespace vlm
