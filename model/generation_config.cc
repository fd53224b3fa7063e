#include "model/generation_config.h"

#include <string>

#include "core/error.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

// hf: GenerationConfig: what holds for a file that samples and does not say so.
constexpr std::size_t kTopKOfSampling = 50;

void read_sampling(const JsonFields& fields, GenerationOptions& options) {
  if (!fields.boolean_or("do_sample", false)) return;
  options.temperature = fields.number_or("temperature", 1.0);
  if (options.temperature <= 0.0) {
    throw Error(ErrorCode::kCorruptFile, "sampling needs a temperature above 0: " + fields.where() +
                                             ": " + std::to_string(options.temperature));
  }
  options.top_k = fields.size_or("top_k", kTopKOfSampling);
  options.top_p = fields.number_or("top_p", options.top_p);
  options.min_p = fields.number_or("min_p", options.min_p);
}

bool read_early_stopping(const JsonFields& fields) {
  if (fields.has("early_stopping") && fields.json().at("early_stopping") == "never") {
    throw Error(ErrorCode::kUnsupported,
                "only true and false: " + fields.where() + ": early_stopping = never");
  }
  return fields.boolean_or("early_stopping", false);
}

}  // namespace

GenerationOptions generation_defaults(const std::filesystem::path& model_directory) {
  const std::filesystem::path file = model_directory / "generation_config.json";
  GenerationOptions options;
  if (!std::filesystem::exists(file)) return options;
  const Json json = read_json_file(file);
  const JsonFields fields(json, file.string());
  options.max_tokens = fields.size_or("max_new_tokens", options.max_tokens);
  options.min_tokens = fields.size_or("min_new_tokens", options.min_tokens);
  options.num_beams = fields.size_or("num_beams", options.num_beams);
  options.length_penalty = fields.number_or("length_penalty", options.length_penalty);
  options.early_stopping = read_early_stopping(fields);
  options.repetition_penalty = fields.number_or("repetition_penalty", options.repetition_penalty);
  options.no_repeat_ngram = fields.size_or("no_repeat_ngram_size", options.no_repeat_ngram);
  read_sampling(fields, options);
  return options;
}

}  // namespace vlm
