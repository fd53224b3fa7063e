#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/generation_arguments.h"
#include "cli/memory_argument.h"
#include "cli/pictures_in_line.h"
#include "cli/weights_argument.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "core/known_keys.h"
#include "core/philox.h"
#include "datasets/jsonl.h"
#include "language/chat_template.h"
#include "model/generation_config.h"
#include "model/memory_plan.h"
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
  std::optional<std::size_t> memory_bytes;
  bool chat = false;
  std::string system;
  GenerationOverrides options;
};

// One request, from the command line or a line of the input file.
struct GenerateRequest {
  std::string where;  // FILE:LINE, or the option
  std::string id;
  std::string prompt;
  std::vector<TokenId> ids;
  std::vector<std::filesystem::path> images;
  bool chat = false;
  std::string system;           // of a chat, may be empty
  GenerationOverrides options;  // of the line
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

GenerateRequest request_of_line(const JsonFields& line, const GenerateArguments& arguments,
                                std::size_t number) {
  std::vector<std::string> known = generation_override_keys();
  known.insert(known.end(), {"id", "prompt", "ids", "image", "chat", "system"});
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
    request.images = pictures_in(line, folder);
  } else {
    request.images.assign(arguments.images.begin(), arguments.images.end());
  }
  request.chat = line.boolean_or("chat", arguments.chat);
  request.system = line.text_or("system", arguments.system);
  if (line.has("system") && !request.chat) {
    throw Error(ErrorCode::kInvalidArgument,
                "a system text without a chat: " + line.where() + ": " + request.system);
  }
  if (request.chat && !request.ids.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "a chat needs a prompt: " + line.where() + ": ids");
  }
  request.options = overrides_in(line);
  return request;
}

std::vector<GenerateRequest> load_requests(const GenerateArguments& arguments) {
  if (arguments.input.empty()) {
    GenerateRequest request;
    request.where = "--prompt";
    request.id = "0";
    request.prompt = arguments.prompt;
    request.chat = arguments.chat;
    request.system = arguments.system;
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

// Requests with the same options, which are run together.
struct RequestGroup {
  GenerationOptions options;
  std::vector<std::size_t> members;
};

std::vector<RequestGroup> group_by_options(const std::vector<GenerateRequest>& requests,
                                           const GenerationOverrides& command,
                                           const GenerationOptions& defaults) {
  std::vector<RequestGroup> groups;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const GenerationOptions options = resolve(requests[i].options, command, defaults);
    auto group = std::ranges::find(groups, options, &RequestGroup::options);
    if (group == groups.end()) group = groups.insert(group, {options, {}});
    group->members.push_back(i);
  }
  return groups;
}

// Draws depend on the id of a request, not on its place.
ModelPrompt model_prompt(const GenerateRequest& request, ImageFeatureCache* images,
                         ThreadPool& pool) {
  ModelPrompt prompt{request.prompt, request.ids, {}, philox_key(0, request.id)};
  if (request.images.empty()) return prompt;
  if (images == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "a text model cannot see pictures: " + request.images.front().string());
  }
  prompt.images = images->get(request.images, pool);
  return prompt;
}

// Puts the chat template around the prompts of chats. The template writes the begin token, if there
// is to be one, so that the tokenizer adds none.
void apply_chat_template(std::vector<GenerateRequest>& requests,
                         const std::filesystem::path& directory, const Tokenizer& tokenizer) {
  if (std::ranges::none_of(requests, &GenerateRequest::chat)) return;
  const ChatTemplate chat = ChatTemplate::load(directory, tokenizer);
  for (GenerateRequest& request : requests) {
    if (!request.chat) continue;
    std::vector<ChatMessage> messages;
    if (!request.system.empty()) messages.push_back({"system", request.system});
    messages.push_back({"user", request.prompt});
    request.ids = tokenizer.encode(chat.render(messages, true), AddBos::kNo);
    if (request.ids.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "the chat template makes no text: " + request.where + ": " + request.prompt);
    }
  }
}

// What all requests are run with.
struct GenerateContext {
  const Model* model = nullptr;
  const GenerationOverrides* command = nullptr;
  GenerationOptions defaults;
  BatchOptions batch;
  std::size_t picture_bytes = 0;
  ThreadPool* pool = nullptr;
};

std::vector<Generation> generate_all(const GenerateContext& context,
                                     const std::vector<GenerateRequest>& requests) {
  const Model& model = *context.model;
  std::optional<ImageFeatureCache> images;
  if (model.sees_images()) {
    images.emplace(model.shared_parts().vision, ImagePolicy::kPillow, context.picture_bytes);
  }
  std::vector<Generation> results(requests.size());
  for (const RequestGroup& group : group_by_options(requests, *context.command, context.defaults)) {
    std::vector<ModelPrompt> prompts;
    for (const std::size_t i : group.members) {
      prompts.push_back(model_prompt(requests[i], images ? &*images : nullptr, *context.pool));
    }
    std::vector<Generation> generated =
        model.generate(prompts, group.options, context.batch, *context.pool);
    for (std::size_t k = 0; k < group.members.size(); ++k) {
      results[group.members[k]] = std::move(generated[k]);
    }
  }
  return results;
}

void require_known_ids(std::span<const TokenId> ids, std::size_t vocab_size,
                       const std::string& where) {
  for (const TokenId id : ids) {
    if (static_cast<std::size_t>(id) < vocab_size) continue;
    throw Error(ErrorCode::kInvalidArgument, "token id outside the vocabulary of " +
                                                 std::to_string(vocab_size) + ": " + where + ": " +
                                                 std::to_string(id));
  }
}

void require_known_ids(const std::vector<GenerateRequest>& requests,
                       const GenerationOverrides& command, std::size_t vocab_size) {
  if (command.eos_ids) require_known_ids(*command.eos_ids, vocab_size, "--eos");
  for (const GenerateRequest& request : requests) {
    require_known_ids(request.ids, vocab_size, request.where);
    if (!request.options.eos_ids) continue;
    require_known_ids(*request.options.eos_ids, vocab_size, request.where + ": eos");
  }
}

void print_piece(const std::string& piece) {
  std::fwrite(piece.data(), 1, piece.size(), stdout);
  std::fflush(stdout);
}

void print_json_lines(const std::vector<GenerateRequest>& requests,
                      const std::vector<Generation>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Json line{{"id", requests[i].id},
                    {"text", results[i].text},
                    {"ids", results[i].ids},
                    {"score", results[i].score}};
    std::printf("%s\n", json_line(line).c_str());
  }
}

// The text of a single prompt appears while it grows.
void run_generate(const GenerateArguments& arguments, const GlobalOptions& global) {
  std::vector<GenerateRequest> requests = load_requests(arguments);
  ThreadPool pool(global.num_threads);
  const auto checkpoint = open_model(arguments.model);
  const GenerationOptions defaults = generation_defaults(checkpoint->directory());
  const MemoryShares memory =
      memory_shares(arguments.memory_bytes, *checkpoint, arguments.weights, pool.num_threads());
  const Model model(*checkpoint, pool, arguments.weights);
  require_known_ids(requests, arguments.options, model.decoder().config().vocab_size);
  apply_chat_template(requests, checkpoint->directory(), model.tokenizer());
  const bool as_json = arguments.json || !arguments.input.empty();
  BatchOptions batch;
  batch.cache_bytes = memory.cache_bytes;
  if (!as_json) batch.on_text = [](std::size_t, const std::string& piece) { print_piece(piece); };
  const std::vector<Generation> results = generate_all(
      {&model, &arguments.options, defaults, batch, memory.picture_bytes, &pool}, requests);
  if (as_json) {
    print_json_lines(requests, results);
  } else {
    std::printf("\n");
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
  auto* chat = command->add_flag("--chat", arguments->chat,
                                 "put the model's chat template around the prompt");
  command->add_option("--system", arguments->system, "system text of the chat")->needs(chat);
  add_generation_options(*command, arguments->options);
  add_weights_option(*command, arguments->weights);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, prompt, input, &global] {
    if (prompt->empty() && input->empty()) throw CLI::RequiredError("--prompt or --input");
    run_generate(*arguments, global);
  });
}

}  // namespace vlm
