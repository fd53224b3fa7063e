// float32 products x [rows, k] * weight [n, k]^T on one thread: ours beside OpenBLAS.
//
// Limit: the processor's fused multiplications and additions; with one row, reading the weights.

#include <cstddef>

#include <benchmark/benchmark.h>
#include <cblas.h>

#include "core/philox.h"
#include "core/thread_pool.h"
#include "tensor/blas_setup.h"
#include "tensor/gemm.h"
#include "tensor/matrix.h"

namespace vlm {
namespace {

Matrix<float> normal_matrix(std::size_t rows, std::size_t cols) {
  RandomStream random(rows, cols);
  Matrix<float> matrix(rows, cols);
  for (float& value : matrix.values()) value = static_cast<float>(random.normal());
  return matrix;
}

struct Product {
  explicit Product(const benchmark::State& state)
      : x(normal_matrix(static_cast<std::size_t>(state.range(0)),
                        static_cast<std::size_t>(state.range(1)))),
        weight(normal_matrix(static_cast<std::size_t>(state.range(2)), x.cols())),
        out(x.rows(), weight.rows()) {}

  void count(benchmark::State& state) const {
    state.counters["FLOP/s"] =
        benchmark::Counter(2.0 * static_cast<double>(x.size() * weight.rows()),
                           benchmark::Counter::kIsIterationInvariantRate);
  }

  Matrix<float> x;
  Matrix<float> weight;
  Matrix<float> out;
};

void ours(benchmark::State& state) {
  ThreadPool pool(1);
  Product product(state);
  for (auto _ : state) {
    multiply_transposed(product.x.view(), product.weight.view(), product.out.view(), pool);
    benchmark::ClobberMemory();
  }
  product.count(state);
}

void openblas(benchmark::State& state) {
  prepare_blas();
  Product product(state);
  const auto rows = static_cast<blasint>(product.x.rows());
  const auto k = static_cast<blasint>(product.x.cols());
  const auto n = static_cast<blasint>(product.weight.rows());
  const float* x = product.x.values().data();
  const float* weight = product.weight.values().data();
  float* out = product.out.values().data();
  for (auto _ : state) {
    if (rows == 1) {
      cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, 1.0F, weight, k, x, 1, 0.0F, out, 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, n, k, 1.0F, x, k, weight, k, 0.0F,
                  out, n);
    }
    benchmark::ClobberMemory();
  }
  product.count(state);
}

void shapes(benchmark::internal::Benchmark* bench) {
  for (const int rows : {1, 4, 8, 16, 64, 256}) {
    bench->Args({rows, 192, 512});    // base-lm
    bench->Args({rows, 4096, 512});   // an eighth of a layer of Mistral-7B
    bench->Args({rows, 14336, 256});  //
  }
}
BENCHMARK(ours)->Apply(shapes);
BENCHMARK(openblas)->Apply(shapes);

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
