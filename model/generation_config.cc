#include "model/generation_config.h"

#include <array>
#include <span>
#include <string>

#include "core/error.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

// hf: GenerationConfig: what holds for a file that samples and does not say so.
constexpr std::size_t kTopKOfSampling = 50;

// A text or a list of them.
void read_stop_strings(const JsonFields& fields, GenerationOptions& options) {
  constexpr const char* kKey = "stop_strings";
  if (!fields.has(kKey)) return;
  const Json& value = fields.json().at(kKey);
  const Json list = json_list(value);
  for (const Json& text : list) {
    if (!text.is_string() || text.get<std::string>().empty()) {
      throw Error(ErrorCode::kCorruptFile,
                  "expected texts: " + fields.where() + ": stop_strings = " + json_line(value));
    }
    options.stop.push_back(text.get<std::string>());
  }
}

struct OtherKey {
  const char* name = nullptr;
  double neutral = 0.0;  // the number with which it changes nothing, as null, false, [] and {} do
};

// hf: keys of GenerationConfig, of versions 4 and 5, that would change an answer.
constexpr std::array<OtherKey, 21> kOtherKeys{{{"begin_suppress_tokens"},
                                               {"bad_words_ids"},
                                               {"constraints"},
                                               {"diversity_penalty"},
                                               {"dola_layers"},
                                               {"encoder_no_repeat_ngram_size"},
                                               {"encoder_repetition_penalty", 1.0},
                                               {"exponential_decay_length_penalty"},
                                               {"force_words_ids"},
                                               {"forced_bos_token_id", -1.0},
                                               {"forced_eos_token_id", -1.0},
                                               {"guidance_scale", 1.0},
                                               {"max_time", -1.0},
                                               {"num_beam_groups", 1.0},
                                               {"penalty_alpha"},
                                               {"remove_invalid_values"},
                                               {"renormalize_logits"},
                                               {"sequence_bias"},
                                               {"suppress_tokens"},
                                               {"token_healing"},
                                               {"watermarking_config"}}};
// Those that change what is drawn, so only with `do_sample`.
constexpr std::array<OtherKey, 4> kOtherKeysOfSampling{
    {{"epsilon_cutoff"}, {"eta_cutoff"}, {"top_h", 1.0}, {"typical_p", 1.0}}};

void refuse_other_keys(const JsonFields& fields, std::span<const OtherKey> keys) {
  for (const OtherKey& key : keys) {
    if (!fields.has(key.name)) continue;
    const Json& value = fields.json().at(key.name);
    const bool is_neutral =
        value.is_number()
            ? value.get<double>() == key.neutral
            : value == false || (!value.is_string() && !value.is_boolean() && value.empty());
    if (is_neutral) continue;
    throw Error(ErrorCode::kUnsupported, "not supported: " + fields.where() + ": " + key.name +
                                             " = " + json_line(value) +
                                             " (without this key the answers are others)");
  }
}

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
  refuse_other_keys(fields, kOtherKeysOfSampling);
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
  if (fields.has("early_stopping")) {
    options.early_stopping = read_early_stopping(fields, "early_stopping");
  }
  options.repetition_penalty = fields.number_or("repetition_penalty", options.repetition_penalty);
  options.no_repeat_ngram = fields.size_or("no_repeat_ngram_size", options.no_repeat_ngram);
  read_sampling(fields, options);
  read_stop_strings(fields, options);
  refuse_other_keys(fields, kOtherKeys);
  return options;
}

}  // namespace vlm
