#pragma once

namespace vlm {

// Keeps our own kernels from instruction sets that the environment variable ONEDNN_MAX_CPU_ISA
// forbids oneDNN (AVX2, ...). REQUIRES: before the first use of a kernel, before threads start.
void limit_instruction_sets();

}  // namespace vlm
