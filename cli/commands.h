#pragma once

// The commands of the program. Each add_..._command() declares its options and what to run.

#include <cstddef>

#include <CLI/CLI.hpp>

namespace vlm {

// Options that every command understands.
struct GlobalOptions {
  bool quiet = false;           // no progress
  std::size_t num_threads = 0;  // 0: all processors
};

void add_merge_command(CLI::App& app, const GlobalOptions& global);
void add_search_command(CLI::App& app, const GlobalOptions& global);
void add_caption_command(CLI::App& app, const GlobalOptions& global);
void add_generate_command(CLI::App& app, const GlobalOptions& global);
void add_score_command(CLI::App& app, const GlobalOptions& global);
void add_eval_command(CLI::App& app, const GlobalOptions& global);
void add_compare_command(CLI::App& app, const GlobalOptions& global);
void add_export_command(CLI::App& app, const GlobalOptions& global);
void add_extract_lora_command(CLI::App& app, const GlobalOptions& global);
void add_kinship_command(CLI::App& app, const GlobalOptions& global);
void add_inspect_command(CLI::App& app, const GlobalOptions& global);
void add_trace_command(CLI::App& app, const GlobalOptions& global);
void add_tokenize_command(CLI::App& app, const GlobalOptions& global);
void add_metric_command(CLI::App& app, const GlobalOptions& global);
void add_report_command(CLI::App& app, const GlobalOptions& global);

}  // namespace vlm
