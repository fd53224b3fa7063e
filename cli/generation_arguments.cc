#include "cli/generation_arguments.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "cli/option_checks.h"
#include "core/error.h"

namespace vlm {
namespace {

// Calls visit(key, member of GenerationOverrides, member of GenerationOptions, help) for each
// option.
template <typename Visit>
void for_each_option(Visit visit) {
  using In = GenerationOverrides;
  using Out = GenerationOptions;
  visit("max_tokens", &In::max_tokens, &Out::max_tokens, "new tokens at most");
  visit("min_tokens", &In::min_tokens, &Out::min_tokens, "new tokens at least");
  visit("beams", &In::num_beams, &Out::num_beams, "beams, 1 is no beam search");
  visit("length_penalty", &In::length_penalty, &Out::length_penalty, "of beam search");
  visit("early_stopping", &In::early_stopping, &Out::early_stopping,
        "end beam search when enough hypotheses are complete; 'never': when none can be better");
  visit("repetition_penalty", &In::repetition_penalty, &Out::repetition_penalty, "1 is none");
  visit("no_repeat_ngram", &In::no_repeat_ngram, &Out::no_repeat_ngram, "0 is off");
  visit("temperature", &In::temperature, &Out::temperature,
        "above 0 draws tokens, 0 takes the most probable one");
  visit("top_k", &In::top_k, &Out::top_k, "draw from the K most probable tokens, 0 is off");
  visit("top_p", &In::top_p, &Out::top_p,
        "draw from the most probable tokens with this sum, 1 is off");
  visit("min_p", &In::min_p, &Out::min_p,
        "draw from tokens with this share of the largest probability, 0 is off");
  visit("seed", &In::seed, &Out::seed, "of the draws");
  visit("eos", &In::eos_ids, &Out::eos_ids, "ids that end a text");
  visit("stop", &In::stop, &Out::stop, "texts that end the answer before them");
}

std::string flag_of(std::string key) {
  std::ranges::replace(key, '_', '-');
  return "--" + key;
}

// The values that an option may have.
template <typename Number>
struct Range {
  Number low;
  Number high;
};

Range<std::uint64_t> range_of_count(const std::string& flag) {
  if (flag == "--seed") return {0, std::numeric_limits<std::uint64_t>::max()};
  if (flag == "--beams") return {1, kMostBeams};
  return {flag == "--max-tokens" ? std::uint64_t{1} : 0, kMostTokens};
}

Range<double> range_of_number(const std::string& flag) {
  constexpr double kMost = std::numeric_limits<double>::max();
  if (flag == "--top-p" || flag == "--min-p") return {0.0, 1.0};
  if (flag == "--temperature") return {0.0, kMost};
  if (flag == "--repetition-penalty") return {0.01, kMost};
  return {-kMost, kMost};
}

template <typename Value>
void declare(CLI::App& command, const std::string& flag, std::optional<Value>& target,
             const std::string& help) {
  CLI::Option* option = command.add_option_function<Value>(
      flag, [&target](const Value& value) { target = value; }, help);
  if constexpr (std::is_same_v<Value, std::vector<TokenId>>) {
    whole_number(option, 0, std::numeric_limits<TokenId>::max());
  } else if constexpr (std::is_same_v<Value, double>) {
    const Range<double> range = range_of_number(flag);
    number(option, range.low, range.high);
  } else if constexpr (std::is_integral_v<Value>) {
    const Range<std::uint64_t> range = range_of_count(flag);
    whole_number(option, range.low, range.high);
  }
}

// Without a value it is true.
void declare(CLI::App& command, const std::string& flag, std::optional<EarlyStopping>& target,
             const std::string& help) {
  const CLI::callback_t store = [&target](const CLI::results_t& words) {
    const std::string word = words.empty() ? "" : words.front();
    target = word == "never"   ? EarlyStopping::kNever
             : word == "false" ? EarlyStopping::kEstimate
                               : EarlyStopping::kWhenFull;
    return true;
  };
  command.add_option(flag, store, help)
      ->expected(0, 1)
      ->type_name("[true|false|never]")
      ->check(CLI::IsMember({"true", "false", "never"}).description(""));
}

[[noreturn]] void fail(const JsonFields& line, const std::string& key, const char* wanted) {
  throw Error(ErrorCode::kCorruptFile, std::string("expected ") + wanted + ": " + line.where() +
                                           ": " + key + " = " + line.json().at(key).dump());
}

// A value or a list of values.
std::vector<Json> values_of(const JsonFields& line, const std::string& key) {
  const Json& value = line.json().at(key);
  if (!value.is_array()) return {value};
  return {value.begin(), value.end()};
}

void read(const JsonFields& line, const std::string& key, std::size_t& value) {
  value = line.size(key);
}

void read(const JsonFields& line, const std::string& key, double& value) {
  value = line.number(key);
}

void read(const JsonFields& line, const std::string& key, EarlyStopping& value) {
  value = read_early_stopping(line, key);
}

void read(const JsonFields& line, const std::string& key, std::vector<TokenId>& ids) {
  for (const Json& id : values_of(line, key)) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > INT32_MAX) fail(line, key, "ids");
    ids.push_back(id.get<TokenId>());
  }
}

void read(const JsonFields& line, const std::string& key, std::vector<std::string>& texts) {
  for (const Json& text : values_of(line, key)) {
    if (!text.is_string()) fail(line, key, "texts");
    texts.push_back(text.get<std::string>());
  }
}

// A cut of the distribution is named.
bool names_cut(const GenerationOverrides& overrides) {
  return overrides.top_k.value_or(0) != 0 || overrides.top_p.value_or(1.0) < 1.0 ||
         overrides.min_p.value_or(0.0) > 0.0;
}

}  // namespace

void add_generation_options(CLI::App& command, GenerationOverrides& overrides) {
  for_each_option([&](const char* key, auto member, auto, const char* help) {
    declare(command, flag_of(key), overrides.*member, help);
  });
}

std::vector<std::string> generation_override_keys() {
  std::vector<std::string> keys;
  for_each_option([&](const char* key, auto, auto, const char*) { keys.emplace_back(key); });
  return keys;
}

GenerationOverrides overrides_in(const JsonFields& line) {
  GenerationOverrides overrides;
  for_each_option([&](const char* key, auto member, auto, const char*) {
    if (line.has(key)) read(line, key, (overrides.*member).emplace());
  });
  return overrides;
}

GenerationOptions resolve(const GenerationOverrides& line, const GenerationOverrides& command,
                          const GenerationOptions& defaults) {
  GenerationOptions options = defaults;
  for_each_option([&](const char*, auto member, auto option, const char*) {
    options.*option = (line.*member).value_or((command.*member).value_or(options.*option));
  });
  const bool names_temperature = line.temperature || command.temperature;
  if (options.temperature == 0.0 && !names_temperature && (names_cut(line) || names_cut(command))) {
    throw Error(ErrorCode::kInvalidArgument,
                "generation options: top_k, top_p and min_p need a temperature above 0: " +
                    std::to_string(options.temperature));
  }
  return options;
}

}  // namespace vlm
