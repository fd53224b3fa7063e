#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/kinship_plot.h"
#include "cli/output_files.h"
#include "cli/progress_line.h"
#include "cli/text_table.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "core/thread_pool.h"
#include "merge/kinship_report.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct KinshipArguments {
  std::vector<std::string> models;
  std::string base;
  std::string plot;
  bool json = false;
};

Json number_or_null(std::optional<double> value) {
  return value ? Json(*value) : Json();
}

std::string number_or_dash(std::optional<double> value) {
  return value ? fixed(*value, 4) : "-";
}

Json similarity_json(const Similarity& similarity, std::size_t num_elements) {
  return {{"pcc", number_or_null(similarity.pcc)},
          {"cosine", number_or_null(similarity.cosine)},
          {"euclid", similarity.euclid},
          {"norm_a", similarity.norm_a},
          {"norm_b", similarity.norm_b},
          {"norm_ratio", number_or_null(similarity.norm_ratio)},
          {"elements", num_elements}};
}

Json mean_json(const MeanSimilarity& mean) {
  return {{"pcc", number_or_null(mean.pcc)},
          {"cosine", number_or_null(mean.cosine)},
          {"euclid", number_or_null(mean.euclid)}};
}

Json groups_json(const std::vector<NamedSimilarity>& groups) {
  Json by_name = Json::object();
  for (const NamedSimilarity& group : groups) {
    by_name[group.name] = similarity_json(group.similarity, group.num_elements);
  }
  return by_name;
}

Json pair_json(const PairKinship& pair, const std::vector<std::string>& models) {
  return {{"a", models[pair.a]},
          {"b", models[pair.b]},
          {"global", similarity_json(pair.global, pair.num_elements)},
          {"numel_weighted_mean_of_tensors", mean_json(pair.mean_of_tensors)},
          {"per_kind", groups_json(pair.kinds)},
          {"per_layer", groups_json(pair.layers)},
          {"per_tensor", groups_json(pair.tensors)}};
}

Json report_json(const KinshipReport& report, const Kinship& kinship,
                 const KinshipArguments& arguments) {
  Json models = Json::array();
  for (std::size_t i = 0; i < arguments.models.size(); ++i) {
    models.push_back({{"name", arguments.models[i]},
                      {"norm", report.norms[i]},
                      {"predicted", static_cast<bool>(kinship.is_predicted[i])}});
  }
  Json pairs = Json::array();
  for (const PairKinship& pair : report.pairs) pairs.push_back(pair_json(pair, arguments.models));
  return {{"base", arguments.base},
          {"base_norm", report.base_norm},
          {"models", models},
          {"pairs", pairs},
          {"group_mean", mean_json(report.mean_of_pairs)},
          {"warnings", kinship.warnings}};
}

std::vector<std::string> similarity_cells(const Similarity& similarity) {
  return {number_or_dash(similarity.pcc), number_or_dash(similarity.cosine),
          fixed(similarity.euclid, 4), number_or_dash(similarity.norm_ratio)};
}

using Groups = std::vector<NamedSimilarity> PairKinship::*;

void print_groups(const char* heading, Groups groups, const KinshipReport& report,
                  const std::vector<std::string>& models) {
  TextTable table({"a", "b", heading, "pcc", "cosine", "euclid", "|a|/|b|"});
  table.align(1, TextTable::Align::kLeft);
  table.align(2, TextTable::Align::kLeft);
  for (const PairKinship& pair : report.pairs) {
    for (const NamedSimilarity& group : pair.*groups) {
      std::vector<std::string> row{models[pair.a], models[pair.b], group.name};
      for (std::string& each : similarity_cells(group.similarity)) row.push_back(std::move(each));
      table.add_row(std::move(row));
    }
  }
  std::printf("\n%s", table.to_string().c_str());
}

void print_models(const KinshipReport& report, const Kinship& kinship,
                  const std::vector<std::string>& models) {
  TextTable table({"model", "|delta|", "|delta|/|base|", "from"});
  table.align(3, TextTable::Align::kLeft);
  for (std::size_t i = 0; i < models.size(); ++i) {
    const double norm = report.norms[i];
    table.add_row({models[i], fixed(norm, 4),
                   report.base_norm > 0 ? fixed(norm / report.base_norm, 4) : "-",
                   kinship.is_predicted[i] ? "its inputs" : "its weights"});
  }
  std::printf("\n%s", table.to_string().c_str());
}

void print_report(const KinshipReport& report, const Kinship& kinship,
                  const KinshipArguments& arguments) {
  std::printf("base: %s\n", arguments.base.c_str());
  for (const std::string& warning : kinship.warnings) {
    std::printf("warning: %s\n", warning.c_str());
  }
  print_models(report, kinship, arguments.models);
  if (report.pairs.empty()) return;
  TextTable table({"a", "b", "pcc", "cosine", "euclid", "|a|/|b|"});
  table.align(1, TextTable::Align::kLeft);
  for (const PairKinship& pair : report.pairs) {
    std::vector<std::string> row{arguments.models[pair.a], arguments.models[pair.b]};
    for (std::string& each : similarity_cells(pair.global)) row.push_back(std::move(each));
    table.add_row(std::move(row));
  }
  if (report.pairs.size() > 1) {
    const MeanSimilarity& mean = report.mean_of_pairs;
    table.add_row({"mean of pairs", "", number_or_dash(mean.pcc), number_or_dash(mean.cosine),
                   number_or_dash(mean.euclid), ""});
  }
  std::printf("\n%s", table.to_string().c_str());
  print_groups("kind", &PairKinship::kinds, report, arguments.models);
  print_groups("layer", &PairKinship::layers, report, arguments.models);
}

Kinship measure(const KinshipArguments& arguments, const GlobalOptions& global) {
  const KinshipModel base{arguments.base, open_model(arguments.base)};
  std::vector<KinshipModel> models;
  for (const std::string& model : arguments.models) models.push_back({model, open_model(model)});
  ThreadPool pool(global.num_threads);
  ProgressLine progress(global.quiet);
  Kinship kinship = measure_kinship(base, models, {progress.callback(), stop_on_interrupt()}, pool);
  progress.finish();
  return kinship;
}

void run_kinship(const KinshipArguments& arguments, const GlobalOptions& global) {
  require_output_places({arguments.plot});
  const Kinship kinship = measure(arguments, global);
  const KinshipReport report = report_kinship(kinship);
  if (!arguments.plot.empty()) {
    write_file_atomically(arguments.plot, kinship_svg(report, arguments.base, arguments.models));
    if (is_standard_output(arguments.plot)) return;
  }
  if (arguments.json) {
    std::printf("%s\n", report_json(report, kinship, arguments).dump(2).c_str());
  } else {
    print_report(report, kinship, arguments);
  }
}

}  // namespace

void add_kinship_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("kinship", "how related models of one base are");
  auto arguments = std::make_shared<KinshipArguments>();
  command->add_option("MODEL", arguments->models, "directories, hub ids or recipes")->required();
  command->add_option("--base", arguments->base, "model they were made from")->required();
  command->add_option("--plot", arguments->plot, "SVG file to write: a heat map");
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments, &global] { run_kinship(*arguments, global); });
}

}  // namespace vlm
