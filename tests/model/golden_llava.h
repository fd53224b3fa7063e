#pragma once

// What tests of tiny LLaVA models against transformers share: ids and pixels of golden data, and
// the searches that it was made by.

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "core/json_fields.h"
#include "language/beam_search.h"
#include "language/generate.h"
#include "model/vision_tower.h"
#include "tensor/matrix.h"

namespace vlm {

inline std::vector<TokenId> ids_of(const Json& list) {
  return list.get<std::vector<TokenId>>();
}

// View `number` of stored pixels [views, 3, height, width].
inline PixelValues golden_view(const TensorView& stored, std::size_t number) {
  PixelValues view{Matrix<float>(3, stored.shape[2] * stored.shape[3]), stored.shape[2],
                   stored.shape[3]};
  read_floats(stored, number * view.values.size(), view.values.values());
  return view;
}

// 16 tokens.
inline std::vector<TokenId> greedy_ids(const Decoder& decoder, const GenerationPrompt& prompt,
                                       double repetition_penalty, ThreadPool& pool) {
  GenerationOptions options;
  options.max_tokens = 16;
  options.repetition_penalty = repetition_penalty;
  return generate_ids(decoder, {&prompt, 1}, options, {}, pool).at(0).ids;
}

// The first `count` hypotheses of an entry "beam" have its ids and scores.
inline void expect_golden_beams(const Decoder& decoder, const GenerationPrompt& prompt,
                                const Json& beam, std::size_t count, ThreadPool& pool) {
  GenerationOptions options;
  options.max_tokens = beam.at("max_new_tokens");
  options.num_beams = beam.at("num_beams");
  options.repetition_penalty = beam.at("repetition_penalty");
  if (!beam.at("eos_token_id").is_null()) {
    options.eos_ids = {beam.at("eos_token_id").get<TokenId>()};
  }
  const GenerationPrompt* const pointer = &prompt;
  const auto found = beam_search(decoder, {std::span(&pointer, 1), 1}, options, pool).front();
  ASSERT_EQ(found.size(), beam.at("sequences").size());
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(found[i].ids, ids_of(beam.at("sequences").at(i))) << i;
    const auto score = beam.at("scores").at(i).get<double>();
    EXPECT_NEAR(found[i].score, score, 1e-5 * std::abs(score)) << i;
  }
}

}  // namespace vlm
