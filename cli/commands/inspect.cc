#include "checkpoint/inspect.h"

#include <cstdio>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/text_table.h"
#include "core/json_fields.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct InspectArguments {
  std::string model;
  bool tensors = false;
  bool json = false;
};

Json tensors_json(const Checkpoint& checkpoint) {
  Json list = Json::array();
  for (const TensorInfo& info : checkpoint.tensors()) {
    list.push_back({{"name", info.name}, {"dtype", torch_name(info.dtype)}, {"shape", info.shape}});
  }
  return list;
}

void print_tensors(const Checkpoint& checkpoint) {
  TextTable table({"tensor", "dtype", "shape"});
  table.align(1, TextTable::Align::kLeft);
  for (const TensorInfo& info : checkpoint.tensors()) {
    table.add_row({info.name, std::string(torch_name(info.dtype)), to_string(info.shape)});
  }
  std::printf("\n%s", table.to_string().c_str());
}

Json summary_json(const CheckpointSummary& summary) {
  Json components = Json::array();
  for (const ComponentSummary& component : summary.components) {
    components.push_back({{"name", component.name},
                          {"tensors", component.num_tensors},
                          {"parameters", component.num_parameters},
                          {"bytes", component.size_bytes},
                          {"tensors_of_dtype", component.tensors_of_dtype}});
  }
  return {{"architecture", summary.architecture}, {"layers", summary.num_layers},
          {"hidden_size", summary.hidden_size},   {"vocabulary", summary.vocab_size},
          {"parameters", summary.num_parameters}, {"components", components}};
}

void print_summary(const CheckpointSummary& summary) {
  std::printf("%s: %zu layers, hidden size %zu, vocabulary %zu\n\n", summary.architecture.c_str(),
              summary.num_layers, summary.hidden_size, summary.vocab_size);
  TextTable table({"component", "tensors", "parameters", "MB", "dtype"});
  table.align(4, TextTable::Align::kLeft);
  for (const ComponentSummary& component : summary.components) {
    std::string dtypes;
    for (const auto& [dtype, count] : component.tensors_of_dtype) {
      dtypes += (dtypes.empty() ? "" : ", ") + dtype;
    }
    table.add_row({component.name, std::to_string(component.num_tensors),
                   std::to_string(component.num_parameters),
                   fixed(static_cast<double>(component.size_bytes) / 1e6, 1), dtypes});
  }
  std::printf("%s", table.to_string().c_str());
}

void run_inspect(const InspectArguments& arguments) {
  const auto checkpoint = open_model(arguments.model);
  const CheckpointSummary summary = summarize(*checkpoint);
  if (arguments.json) {
    Json json = summary_json(summary);
    if (arguments.tensors) json["tensors"] = tensors_json(*checkpoint);
    std::printf("%s\n", json.dump(2).c_str());
    return;
  }
  print_summary(summary);
  if (arguments.tensors) print_tensors(*checkpoint);
}

}  // namespace

void add_inspect_command(CLI::App& app, const GlobalOptions&) {
  auto* command = app.add_subcommand("inspect", "what a model is made of");
  auto arguments = std::make_shared<InspectArguments>();
  command->add_option("MODEL", arguments->model, "directory, hub id or recipe")->required();
  command->add_flag("--tensors", arguments->tensors, "list all tensors");
  command->add_flag("--json", arguments->json, "as JSON");
  command->callback([arguments] { run_inspect(*arguments); });
}

}  // namespace vlm
