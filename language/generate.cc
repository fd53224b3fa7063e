#include "language/generate.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/byte_text.h"
#include "core/check.h"
#include "core/divide_up.h"
#include "core/error.h"
#include "language/beam_search.h"
#include "language/prompt_prefix.h"
#include "language/token_search.h"

namespace vlm {
namespace {

void check_arguments(const DecoderConfig& config, std::span<const GenerationPrompt> prompts,
                     const GenerationOptions& options, const BatchOptions& batch) {
  validate(options);
  if (batch.batch_size == 0) {
    throw Error(ErrorCode::kInvalidArgument, "generation options: expected a batch size: 0");
  }
  for (std::size_t i = 0; i < prompts.size(); ++i) check_prompt(prompts[i], i, config);
}

std::vector<Generation> best_of_beams(const Decoder& decoder, const Tokenizer* tokenizer,
                                      const PromptBatch& batch, const GenerationOptions& options,
                                      const BatchTextSink& on_text, ThreadPool& pool) {
  std::vector<Generation> results;
  for (std::vector<BeamHypothesis>& found : beam_search(decoder, batch, options, pool)) {
    Generation& result = results.emplace_back();
    if (found.empty()) continue;  // the rules forbade every token
    result.ids = std::move(found.front().ids);
    result.score = found.front().score;
    if (found.front().ended) {
      result.finish = FinishReason::kEndToken;
      result.ids.pop_back();
    }
    if (tokenizer != nullptr) result.text = tokenizer->decode(result.ids);
    if (on_text && !result.text.empty()) on_text(results.size() - 1, result.text);
  }
  return results;
}

// A small model's weights stay in the cache: there, narrow batches that each have a thread lose
// less by reading the weights once more than wide ones do by waiting for all threads in every
// product.
constexpr std::size_t kSmallModelWeights = 8'000'000;
constexpr std::size_t kNarrowBatchRows = 8;

constexpr std::size_t kLeastPrompts = 2;  // one that runs, and one that has ended

// How many prompts may run at once without their keys and values taking more than they may.
std::size_t prompts_that_fit(const Decoder& decoder, std::span<const GenerationPrompt> prompts,
                             const GenerationOptions& options, const BatchOptions& batch) {
  std::size_t longest = 0;
  for (const GenerationPrompt& prompt : prompts) longest = std::max(longest, prompt.ids.size());
  const std::size_t least = least_cache_bytes(decoder.config(), longest, options);
  if (least > batch.cache_bytes) {
    throw Error(ErrorCode::kInvalidArgument,
                "memory: two prompts of " + std::to_string(longest) + " tokens with " +
                    std::to_string(options.max_tokens) + " new ones need " + byte_text(least) +
                    " for keys and values: left are " +
                    byte_text(batch.cache_bytes, ByteRounding::kDown));
  }
  return batch.cache_bytes / (least / kLeastPrompts) - 1;
}

// Prompts that are worked on at the same time, and how many of those run together.
struct Batching {
  std::size_t prompts_in_batch = 1;
  std::size_t prompts_at_once = 1;
};

Batching batching_of(const Decoder& decoder, std::span<const GenerationPrompt> prompts,
                     const GenerationOptions& options, const BatchOptions& batch) {
  const std::size_t fit = prompts_that_fit(decoder, prompts, options, batch);
  if (decoder.num_weights() > kSmallModelWeights || fit < prompts.size()) {
    return {prompts.size(), std::min(batch.batch_size, fit)};
  }
  const std::size_t narrow =
      std::clamp(divide_up(kNarrowBatchRows, options.num_beams), std::size_t{1}, batch.batch_size);
  return {narrow, narrow};
}

std::vector<Generation> generate_all(const Decoder& decoder, const Tokenizer* tokenizer,
                                     std::span<const GenerationPrompt> prompts,
                                     const GenerationOptions& options, const BatchOptions& batch,
                                     ThreadPool& pool) {
  check_arguments(decoder.config(), prompts, options, batch);
  std::vector<Generation> results(prompts.size());
  if (prompts.empty()) return results;
  const std::vector<std::size_t> order = order_by_prefix(prompts);
  std::vector<const GenerationPrompt*> sorted;
  sorted.reserve(prompts.size());
  for (const std::size_t index : order) sorted.push_back(&prompts[index]);

  const Batching batching = batching_of(decoder, prompts, options, batch);
  const std::size_t size = batching.prompts_in_batch;
  pool.parallel_for(divide_up(sorted.size(), size), [&](std::size_t number) {
    const std::size_t first = number * size;
    const std::size_t count = std::min(size, sorted.size() - first);
    BatchTextSink on_text;
    if (batch.on_text) {
      on_text = [&, first](std::size_t index, const std::string& piece) {
        batch.on_text(order[first + index], piece);
      };
    }
    const auto search = options.num_beams == 1 ? token_search : best_of_beams;
    std::vector<Generation> part = search(
        decoder, tokenizer, {std::span(sorted).subspan(first, count), batching.prompts_at_once},
        options, on_text, pool);
    for (std::size_t i = 0; i < count; ++i) results[order[first + i]] = std::move(part[i]);
  });
  return results;
}

}  // namespace

std::size_t least_cache_bytes(const DecoderConfig& config, std::size_t prompt_tokens,
                              const GenerationOptions& options) {
  const auto bytes_for = [&](std::size_t count) {
    return KvCache::bytes_for(config.num_hops(), config.kv_width(), count);
  };
  // Beams share the whole pages of their prompt.
  const std::size_t shared = bytes_for(prompt_tokens / KvCache::kPageTokens * KvCache::kPageTokens);
  const std::size_t of_one =
      shared + options.num_beams * (bytes_for(prompt_tokens + options.max_tokens) - shared);
  return kLeastPrompts * of_one;
}

std::vector<Generation> generate(const Decoder& decoder, const Tokenizer& tokenizer,
                                 std::span<const GenerationPrompt> prompts,
                                 const GenerationOptions& options, const BatchOptions& batch,
                                 ThreadPool& pool) {
  return generate_all(decoder, &tokenizer, prompts, options, batch, pool);
}

std::vector<Generation> generate_ids(const Decoder& decoder,
                                     std::span<const GenerationPrompt> prompts,
                                     const GenerationOptions& options, const BatchOptions& batch,
                                     ThreadPool& pool) {
  if (!options.stop.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "generation options: stop texts need a tokenizer: " + options.stop.front());
  }
  check(!batch.on_text, "generate_ids: there is no text to receive");
  return generate_all(decoder, nullptr, prompts, options, batch, pool);
}

}  // namespace vlm
