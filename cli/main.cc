#include <algorithm>
#include <cctype>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "core/error.h"
#include "core/nearest_name.h"
#include "core/version.h"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

// Messages may show names and values with line breaks in them.
void print_error(std::string message) {
  std::replace_if(
      message.begin(), message.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  std::fprintf(stderr, "vlm-merge: error: %s\n", message.c_str());
}

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
  app.add_option("--threads", global.num_threads, "threads to use (default: all processors)")
      ->check(CLI::Range(1, 1024));
  vlm::add_caption_command(app, global);
  vlm::add_merge_command(app, global);
  vlm::add_search_command(app, global);
  vlm::add_report_command(app, global);
  vlm::add_eval_command(app, global);
  vlm::add_compare_command(app, global);
  vlm::add_generate_command(app, global);
  vlm::add_export_command(app, global);
  vlm::add_kinship_command(app, global);
  vlm::add_inspect_command(app, global);
  vlm::add_trace_command(app, global);
  vlm::add_tokenize_command(app, global);
  vlm::add_metric_command(app, global);
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
  } catch (const CLI::ParseError& error) {
    print_error("wrong usage: " + usage_problem(app, error) + " (--help shows the options)");
    return kWrongUsage;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  vlm::catch_interrupts();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    print_error(error.what());
    return kFailed;
  }
}
