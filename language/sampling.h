#pragma once

// Drawing the next token from its scores: temperature, the cuts top-k, top-p and min-p, the draw.
// Behaviour and order of transformers' LogitsWarper classes; probabilities are computed in double.

#include <cstddef>
#include <cstdint>
#include <span>

#include "language/generation_options.h"
#include "language/token_id.h"

namespace vlm {

// Subtracts the largest score and divides by `temperature` > 0. hf: TemperatureLogitsWarper; the
// shift changes no probability and keeps small temperatures from overflowing.
void apply_temperature(std::span<float> scores, double temperature);

// Forbids (-infinity) all scores below the k-th largest; equals of it stay. k = 0: nothing.
// hf: TopKLogitsWarper.
void keep_top_k(std::span<float> scores, std::size_t k);

// Keeps the most probable tokens up to the one with which their sum reaches `p`, at least one; of
// equal ones the smaller id first. Holtzman et al. 2020, section 3.1; hf: TopPLogitsWarper.
void keep_top_p(std::span<float> scores, double p);

// Forbids tokens less probable than `p` times the most probable one. Nguyen et al. 2024, section 4;
// hf: MinPLogitsWarper.
void keep_min_p(std::span<float> scores, double p);

// The token at place `u` in [0, 1) of the cumulative distribution of the scores, in order of ids.
// Never a forbidden one, unless all are.
TokenId draw_token(std::span<const float> scores, double u);

// Temperature and cuts of the options, then a draw. The random number is a function of
// options.seed, `stream` and `position` alone. The scores become those that were drawn from.
// REQUIRES: options.temperature > 0.
TokenId sample_token(const GenerationOptions& options, std::uint64_t stream, std::size_t position,
                     std::span<float> scores);

}  // namespace vlm
