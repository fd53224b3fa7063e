#include "language/generate.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "language/beam_search.h"
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
                                      std::span<const GenerationPrompt* const> prompts,
                                      const GenerationOptions& options,
                                      const BatchTextSink& on_text, ThreadPool& pool) {
  std::vector<Generation> results;
  for (std::vector<BeamHypothesis>& found : beam_search(decoder, prompts, options, pool)) {
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

// How many prompts are decoded together.
std::size_t prompts_per_batch(const Decoder& decoder, const GenerationOptions& options,
                              const BatchOptions& batch) {
  if (decoder.num_weights() > kSmallModelWeights) return batch.batch_size;
  return std::clamp(kNarrowBatchRows / options.num_beams, std::size_t{1}, batch.batch_size);
}

std::vector<Generation> generate_all(const Decoder& decoder, const Tokenizer* tokenizer,
                                     std::span<const GenerationPrompt> prompts,
                                     const GenerationOptions& options, const BatchOptions& batch,
                                     ThreadPool& pool) {
  check_arguments(decoder.config(), prompts, options, batch);
  std::vector<std::size_t> longest_first(prompts.size());
  std::iota(longest_first.begin(), longest_first.end(), std::size_t{0});
  std::ranges::stable_sort(longest_first, [&](std::size_t a, std::size_t b) {
    return prompts[a].ids.size() > prompts[b].ids.size();
  });
  std::vector<const GenerationPrompt*> sorted;
  sorted.reserve(prompts.size());
  for (const std::size_t index : longest_first) sorted.push_back(&prompts[index]);

  std::vector<Generation> results(prompts.size());
  const std::size_t batch_size = prompts_per_batch(decoder, options, batch);
  const std::size_t num_batches = (sorted.size() + batch_size - 1) / batch_size;
  pool.parallel_for(num_batches, [&](std::size_t number) {
    const std::size_t first = number * batch_size;
    const std::size_t count = std::min(batch_size, sorted.size() - first);
    const auto members = std::span(sorted).subspan(first, count);
    BatchTextSink on_text;
    if (batch.on_text) {
      on_text = [&, first](std::size_t index, const std::string& piece) {
        batch.on_text(longest_first[first + index], piece);
      };
    }
    const auto search = options.num_beams == 1 ? token_search : best_of_beams;
    std::vector<Generation> part = search(decoder, tokenizer, members, options, on_text, pool);
    for (std::size_t i = 0; i < count; ++i) results[longest_first[first + i]] = std::move(part[i]);
  });
  return results;
}

}  // namespace

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
