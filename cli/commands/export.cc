#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/output_files.h"
#include "cli/progress_line.h"
#include "core/error.h"
#include "core/thread_pool.h"
#include "model/gguf_export.h"
#include "model/gguf_projector.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct ExportArguments {
  std::string model;
  std::string gguf;
  std::string projector;
  std::string type;
  bool allow_nan = false;
};

void require_different_files(const ExportArguments& arguments) {
  if (arguments.gguf.empty() && arguments.projector.empty()) {
    throw CLI::RequiredError("--gguf FILE or --mmproj FILE");
  }
  if (arguments.gguf.empty() || arguments.projector.empty()) return;
  const auto place = [](const std::string& file) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(file));
  };
  if (place(arguments.gguf) == place(arguments.projector)) {
    throw Error(ErrorCode::kInvalidArgument,
                "--gguf and --mmproj name the same file: " + arguments.gguf);
  }
}

void run_export(const ExportArguments& arguments, const GlobalOptions& global) {
  require_different_files(arguments);
  require_output_places({arguments.gguf, arguments.projector});
  const auto model = open_model(arguments.model);
  ThreadPool pool(global.num_threads);
  ProgressLine progress(global.quiet);
  GgufOptions options;
  options.type = parse_gguf_type(arguments.type);
  options.allow_nan = arguments.allow_nan;
  options.on_progress = progress.callback();
  options.stop_requested = stop_on_interrupt();
  if (!arguments.projector.empty()) {
    export_gguf_projector(*model, arguments.projector, options, pool);
  }
  if (!arguments.gguf.empty()) export_gguf_text(*model, arguments.gguf, options, pool);
  progress.finish();
  for (const std::string& file : {arguments.gguf, arguments.projector}) {
    if (!file.empty()) tell_written(file, "written     " + file);
  }
  if (model->config().is_vlm() && arguments.projector.empty()) {
    tell_written(arguments.gguf,
                 "left out    vision tower and projector: --mmproj FILE writes them");
  }
}

}  // namespace

void add_export_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("export", "write a model for llama.cpp");
  auto arguments = std::make_shared<ExportArguments>();
  command->add_option("MODEL", arguments->model, "directory, hub id or recipe")->required();
  command->add_option("--gguf", arguments->gguf, "file to write the language model to");
  command->add_option("--mmproj", arguments->projector,
                      "file to write vision tower and projector of a LLaVA 1.5 to");
  command
      ->add_option("--dtype", arguments->type,
                   "of matrices: f32, f16, bf16 or q8_0 (default: the embeddings' own)")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0"}));
  command->add_flag("--allow-nan", arguments->allow_nan,
                    "write weights that are infinite or not a number, instead of refusing them");
  command->callback([arguments, &global] { run_export(*arguments, global); });
}

}  // namespace vlm
