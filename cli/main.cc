#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/error_line.h"
#include "cli/file_signals.h"
#include "cli/interrupt.h"
#include "cli/option_checks.h"
#include "core/error.h"
#include "core/nearest_name.h"
#include "core/version.h"
#include "tensor/instruction_limit.h"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

// CLI11 says "a subcommand is required" where one is given that it does not know.
std::string usage_problem(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining();
  if (!app.get_subcommands().empty() || unknown.empty()) return error.what();
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  return "unknown command: '" + unknown.front() + "'" + vlm::name_hint(unknown.front(), commands);
}

void declare(CLI::App& app, vlm::GlobalOptions& global) {
  app.set_version_flag("--version", std::string(vlm::kVersion));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_flag("--quiet", global.quiet, "no progress on standard error");
  vlm::whole_number(
      app.add_option("--threads", global.num_threads, "threads to use (default: all processors)"),
      1, 1024);
  vlm::add_caption_command(app, global);
  vlm::add_merge_command(app, global);
  vlm::add_search_command(app, global);
  vlm::add_report_command(app, global);
  vlm::add_score_command(app, global);
  vlm::add_eval_command(app, global);
  vlm::add_compare_command(app, global);
  vlm::add_generate_command(app, global);
  vlm::add_export_command(app, global);
  vlm::add_extract_lora_command(app, global);
  vlm::add_kinship_command(app, global);
  vlm::add_inspect_command(app, global);
  vlm::add_trace_command(app, global);
  vlm::add_tokenize_command(app, global);
  vlm::add_metric_command(app, global);
  for (CLI::App* command : app.get_subcommands({})) {
    command->footer(command->get_footer() +
                    "Every command takes:\n"
                    "  --quiet                     no progress on standard error\n"
                    "  --threads N                 threads to use (default: all processors)");
  }
}

int run(int argc, char** argv) {
  vlm::GlobalOptions global;
  CLI::App app{
      "Merges language models into vision-language models, evolves the recipe, runs and scores "
      "the result.",
      "vlm-merge"};
  declare(app, global);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::RuntimeError&) {  // a command that has told what went wrong
    return kFailed;
  } catch (const CLI::ParseError& error) {
    vlm::print_error_line("wrong usage: " + usage_problem(app, error) +
                          " (--help shows the options)");
    return kWrongUsage;
  }
  return 0;
}

// What was printed may not have reached its file, because the disk is full for instance.
int flushed(int exit_code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  const std::string reason = errno == 0 ? "" : ": " + std::generic_category().message(errno);
  vlm::print_error_line("cannot write: standard output" + reason);
  return kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  vlm::limit_instruction_sets();
  vlm::catch_interrupts();
  vlm::catch_file_signals();
  try {
    return flushed(run(argc, argv));
  } catch (const std::bad_alloc&) {
    vlm::print_error_line("not enough memory");
    return kFailed;
  } catch (const std::exception& error) {
    vlm::print_error_line(error.what());
    return kFailed;
  }
}
