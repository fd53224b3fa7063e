// Tokens per second of the bundled base-lm: decoding at several batch sizes, and prompts.
//
// Limits: a step at batch 1 reads every weight once (3.3 M floats, 13 MB) and is bound by memory;
// a step at batch 16 reads them once for 16 tokens and is bound by arithmetic (6.7 MFLOP a token).

#include <cstddef>
#include <filesystem>
#include <vector>

#include <benchmark/benchmark.h>

#include "checkpoint/file_checkpoint.h"
#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/generate.h"
#include "model/decoder_storage.h"

namespace vlm {
namespace {

constexpr std::size_t kPromptTokens = 96;
constexpr std::size_t kNewTokens = 64;

DecoderStorage load_base_lm(ThreadPool& pool) {
  const FileCheckpoint checkpoint(std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/base-lm");
  return DecoderStorage::load(checkpoint, parse_decoder_config(checkpoint.config().text()), pool);
}

std::vector<GenerationPrompt> make_prompts(std::size_t count, std::size_t tokens) {
  std::vector<GenerationPrompt> prompts(count);
  for (std::size_t p = 0; p < count; ++p) {
    for (std::size_t t = 0; t < tokens; ++t) {
      prompts[p].ids.push_back(static_cast<TokenId>(300 + (p * 131 + t * 17) % 2000));
    }
  }
  return prompts;
}

// Greedy decoding without an end token: argument 0 = sequences, argument 1 = threads. The time for
// the prompts is measured too; they are short.
void decode(benchmark::State& state) {
  ThreadPool pool(static_cast<std::size_t>(state.range(1)));
  const DecoderStorage storage = load_base_lm(pool);
  const Decoder decoder(storage.config(), storage.weights());
  const auto prompts = make_prompts(static_cast<std::size_t>(state.range(0)), 4);
  GenerationOptions options;
  options.max_tokens = kNewTokens;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        generate_ids(decoder, prompts, options, {.batch_size = prompts.size()}, pool));
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(prompts.size() * kNewTokens),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(decode)->ArgsProduct({{1, 4, 8, 16, 64}, {1, 2}})->UseRealTime();

// Prompts of 96 tokens: argument 0 = prompts run together, argument 1 = threads.
void prefill(benchmark::State& state) {
  ThreadPool pool(static_cast<std::size_t>(state.range(1)));
  const DecoderStorage storage = load_base_lm(pool);
  const Decoder decoder(storage.config(), storage.weights());
  const auto prompts = make_prompts(static_cast<std::size_t>(state.range(0)), kPromptTokens);
  GenerationOptions options;
  options.max_tokens = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        generate_ids(decoder, prompts, options, {.batch_size = prompts.size()}, pool));
  }
  state.counters["tokens/s"] =
      benchmark::Counter(static_cast<double>(prompts.size() * kPromptTokens),
                         benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(prefill)->ArgsProduct({{1, 16}, {1, 2}})->UseRealTime();

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
