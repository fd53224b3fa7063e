#include <cstdio>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress_line.h"
#include "core/thread_pool.h"
#include "model/gguf_export.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct ExportArguments {
  std::string model;
  std::string gguf;
  std::string type;
};

void run_export(const ExportArguments& arguments, const GlobalOptions& global) {
  const auto model = open_model(arguments.model);
  ThreadPool pool(global.num_threads);
  ProgressLine progress(global.quiet);
  GgufOptions options;
  options.type = parse_gguf_type(arguments.type);
  options.on_progress = progress.callback();
  options.stop_requested = stop_on_interrupt();
  export_gguf_text(*model, arguments.gguf, options, pool);
  progress.finish();
  std::printf("written     %s\n", arguments.gguf.c_str());
  if (model->config().is_vlm()) {
    std::printf("left out    vision tower and projector: the file holds the language model\n");
  }
}

}  // namespace

void add_export_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("export", "write a language model for llama.cpp");
  auto arguments = std::make_shared<ExportArguments>();
  command->add_option("MODEL", arguments->model, "directory, hub id or recipe")->required();
  command->add_option("--gguf", arguments->gguf, "file to write")->required();
  command
      ->add_option("--dtype", arguments->type,
                   "of matrices: f32, f16, bf16 or q8_0 (default: the embeddings' own)")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0"}));
  command->callback([arguments, &global] { run_export(*arguments, global); });
}

}  // namespace vlm
