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

// The least `cache_bytes` for these prompts, foretold from the longest of them.
std::size_t least_cache_bytes(const Model& model, std::span<const EvalPrompt> prompts,
                              const AnswerOptions& options);

}  // namespace vlm
