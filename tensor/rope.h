#pragma once

// Rotary position embedding with the half-split layout of Hugging Face checkpoints.
// Su et al. 2021, "RoFormer", eq. 34; hf: rotate_half.

#include <cstddef>
#include <span>
#include <vector>

namespace vlm {

// theta^(-2i / head_dim) for i < head_dim / 2, in float32 as the reference computes them.
// REQUIRES: head_dim even and positive.
std::vector<float> rope_inverse_frequencies(double theta, std::size_t head_dim);

// cos and sin of position * frequency; the product is rounded to float32 as in the reference.
// All spans have head_dim / 2 elements.
void rope_angles(std::size_t position, std::span<const float> inverse_frequencies,
                 std::span<float> cosines, std::span<float> sines) noexcept;

// Rotates the pairs (head[i], head[i + n]) by the angles, n = head_dim / 2, in place.
// head [head_dim], cosines and sines [n].
void rotate_half(std::span<float> head, std::span<const float> cosines,
                 std::span<const float> sines) noexcept;

}  // namespace vlm
