#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/memory_argument.h"
#include "cli/pictures_in_line.h"
#include "cli/text_table.h"
#include "cli/weights_argument.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "core/known_keys.h"
#include "datasets/jsonl.h"
#include "model/memory_plan.h"
#include "model/model.h"
#include "model/scoring.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct ScoreArguments {
  std::string model;
  std::string input;
  bool json = false;
  WeightFormat weights = WeightFormat::kFloat32;
  std::optional<std::size_t> memory_bytes;
};

// A line of the input file: a text, or a prompt with continuations.
struct ScoreLine {
  std::string id;
  std::string where;
  std::string text;
  std::optional<std::vector<std::string>> continuations;
  std::vector<std::filesystem::path> images;
};

std::vector<std::string> continuations_of(const JsonFields& line) {
  const Json& list = line.json().at("continuations");
  const auto is_text = [](const Json& value) { return value.is_string(); };
  if (!list.is_array() || list.empty() || !std::all_of(list.begin(), list.end(), is_text)) {
    throw Error(ErrorCode::kCorruptFile,
                "expected a list of texts: " + line.where() + ": continuations");
  }
  return list.get<std::vector<std::string>>();
}

ScoreLine parse_line(const JsonFields& fields, const std::filesystem::path& folder,
                     std::size_t number) {
  ScoreLine line{fields.text_or("id", std::to_string(number)), fields.where(), "", {}, {}};
  if (fields.has("continuations")) {
    require_known_keys(fields, std::vector<std::string>{"id", "prompt", "continuations", "image"});
    line.text = fields.text("prompt");
    line.continuations = continuations_of(fields);
  } else {
    require_known_keys(fields, std::vector<std::string>{"id", "text", "image"});
    line.text = fields.text("text");
  }
  line.images = pictures_in(fields, folder);
  return line;
}

std::vector<ScoreLine> read_lines(const std::filesystem::path& file) {
  std::vector<ScoreLine> lines;
  for (const JsonlLine& line : read_jsonl_file(file)) {
    const JsonFields fields(line.object, line.where);
    lines.push_back(parse_line(fields, file.parent_path(), lines.size()));
  }
  return lines;
}

using Scores = std::vector<std::vector<ContinuationScore>>;

// Errors name the line of the file, which the libraries do not know.
ScoringRequest request_of(const Model& model, const ScoreLine& line, const ModelPrompt& prompt) {
  try {
    return line.continuations ? choice_request(model, prompt, *line.continuations)
                              : text_request(model, prompt);
  } catch (const Error& error) {
    throw Error(error.code(), line.where + ": " + error.what());
  }
}

std::vector<ScoringRequest> requests_of(const Model& model, std::span<const ScoreLine> lines,
                                        std::span<const ModelPrompt> prompts) {
  std::vector<ScoringRequest> requests;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    requests.push_back(request_of(model, lines[i], prompts[i]));
  }
  return requests;
}

// With the pictures' features, which the prompts own.
std::vector<ModelPrompt> prompts_of(std::span<const ScoreLine> lines, ImageFeatureCache* images,
                                    ThreadPool& pool) {
  std::vector<ModelPrompt> prompts;
  for (const ScoreLine& line : lines) {
    ModelPrompt& prompt = prompts.emplace_back(ModelPrompt{line.text, {}, {}});
    if (line.images.empty()) continue;
    if (images == nullptr) {
      throw Error(ErrorCode::kInvalidArgument,
                  "a text model cannot see pictures: " + line.images.front().string());
    }
    prompt.images = images->get(line.images, pool);
  }
  return prompts;
}

// How many of the first lines have at most so many pictures; at least one.
std::size_t lines_with(std::span<const ScoreLine> lines, std::size_t most_pictures) {
  std::size_t pictures = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    pictures += lines[i].images.size();
    if (pictures > most_pictures) return std::max<std::size_t>(i, 1);
  }
  return lines.size();
}

// As many lines at a time as their pictures' features may be held.
Scores score_lines(const Model& model, std::span<const ScoreLine> lines, const MemoryShares& memory,
                   ThreadPool& pool) {
  std::optional<ImageFeatureCache> images;
  if (model.sees_images()) {
    images.emplace(model.shared_parts().vision, ImagePolicy::kPillow, memory.picture_bytes);
  }
  Scores scores;
  while (!lines.empty()) {
    const auto part =
        lines.first(images ? lines_with(lines, images->pictures_at_a_time()) : lines.size());
    lines = lines.subspan(part.size());
    const std::vector<ModelPrompt> prompts = prompts_of(part, images ? &*images : nullptr, pool);
    std::ranges::move(score_continuations(model.decoder(), requests_of(model, part, prompts), pool,
                                          memory.cache_bytes),
                      std::back_inserter(scores));
  }
  return scores;
}

Json json_of(const ScoreLine& line, const std::vector<ContinuationScore>& scores) {
  if (!line.continuations) {
    return {{"id", line.id},
            {"nll", -scores[0].log_likelihood},
            {"tokens", scores[0].num_tokens},
            {"is_greedy", scores[0].is_greedy}};
  }
  Json list = Json::array();
  for (const ContinuationScore& score : scores) {
    list.push_back({{"log_likelihood", score.log_likelihood},
                    {"tokens", score.num_tokens},
                    {"is_greedy", score.is_greedy}});
  }
  return {{"id", line.id}, {"scores", list}};
}

void print_table(const std::vector<ScoreLine>& lines, const Scores& scores) {
  TextTable table({"id", "continuation", "log-likelihood", "tokens", "greedy"});
  table.align(1, TextTable::Align::kLeft);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (std::size_t k = 0; k < scores[i].size(); ++k) {
      const std::string name =
          lines[i].continuations ? json_line((*lines[i].continuations)[k]) : "(text)";
      table.add_row({lines[i].id, name, fixed(scores[i][k].log_likelihood, 4),
                     std::to_string(scores[i][k].num_tokens),
                     scores[i][k].is_greedy ? "yes" : "no"});
    }
  }
  std::printf("%s", table.to_string().c_str());
}

void run_score(const ScoreArguments& arguments, const GlobalOptions& global) {
  const std::vector<ScoreLine> lines = read_lines(arguments.input);
  if (lines.empty()) throw Error(ErrorCode::kCorruptFile, "no lines: " + arguments.input);
  ThreadPool pool(global.num_threads);
  const auto checkpoint = open_model(arguments.model);
  const MemoryShares memory =
      memory_shares(arguments.memory_bytes, *checkpoint, arguments.weights, pool.num_threads());
  const Model model(*checkpoint, pool, arguments.weights);
  const Scores scores = score_lines(model, lines, memory, pool);
  if (!arguments.json) return print_table(lines, scores);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::printf("%s\n", json_line(json_of(lines[i], scores[i])).c_str());
  }
}

}  // namespace

void add_score_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("score", "tell how likely a model finds given texts");
  auto arguments = std::make_shared<ScoreArguments>();
  command->add_option("--model", arguments->model, "directory, hub id or recipe")->required();
  command
      ->add_option("--input", arguments->input,
                   "JSON lines: prompt and continuations, or text; id, image")
      ->required();
  command->add_flag("--json", arguments->json, "print JSON lines");
  add_weights_option(*command, arguments->weights);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, &global] { run_score(*arguments, global); });
}

}  // namespace vlm
