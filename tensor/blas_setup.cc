#include "tensor/blas_setup.h"

#include <cstdlib>
#include <string_view>

#include <cblas.h>

// How OpenBLAS chooses its kernels when it is loaded; absent in builds for one processor.
extern "C" __attribute__((weak)) void gotoblas_dynamic_init();
extern "C" __attribute__((weak)) void gotoblas_dynamic_quit();

namespace vlm {
namespace {

// OpenBLAS's name of the newest kernels this processor runs, or nullptr.
const char* fitting_kernels() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512cd") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (has_avx512) return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

void choose_kernels() {
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  const bool can_choose = gotoblas_dynamic_init != nullptr && gotoblas_dynamic_quit != nullptr;
  const char* wanted = fitting_kernels();
  const bool user_chose = std::getenv(kVariable) != nullptr;  // NOLINT(concurrency-mt-unsafe)
  if (!can_choose || wanted == nullptr || user_chose) return;
  if (std::string_view(openblas_get_corename()) != "Prescott") return;
  setenv(kVariable, wanted, 0);  // NOLINT(concurrency-mt-unsafe): once, before threads use BLAS
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
}

}  // namespace

void prepare_blas() {
  static const bool done = [] {
    choose_kernels();
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace vlm
