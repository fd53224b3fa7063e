#include "cli/generation_arguments.h"

#include <cstdint>

#include "cli/option_checks.h"
#include "core/error.h"

namespace vlm {
namespace {

// A value or a list of values.
std::vector<Json> values_of(const JsonFields& line, const std::string& key) {
  const Json& value = line.json().at(key);
  if (!value.is_array()) return {value};
  return {value.begin(), value.end()};
}

[[noreturn]] void fail(const JsonFields& line, const std::string& key, const char* wanted) {
  throw Error(ErrorCode::kCorruptFile, std::string("expected ") + wanted + ": " + line.where() +
                                           ": " + key + " = " + line.json().at(key).dump());
}

}  // namespace

void add_generation_options(CLI::App& command, GenerationOptions& options) {
  const auto count = [&](const char* name, std::size_t& value, const char* what) {
    return command.add_option(name, value, what)->capture_default_str();
  };
  whole_number(count("--max-tokens", options.max_tokens, "new tokens at most"), 1, kMostTokens);
  whole_number(count("--min-tokens", options.min_tokens, "new tokens at least"), 0, kMostTokens);
  whole_number(count("--beams", options.num_beams, "beams, 1 is greedy search"), 1, kMostBeams);
  command.add_option("--length-penalty", options.length_penalty, "of beam search")
      ->capture_default_str();
  command.add_flag("--early-stopping", options.early_stopping,
                   "end beam search when enough hypotheses are complete");
  command.add_option("--repetition-penalty", options.repetition_penalty, "1 is none")
      ->capture_default_str();
  whole_number(count("--no-repeat-ngram", options.no_repeat_ngram, "0 is off"), 0, kMostTokens);
  command.add_option("--eos", options.eos_ids, "ids that end a text (default: the model's)");
  command.add_option("--stop", options.stop, "texts that end the answer before them");
}

std::vector<std::string> generation_override_keys() {
  return {"max_tokens",
          "min_tokens",
          "beams",
          "length_penalty",
          "early_stopping",
          "repetition_penalty",
          "no_repeat_ngram",
          "eos",
          "stop"};
}

GenerationOptions overridden(GenerationOptions options, const JsonFields& line) {
  options.max_tokens = line.size_or("max_tokens", options.max_tokens);
  options.min_tokens = line.size_or("min_tokens", options.min_tokens);
  options.num_beams = line.size_or("beams", options.num_beams);
  options.length_penalty = line.number_or("length_penalty", options.length_penalty);
  options.early_stopping = line.boolean_or("early_stopping", options.early_stopping);
  options.repetition_penalty = line.number_or("repetition_penalty", options.repetition_penalty);
  options.no_repeat_ngram = line.size_or("no_repeat_ngram", options.no_repeat_ngram);
  if (line.has("eos")) {
    options.eos_ids.clear();
    for (const Json& id : values_of(line, "eos")) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() > INT32_MAX) fail(line, "eos", "ids");
      options.eos_ids.push_back(id.get<TokenId>());
    }
  }
  if (line.has("stop")) {
    options.stop.clear();
    for (const Json& text : values_of(line, "stop")) {
      if (!text.is_string()) fail(line, "stop", "texts");
      options.stop.push_back(text.get<std::string>());
    }
  }
  return options;
}

}  // namespace vlm
