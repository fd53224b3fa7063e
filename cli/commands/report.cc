#include "search/report.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/data_root.h"
#include "cli/output_files.h"
#include "core/error.h"
#include "core/files.h"
#include "search/search_run.h"
#include "search/study_store.h"

namespace vlm {
namespace {

struct ReportArguments {
  std::string study;
  std::string name;
  std::string out;
};

std::string study_name(const ReportArguments& arguments, const std::filesystem::path& file) {
  if (!arguments.name.empty()) return arguments.name;
  const std::vector<std::string> names = StudyStore::study_names(file);
  if (names.empty()) {
    throw Error(ErrorCode::kNotFound, "no study in the file yet: " + file.string());
  }
  if (names.size() != 1) {
    throw Error(ErrorCode::kInvalidArgument, "the file holds " + std::to_string(names.size()) +
                                                 " studies: " + file.string() +
                                                 " (choose one with --name)");
  }
  return names.front();
}

void run_report(const ReportArguments& arguments) {
  const std::filesystem::path file = study_file_of(arguments.study);
  const std::string target = arguments.out.empty()
                                 ? std::filesystem::path(file).replace_extension(".html").string()
                                 : arguments.out;
  require_output_places({target});
  const StudyStore store = StudyStore::open(file, study_name(arguments, file));
  write_file_atomically(target, report_html(store, find_data_root()));
  tell_written(target, "report written to " + target);
}

}  // namespace

void add_report_command(CLI::App& app, const GlobalOptions&) {
  auto* command = app.add_subcommand("report", "a page about a study, in one file");
  auto arguments = std::make_shared<ReportArguments>();
  command->add_option("STUDY", arguments->study, "study file")->required();
  command->add_option("--name", arguments->name, "study, if the file holds several");
  command->add_option("-o,--out", arguments->out, "HTML file (default: beside the study)");
  command->callback([arguments] { run_report(*arguments); });
}

}  // namespace vlm
