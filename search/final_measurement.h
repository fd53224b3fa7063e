#pragma once

// The end of a search: the best recipe, the models it is compared with and the test benchmarks
// become a table and a model on the disk.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "merge/model_pool.h"
#include "search/model_table.h"
#include "search/search_config.h"

namespace vlm {

struct MeasurementOptions {
  std::filesystem::path data_root;
  ProgressCallback progress;
  StopRequested stop_requested;
};

// The model, or the merge as planned; reads headers only. Throws what opening or planning throws.
std::shared_ptr<const Checkpoint> open_compared(const SearchConfig& config,
                                                const ComparedModel& compared, ModelPool& models);

// Measures every compared model of the search file and, last, the evolved recipe on the test
// benchmarks. Text models answer questions about pictures blind. Throws what loading and running
// models throws, Error{kInterrupted} after a stop request.
std::vector<MeasuredModel> measure_models(const SearchConfig& config,
                                          const std::string& evolved_recipe,
                                          const MeasurementOptions& options, ThreadPool& pool);

// Writes the merge of `recipe` with its recipe and `study.json` (the summary) to a new directory.
// Throws as merge_to_disk().
void write_evolved_model(const SearchConfig& config, const std::string& recipe, const Json& summary,
                         const std::filesystem::path& target, const MeasurementOptions& options,
                         ThreadPool& pool);

}  // namespace vlm
