#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/generation_arguments.h"
#include "cli/known_keys.h"
#include "cli/weights_argument.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "datasets/jsonl.h"
#include "model/model.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct GenerateArguments {
  std::string model;
  std::string prompt;
  std::string input;
  std::vector<std::string> images;
  bool json = false;
  WeightFormat weights = WeightFormat::kFloat32;
  GenerationOptions options;
};

// One request, from the command line or a line of the input file.
struct GenerateRequest {
  std::string where;  // FILE:LINE, or the option
  std::string id;
  std::string prompt;
  std::vector<TokenId> ids;
  std::vector<std::filesystem::path> images;
  GenerationOptions options;
};

std::vector<TokenId> ids_in(const JsonFields& line) {
  std::vector<TokenId> ids;
  const Json& list = line.json().at("ids");
  const auto is_id = [](const Json& id) {
    return id.is_number_unsigned() && id.get<std::uint64_t>() <= INT32_MAX;
  };
  if (!list.is_array() || list.empty() || !std::all_of(list.begin(), list.end(), is_id)) {
    throw Error(ErrorCode::kCorruptFile, "expected a list of ids: " + line.where() + ": ids");
  }
  return list.get<std::vector<TokenId>>();
}

// `image` is a file name or a list of them.
std::vector<std::filesystem::path> images_in(const JsonFields& line,
                                             const std::filesystem::path& folder) {
  const Json& value = line.json().at("image");
  const Json list = value.is_array() ? value : Json::array({value});
  std::vector<std::filesystem::path> images;
  for (const Json& name : list) {
    if (!name.is_string()) {
      throw Error(ErrorCode::kCorruptFile, "expected file names: " + line.where() + ": image");
    }
    images.push_back(folder / name.get<std::string>());
  }
  return images;
}

GenerateRequest request_of_line(const JsonFields& line, const GenerateArguments& arguments,
                                std::size_t number) {
  std::vector<std::string> known = generation_override_keys();
  known.insert(known.end(), {"id", "prompt", "ids", "image"});
  require_known_keys(line, known);
  GenerateRequest request;
  request.where = line.where();
  request.id = line.text_or("id", std::to_string(number));
  if (line.has("ids")) {
    request.ids = ids_in(line);
  } else {
    request.prompt = line.text("prompt");
  }
  const std::filesystem::path folder = std::filesystem::path(arguments.input).parent_path();
  if (line.has("image")) {
    request.images = images_in(line, folder);
  } else {
    request.images.assign(arguments.images.begin(), arguments.images.end());
  }
  request.options = overridden(arguments.options, line);
  return request;
}

std::vector<GenerateRequest> load_requests(const GenerateArguments& arguments) {
  if (arguments.input.empty()) {
    GenerateRequest request{"--prompt", "0", arguments.prompt, {}, {}, arguments.options};
    request.images.assign(arguments.images.begin(), arguments.images.end());
    return {request};
  }
  std::vector<GenerateRequest> requests;
  for (const JsonlLine& line : read_jsonl_file(arguments.input)) {
    const JsonFields fields(line.object, line.where);
    requests.push_back(request_of_line(fields, arguments, requests.size()));
  }
  return requests;
}

// Requests with the same options are run together.
std::string options_key(const GenerationOptions& options) {
  return Json{options.max_tokens,      options.min_tokens,     options.num_beams,
              options.length_penalty,  options.early_stopping, options.repetition_penalty,
              options.no_repeat_ngram, options.eos_ids,        options.stop}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<Generation> generate_all(const Model& model,
                                     const std::vector<GenerateRequest>& requests,
                                     ThreadPool& pool) {
  std::optional<ImageFeatureCache> images;
  if (model.sees_images()) images.emplace(model.shared_parts().vision);
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    groups[options_key(requests[i].options)].push_back(i);
  }
  std::vector<Generation> results(requests.size());
  for (const auto& [key, members] : groups) {
    std::vector<ModelPrompt> prompts;
    for (const std::size_t i : members) {
      ModelPrompt& prompt =
          prompts.emplace_back(ModelPrompt{requests[i].prompt, requests[i].ids, {}});
      if (requests[i].images.empty()) continue;
      if (!images) {
        throw Error(ErrorCode::kInvalidArgument,
                    "a text model cannot see pictures: " + requests[i].images.front().string());
      }
      prompt.images = images->get(requests[i].images, pool);
    }
    std::vector<Generation> generated =
        model.generate(prompts, requests[members.front()].options, {}, pool);
    for (std::size_t k = 0; k < members.size(); ++k) results[members[k]] = std::move(generated[k]);
  }
  return results;
}

void require_known_ids(const std::vector<GenerateRequest>& requests, std::size_t vocab_size) {
  for (const GenerateRequest& request : requests) {
    for (const TokenId id : request.ids) {
      if (static_cast<std::size_t>(id) < vocab_size) continue;
      throw Error(ErrorCode::kCorruptFile, "token id outside the vocabulary of " +
                                               std::to_string(vocab_size) + ": " + request.where +
                                               ": " + std::to_string(id));
    }
  }
}

void run_generate(const GenerateArguments& arguments, const GlobalOptions& global) {
  const std::vector<GenerateRequest> requests = load_requests(arguments);
  ThreadPool pool(global.num_threads);
  const Model model(*open_model(arguments.model), pool, arguments.weights);
  require_known_ids(requests, model.decoder().config().vocab_size);
  const std::vector<Generation> results = generate_all(model, requests, pool);
  const bool as_json = arguments.json || !arguments.input.empty();
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!as_json) {
      std::printf("%s\n", results[i].text.c_str());
      continue;
    }
    const Json line{{"id", requests[i].id},
                    {"text", results[i].text},
                    {"ids", results[i].ids},
                    {"score", results[i].score}};
    std::printf("%s\n", json_line(line).c_str());
  }
}

}  // namespace

void add_generate_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("generate", "continue prompts with a model");
  auto arguments = std::make_shared<GenerateArguments>();
  command->add_option("--model", arguments->model, "directory, hub id or recipe")->required();
  auto* prompt = command->add_option("--prompt", arguments->prompt,
                                     "the prompt as the model sees it, <image> for the picture");
  auto* input = command->add_option("--input", arguments->input,
                                    "JSON lines: id, prompt or ids, image, options");
  prompt->excludes(input);
  command->add_option("--image", arguments->images, "picture for <image>, one for each of them")
      ->expected(1)
      ->take_all();
  command->add_flag("--json", arguments->json, "print JSON lines");
  add_generation_options(*command, arguments->options);
  add_weights_option(*command, arguments->weights);
  command->callback([arguments, prompt, input, &global] {
    if (prompt->empty() && input->empty()) throw CLI::RequiredError("--prompt or --input");
    run_generate(*arguments, global);
  });
}

}  // namespace vlm
