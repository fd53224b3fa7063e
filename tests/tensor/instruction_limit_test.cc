#include "tensor/instruction_limit.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <hwy/targets.h>

namespace vlm {
namespace {

#if HWY_ARCH_X86
constexpr std::int64_t kBetterThanAvx2 = HWY_AVX2 - 1;

// In a process of its own, where nobody has asked for the processor's instruction sets before.
[[noreturn]] void exit_with_success_if_limited(const char* limit, std::int64_t forbidden) {
  // NOLINTBEGIN(concurrency-mt-unsafe): this process has one thread
  ::setenv("ONEDNN_MAX_CPU_ISA", limit, 1);
  limit_instruction_sets();
  std::exit((hwy::SupportedTargets() & forbidden) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
  // NOLINTEND(concurrency-mt-unsafe)
}

TEST(LimitInstructionSets, KernelsObeyTheLimitOfOneDnn) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(exit_with_success_if_limited("AVX2", kBetterThanAvx2),
              testing::ExitedWithCode(EXIT_SUCCESS), "");
  EXPECT_EXIT(exit_with_success_if_limited("SSE41", kBetterThanAvx2 | HWY_AVX2),
              testing::ExitedWithCode(EXIT_SUCCESS), "");
  const std::int64_t all = hwy::SupportedTargets();
  EXPECT_EXIT(exit_with_success_if_limited("ALL", all), testing::ExitedWithCode(EXIT_FAILURE), "");
}
#endif

}  // namespace
}  // namespace vlm
