#pragma once

// A runnable model as the thing that answers an evaluation's questions.

#include <cstddef>
#include <limits>
#include <span>

#include "core/thread_pool.h"
#include "eval/answer.h"
#include "model/image_features.h"
#include "model/model.h"

namespace vlm {

// Answers with `model`, with at most `cache_bytes` of keys and values; pictures come from `images`
// (null for a text model). All three must outlive the function. It throws Error{kInvalidArgument}
// for a picture where `images` is null, and what Model::generate() throws.
AnswerFunction answers_of(const Model& model, ImageFeatureCache* images, ThreadPool& pool,
                          std::size_t cache_bytes = std::numeric_limits<std::size_t>::max());

// The least `cache_bytes` of a model for these prompts, foretold from the longest of them; a
// picture has `picture_rows` rows.
std::size_t least_cache_bytes(const DecoderConfig& config, const Tokenizer& tokenizer,
                              std::size_t picture_rows, std::span<const EvalPrompt> prompts,
                              const AnswerOptions& options);
// Those of `model`.
std::size_t least_cache_bytes(const Model& model, std::span<const EvalPrompt> prompts,
                              const AnswerOptions& options);

}  // namespace vlm
