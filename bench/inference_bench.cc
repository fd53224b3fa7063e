// Tokens per second of a language model on disk: one prompt, then tokens one by one. One
// measurement for each run, so that bench/compare_inference.py can take turns with other programs.
//
// usage: inference_bench MODEL float32|bfloat16|int8 THREADS PROMPT_TOKENS NEW_TOKENS
//
// Prints one line of JSON. Limits: the prompt is bound by arithmetic, 2 operations for each weight
// and token; each new token reads every weight of the layers and the head once.

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/decoding_session.h"
#include "model/decoder_storage.h"

namespace vlm {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::size_t count_of(const char* argument) {
  const long value = std::strtol(argument, nullptr, 10);
  if (value <= 0) {
    throw Error(ErrorCode::kInvalidArgument, std::string("expected a count: ") + argument);
  }
  return static_cast<std::size_t>(value);
}

Json measure(const Decoder& decoder, std::size_t prompt_tokens, std::size_t new_tokens,
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

int run(const std::vector<const char*>& arguments) {
  const auto format = arguments.size() == 6 ? weight_format_from_name(arguments[2]) : std::nullopt;
  if (!format) {
    std::fprintf(stderr, "usage: %s MODEL float32|bfloat16|int8 THREADS PROMPT_TOKENS NEW_TOKENS\n",
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
  measure(decoder, 8, 2, pool);  // kernels are made, pages are there
  Json result = measure(decoder, count_of(arguments[4]), count_of(arguments[5]), pool);
  result["load_seconds"] = load_seconds;
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace vlm

int main(int argc, char** argv) {
  try {
    return vlm::run({argv, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inference_bench: error: %s\n", error.what());
    return 1;
  }
}
