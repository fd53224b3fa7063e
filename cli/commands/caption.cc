#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/data_root.h"
#include "cli/weights_argument.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "eval/code_points.h"
#include "eval/prompt.h"
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
};

std::string question_of(const CaptionArguments& arguments) {
  if (!arguments.prompt.empty()) return arguments.prompt;
  return arguments.language == "ja" ? "この画像について説明してください。"
                                    : "Describe the picture.";
}

void run_caption(const CaptionArguments& arguments, const GlobalOptions& global) {
  const std::string model_name =
      arguments.model.empty() ? bundled_vision_language_model().string() : arguments.model;
  ThreadPool pool(global.num_threads);
  const Model model(*open_model(model_name), pool, arguments.weights);
  if (!model.sees_images()) {
    throw Error(ErrorCode::kInvalidArgument, "a text model cannot see pictures: " + model_name);
  }
  ImageFeatureCache images(model.shared_parts().vision, ImagePolicy::kViewer);
  const PromptTemplate& prompt = find_prompt_template(arguments.language + "-vqa");
  const std::string text = render_prompt(prompt, question_of(arguments));
  const std::vector<std::filesystem::path> files(arguments.images.begin(), arguments.images.end());
  std::vector<ModelPrompt> prompts;
  for (ImageFeatures& features : images.get(files, pool)) {
    prompts.push_back({text, {}, {std::move(features)}});
  }
  GenerationOptions options;
  options.max_tokens = arguments.max_tokens;
  options.num_beams = arguments.beams;
  const std::vector<Generation> answers = model.generate(prompts, options, {}, pool);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string answer = strip_white_space(answers[i].text);
    if (arguments.json) {
      const Json line{{"image", arguments.images[i]}, {"text", answer}, {"model", model_name}};
      std::printf("%s\n", json_line(line).c_str());
    } else if (answers.size() == 1) {
      std::printf("%s\n", answer.c_str());
    } else {
      std::printf("%s: %s\n", arguments.images[i].c_str(), answer.c_str());
    }
  }
}

}  // namespace

void add_caption_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("caption", "say what pictures show, or answer a question");
  auto arguments = std::make_shared<CaptionArguments>();
  command->add_option("IMAGE", arguments->images, "PNG, JPEG or WebP files")->required();
  command->add_option("--model", arguments->model,
                      "directory, hub id or recipe (default: the bundled merged model)");
  command->add_option("--prompt", arguments->prompt, "a question about the picture");
  command->add_option("--lang", arguments->language, "ja (default) or en")
      ->check(CLI::IsMember({"ja", "en"}));
  command->add_option("--beams", arguments->beams, "beams, 1 (default) is greedy search");
  command->add_option("--max-tokens", arguments->max_tokens, "length of an answer at most");
  command->add_flag("--json", arguments->json, "print JSON lines");
  add_weights_option(*command, arguments->weights);
  command->callback([arguments, &global] { run_caption(*arguments, global); });
}

}  // namespace vlm
