#pragma once

// e^x of many numbers, by the processor's vector instructions, chosen at run time.

#include <span>

namespace vlm {

// x = e^(x + shift), in place, to 2 units in the last place. Below -87.3 the result is 0, above 88
// infinity; NaN stays NaN. Cody & Waite 1980, chapter 6: x = n ln 2 + r with ln 2 in two parts, and
// e^r by its Taylor polynomial of degree 7 (|r| < 0.347: error below 1e-8).
void exponentials(std::span<float> x, float shift = 0.0F) noexcept;

// The sum of e^(x + shift), as 16 partial sums in a fixed order, added up in double.
double sum_of_exponentials(std::span<const float> x, float shift) noexcept;

// exponentials(x, shift); returns their sum, as sum_of_exponentials().
double exponentials_and_sum(std::span<float> x, float shift) noexcept;

// x * sigmoid(x * slope), in place.
void multiply_by_sigmoid(std::span<float> x, float slope) noexcept;

}  // namespace vlm
