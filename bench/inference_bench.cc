// Tokens per second of a language model on disk. One measurement for each run, so that
// bench/compare_inference.py and bench/compare_requests.py can take turns with other programs.
//
// usage: inference_bench MODEL float32|bfloat16|int8 THREADS sequence PROMPT_TOKENS NEW_TOKENS
//        inference_bench MODEL float32|bfloat16|int8 THREADS requests COUNT NEW_TOKENS
//
// sequence: one prompt, then tokens one by one. requests: prompts of 50 to 200 tokens and so many
// new ones for each, greedily. Prints one line of JSON. Limits: prompts are bound by arithmetic, 2
// operations for each weight and token; each new token reads every weight of the layers and the
// head once, for all sequences that run together.

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/measured_run.h"
#include "checkpoint/file_checkpoint.h"
#include "core/json_fields.h"
#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/decoding_session.h"
#include "language/generate.h"
#include "model/decoder_storage.h"
#include "tensor/instruction_limit.h"

namespace vlm {
namespace {

constexpr std::size_t kRequestsTogether = 64;

Json measure_sequence(const Decoder& decoder, std::size_t prompt_tokens, std::size_t new_tokens,
                      ThreadPool& pool) {
  GenerationPrompt prompt;
  for (std::size_t i = 0; i < prompt_tokens; ++i) {
    prompt.ids.push_back(static_cast<TokenId>((1 + i * 17) % decoder.config().vocab_size));
  }
  DecodingSession session(decoder, pool);
  KvCache cache = decoder.make_cache();
  const std::vector<NewSequence> starting{{&cache, &prompt}};
  const Clock::time_point start = Clock::now();
  session.step({}, starting);
  const double prompt_seconds = seconds_since(start);
  const Clock::time_point first = Clock::now();
  for (std::size_t i = 0; i < new_tokens; ++i) {
    session.step(std::vector<NextToken>{{&cache, static_cast<TokenId>(i + 1)}}, {});
  }
  return {{"prompt_tokens_per_second", static_cast<double>(prompt_tokens) / prompt_seconds},
          {"new_tokens_per_second", static_cast<double>(new_tokens) / seconds_since(first)}};
}

std::vector<GenerationPrompt> make_requests(std::size_t count, std::size_t vocab_size) {
  std::vector<GenerationPrompt> prompts(count);
  for (std::size_t p = 0; p < count; ++p) {
    const std::size_t tokens = 50 + p * 37 % 151;
    for (std::size_t i = 0; i < tokens; ++i) {
      prompts[p].ids.push_back(static_cast<TokenId>((1 + p * 131 + i * 17) % vocab_size));
    }
  }
  return prompts;
}

Json measure_requests(const Decoder& decoder, std::size_t count, std::size_t new_tokens,
                      ThreadPool& pool) {
  const std::vector<GenerationPrompt> prompts = make_requests(count, decoder.config().vocab_size);
  GenerationOptions options;
  options.max_tokens = new_tokens;
  const Clock::time_point start = Clock::now();
  const auto generations =
      generate_ids(decoder, prompts, options, {.batch_size = kRequestsTogether}, pool);
  Json result{{"seconds", seconds_since(start)}};
  for (const Generation& generation : generations) {
    result["first_ids"].push_back(generation.ids.front());
  }
  return result;
}

int run(const std::vector<const char*>& arguments) {
  const auto format = arguments.size() == 7 ? weight_format_from_name(arguments[2]) : std::nullopt;
  const std::string mode = format ? arguments[4] : "";
  if (mode != "sequence" && mode != "requests") {
    std::fprintf(stderr,
                 "usage: %s MODEL float32|bfloat16|int8 THREADS sequence|requests N NEW_TOKENS\n",
                 arguments[0]);
    return 2;
  }
  ThreadPool pool(count_of(arguments[3]));
  const Clock::time_point start = Clock::now();
  const FileCheckpoint checkpoint(arguments[1]);
  const DecoderStorage storage = DecoderStorage::load(
      checkpoint, parse_decoder_config(checkpoint.config().text()), pool, *format);
  const double load_seconds = seconds_since(start);
  const Decoder decoder(storage.config(), storage.weights());
  const auto measure = mode == "sequence" ? measure_sequence : measure_requests;
  const std::size_t count = count_of(arguments[5]);
  // Kernels are made, pages are there.
  measure_sequence(decoder, mode == "sequence" ? count : 8, 2, pool);
  Json result = measure(decoder, count, count_of(arguments[6]), pool);
  result["load_seconds"] = load_seconds;
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace vlm

int main(int argc, char** argv) {
  vlm::limit_instruction_sets();
  try {
    return vlm::run({argv, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inference_bench: error: %s\n", error.what());
    return 1;
  }
}
