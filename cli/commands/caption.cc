#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/data_root.h"
#include "cli/error_line.h"
#include "cli/memory_argument.h"
#include "cli/option_checks.h"
#include "cli/weights_argument.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "eval/code_points.h"
#include "eval/prompt.h"
#include "model/memory_plan.h"
#include "model/model.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct CaptionArguments {
  std::vector<std::string> images;
  std::string model;
  std::string prompt;
  std::string language = "ja";
  std::size_t beams = 1;
  std::size_t max_tokens = 128;
  bool json = false;
  WeightFormat weights = WeightFormat::kFloat32;
  std::optional<std::size_t> memory_bytes;
};

constexpr const char* kJapaneseQuestion = "何が写っていますか？";
constexpr const char* kEnglishQuestion = "Describe the picture.";

std::string question_of(const CaptionArguments& arguments) {
  if (!arguments.prompt.empty()) return arguments.prompt;
  return arguments.language == "ja" ? kJapaneseQuestion : kEnglishQuestion;
}

// The pictures that can be seen, with a line of error for each of the others.
struct SeenPictures {
  std::vector<std::string> files;
  std::vector<ImageFeatures> features;
};

SeenPictures look_at(const std::vector<std::string>& files, ImageFeatureCache& cache,
                     ThreadPool& pool) {
  SeenPictures seen;
  for (const std::string& file : files) {
    try {
      seen.features.push_back(cache.get(std::vector<std::filesystem::path>{file}, pool).front());
      seen.files.push_back(file);
    } catch (const Error& error) {
      print_error_line(error.what());
    }
  }
  return seen;
}

void print_answer(const CaptionArguments& arguments, const std::string& file,
                  const std::string& answer, const std::string& model_name) {
  if (arguments.json) {
    const Json line{{"image", file}, {"text", answer}, {"model", model_name}};
    std::printf("%s\n", json_line(line).c_str());
  } else if (arguments.images.size() == 1) {
    std::printf("%s\n", answer.c_str());
  } else {
    std::printf("%s: %s\n", file.c_str(), answer.c_str());
  }
}

void run_caption(const CaptionArguments& arguments, const GlobalOptions& global) {
  const std::string model_name =
      arguments.model.empty() ? bundled_vision_language_model().string() : arguments.model;
  ThreadPool pool(global.num_threads);
  const auto checkpoint = open_model(model_name);
  const MemoryShares memory =
      memory_shares(arguments.memory_bytes, *checkpoint, arguments.weights, pool.num_threads());
  const Model model(*checkpoint, pool, arguments.weights);
  if (!model.sees_images()) {
    throw Error(ErrorCode::kInvalidArgument, "a text model cannot see pictures: " + model_name);
  }
  ImageFeatureCache cache(model.shared_parts().vision, ImagePolicy::kViewer, memory.picture_bytes);
  const SeenPictures seen = look_at(arguments.images, cache, pool);
  const PromptTemplate& prompt = find_prompt_template(arguments.language + "-vqa");
  const std::string text = render_prompt(prompt, question_of(arguments));
  if (seen.files.empty()) throw CLI::RuntimeError();
  std::vector<ModelPrompt> prompts;
  for (const ImageFeatures& features : seen.features) prompts.push_back({text, {}, {features}});
  GenerationOptions options;
  options.max_tokens = arguments.max_tokens;
  options.num_beams = arguments.beams;
  BatchOptions batch;
  batch.cache_bytes = memory.cache_bytes;
  const std::vector<Generation> answers = model.generate(prompts, options, batch, pool);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    print_answer(arguments, seen.files[i], strip_white_space(answers[i].text), model_name);
  }
  if (seen.files.size() < arguments.images.size()) throw CLI::RuntimeError();
}

}  // namespace

void add_caption_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("caption", "say what pictures show, or answer a question");
  auto arguments = std::make_shared<CaptionArguments>();
  command->add_option("IMAGE", arguments->images, "PNG, JPEG or WebP files")->required();
  command->add_option("--model", arguments->model,
                      "directory, hub id or recipe (default: the bundled merged model)");
  command->add_option("--prompt", arguments->prompt,
                      std::string("a question about the picture (default: ") + kJapaneseQuestion +
                          " / " + kEnglishQuestion + ")");
  command->add_option("--lang", arguments->language, "language of the answer: ja or en")
      ->check(CLI::IsMember({"ja", "en"}))
      ->capture_default_str();
  whole_number(command->add_option("--beams", arguments->beams, "beams, 1 is greedy search")
                   ->capture_default_str(),
               1, kMostBeams);
  whole_number(
      command->add_option("--max-tokens", arguments->max_tokens, "length of an answer at most")
          ->capture_default_str(),
      1, kMostTokens);
  command->add_flag("--json", arguments->json, "print JSON lines");
  add_weights_option(*command, arguments->weights);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, &global] { run_caption(*arguments, global); });
}

}  // namespace vlm
