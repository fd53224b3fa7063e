#include "eval/model_answers.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/error.h"

namespace vlm {
namespace {

std::vector<ModelPrompt> build_model_prompts(std::span<const EvalPrompt> prompts,
                                             ImageFeatureCache* images, ThreadPool& pool) {
  std::vector<std::filesystem::path> files;
  for (const EvalPrompt& prompt : prompts) {
    if (prompt.image) files.push_back(*prompt.image);
  }
  if (!files.empty() && images == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "a text model cannot answer questions about pictures: " + files.front().string());
  }
  std::vector<ImageFeatures> features;
  if (!files.empty()) features = images->get(files, pool);
  std::vector<ModelPrompt> result;
  result.reserve(prompts.size());
  std::size_t next = 0;
  for (const EvalPrompt& prompt : prompts) {
    ModelPrompt& built = result.emplace_back();
    built.text = prompt.text;
    if (prompt.image) built.images.push_back(features[next++]);
  }
  return result;
}

GenerationOptions generation_options(const AnswerOptions& answer_options) {
  GenerationOptions options;
  options.max_tokens = answer_options.max_tokens;
  options.num_beams = answer_options.num_beams;
  options.repetition_penalty = answer_options.repetition_penalty;
  options.stop = answer_options.stop_strings;
  return options;
}

}  // namespace

AnswerFunction answers_of(const Model& model, ImageFeatureCache* images, ThreadPool& pool,
                          std::size_t cache_bytes) {
  return [&model, images, &pool, cache_bytes](std::span<const EvalPrompt> prompts,
                                              const AnswerOptions& answer_options) {
    const GenerationOptions options = generation_options(answer_options);
    BatchOptions batch;
    batch.cache_bytes = cache_bytes;
    std::vector<std::string> texts;
    texts.reserve(prompts.size());
    const std::size_t step = images == nullptr ? prompts.size() : images->pictures_at_a_time();
    for (std::size_t first = 0; first < prompts.size(); first += step) {
      const auto part = prompts.subspan(first, std::min(step, prompts.size() - first));
      for (Generation& generation :
           model.generate(build_model_prompts(part, images, pool), options, batch, pool)) {
        texts.push_back(std::move(generation.text));
      }
    }
    return texts;
  };
}

std::size_t least_cache_bytes(const DecoderConfig& config, const Tokenizer& tokenizer,
                              std::size_t picture_rows, std::span<const EvalPrompt> prompts,
                              const AnswerOptions& options) {
  std::size_t longest = 0;
  for (const EvalPrompt& prompt : prompts) {
    const std::size_t picture = prompt.image ? picture_rows : 0;
    longest = std::max(longest, tokenizer.encode(prompt.text).size() + picture);
  }
  return vlm::least_cache_bytes(config, longest, generation_options(options));
}

std::size_t least_cache_bytes(const Model& model, std::span<const EvalPrompt> prompts,
                              const AnswerOptions& options) {
  const std::size_t picture_rows =
      model.sees_images() ? model.shared_parts().vision->geometry().max_rows() : 0;
  return least_cache_bytes(model.decoder().config(), model.tokenizer(), picture_rows, prompts,
                           options);
}

}  // namespace vlm
