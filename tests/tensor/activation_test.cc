#include "tensor/activation.h"

#include <cmath>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {
namespace {

const std::vector<float> kPoints{-30.0F, -3.0F, -1.0F, -0.1F, 0.0F, 0.1F, 1.0F, 3.0F, 30.0F};

void expect_values(Activation activation, double (*formula)(double)) {
  std::vector<float> x = kPoints;
  activation(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(x[i], formula(double{kPoints[i]}), 3e-6) << kPoints[i];
  }
}

TEST(Activation, NamesFindTheFormulas) {
  expect_values(find_activation("quick_gelu"),
                [](double x) { return x / (1.0 + std::exp(-1.702 * x)); });
  expect_values(find_activation("gelu"),
                [](double x) { return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2)); });
  const auto tanh_formula = [](double x) {
    const double root = std::sqrt(2.0 / std::numbers::pi);
    return 0.5 * x * (1.0 + std::tanh(root * (x + 0.044715 * x * x * x)));
  };
  expect_values(find_activation("gelu_pytorch_tanh"), tanh_formula);
  expect_values(find_activation("gelu_new"), tanh_formula);
  EXPECT_EQ(find_activation("relu"), nullptr);
}

TEST(Swiglu, MultipliesSiluOfTheGateByUp) {
  std::vector<float> gate = kPoints;
  const std::vector<float> up(kPoints.size(), -2.0F);
  swiglu(gate, up);
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double x = double{kPoints[i]};
    EXPECT_NEAR(gate[i], -2.0 * x / (1.0 + std::exp(-x)), 6e-6);
  }
}

}  // namespace
}  // namespace vlm
