#include "tensor/instruction_limit.h"

#include <cstdint>

#include <hwy/targets.h>
#include <oneapi/dnnl/dnnl.hpp>

namespace vlm {
namespace {

// Highway's names: the better of two instruction sets is the lower bit.
constexpr std::int64_t better_than(std::int64_t target) {
  return target - 1;
}

bool may_use(dnnl::cpu_isa wanted) {
  const auto bits = static_cast<unsigned>(wanted);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

}  // namespace

void limit_instruction_sets() {
#if HWY_ARCH_X86
  if (may_use(dnnl::cpu_isa::avx512_core)) return;
  hwy::DisableTargets(better_than(may_use(dnnl::cpu_isa::avx2) ? HWY_AVX2 : HWY_SSE4));
#endif
}

}  // namespace vlm
