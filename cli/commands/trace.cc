#include "model/trace.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/safetensors_writer.h"
#include "cli/commands.h"
#include "cli/memory_argument.h"
#include "cli/output_files.h"
#include "cli/trace_pictures.h"
#include "cli/weights_argument.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "core/known_keys.h"
#include "model/memory_plan.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct TraceArguments {
  std::string model;
  std::string input;
  std::string out;
  WeightFormat weights = WeightFormat::kFloat32;
  std::optional<std::size_t> memory_bytes;
};

std::vector<TokenId> ids_of(const JsonFields& input) {
  const Json& list = input.json().at("ids");
  const auto is_id = [](const Json& value) {
    return value.is_number_integer() && value >= 0 && value <= INT32_MAX;
  };
  if (!list.is_array() || list.empty() || !std::all_of(list.begin(), list.end(), is_id)) {
    throw Error(ErrorCode::kCorruptFile, "expected at least one id: " + input.where() + ": ids");
  }
  return list.get<std::vector<TokenId>>();
}

TraceRequest read_request(const JsonFields& input, const Model& model,
                          const std::filesystem::path& folder, ThreadPool& pool) {
  require_known_keys(
      input, std::vector<std::string>{"ids", "prompt", "images", "pixel_values", "image_sizes",
                                      "layers_path", "layers_scale", "layers_scale_of"});
  TraceRequest request;
  if (input.has("ids")) {
    request.prompt.ids = ids_of(input);
  } else {
    request.prompt.text = input.text("prompt");
  }
  const bool has_pictures = input.has("images") || input.has("pixel_values");
  if (has_pictures && !model.sees_images()) {
    throw Error(ErrorCode::kInvalidArgument, "a text model cannot see pictures: " + input.where());
  }
  if (has_pictures) {
    request.pictures = read_trace_pictures(input, *model.shared_parts().vision, folder, pool);
  }
  request.layer_path = parse_layer_path(input, {"layers_path", "layers_scale", "layers_scale_of"});
  return request;
}

void write_trace(const Trace& trace, const std::filesystem::path& file) {
  const std::vector<std::int64_t> ids(trace.input_ids.begin(), trace.input_ids.end());
  std::vector<NamedTensor> tensors{
      {"input_ids", {DType::kI64, {ids.size()}, std::as_bytes(std::span(ids))}}};
  for (const TraceTensor& tensor : trace.tensors) {
    tensors.push_back(
        {tensor.name, {DType::kF32, tensor.shape, std::as_bytes(tensor.values.values())}});
  }
  write_safetensors(file, tensors);
}

void run_trace(const TraceArguments& arguments, const GlobalOptions& global) {
  require_output_places({arguments.out});
  const Json json = read_json_file(arguments.input);
  const JsonFields input(json, arguments.input);
  ThreadPool pool(global.num_threads);
  const auto checkpoint = open_model(arguments.model);
  const MemoryShares memory =
      memory_shares(arguments.memory_bytes, *checkpoint, arguments.weights, pool.num_threads());
  const Model model(*checkpoint, pool, arguments.weights);
  const std::filesystem::path folder = std::filesystem::path(arguments.input).parent_path();
  TraceRequest request = read_request(input, model, folder, pool);
  request.memory_bytes = memory.cache_bytes;
  const Trace trace = trace_forward(model, std::move(request), pool);
  write_trace(trace, arguments.out);
  tell_written(arguments.out, std::to_string(trace.input_ids.size()) + " tokens, " +
                                  std::to_string(trace.tensors.size() + 1) +
                                  " tensors written to " + arguments.out);
}

}  // namespace

void add_trace_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("trace", "write every intermediate of one forward pass");
  auto arguments = std::make_shared<TraceArguments>();
  command->add_option("--model", arguments->model, "directory, hub id or recipe")->required();
  command
      ->add_option("--input", arguments->input,
                   "JSON: prompt or ids, images or pixel_values and image_sizes, layers_path, "
                   "layers_scale, layers_scale_of")
      ->required();
  command->add_option("--out", arguments->out, "safetensors file to write")->required();
  add_weights_option(*command, arguments->weights);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, &global] { run_trace(*arguments, global); });
}

}  // namespace vlm
