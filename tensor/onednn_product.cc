#include "tensor/onednn_product.h"

#include <algorithm>
#include <memory>

#include <oneapi/dnnl/dnnl.hpp>

#include "core/check.h"
#include "tensor/packed_layout.h"
#include "tensor/weight_rounding.h"

// oneDNN takes its number of threads from OpenMP; the setting belongs to the calling thread.
extern "C" void omp_set_num_threads(int count);

namespace vlm {
namespace {

using dnnl::memory;

memory::dim dimension(std::size_t value) {
  return static_cast<memory::dim>(value);
}

memory::desc rows_of(std::size_t rows, std::size_t cols, memory::data_type type) {
  return {{dimension(rows), dimension(cols)}, type, memory::format_tag::ab};
}

// oneDNN's interface has no constant memory; sources are only read.
void* writable(const void* data) {
  return const_cast<void*>(data);
}

// All rows one after another.
void multiply_dense(MatrixView<const std::uint16_t> x, std::span<const std::uint16_t> blocks,
                    MatrixView<float> out) {
  omp_set_num_threads(1);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc weight({dimension(x.cols()), dimension(out.cols())}, memory::data_type::bf16,
                            memory::format_tag::BA16a64b2a);
  dnnl::primitive_attr attributes;  // oneDNN's own scratch memory belongs to one thread
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::matmul::primitive_desc description(
      {rows_of(x.rows(), x.cols(), memory::data_type::bf16), weight,
       rows_of(out.rows(), out.cols(), memory::data_type::f32)},
      attributes, engine);
  const memory::desc scratch = description.scratchpad_desc();
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(scratch.get_size());
  dnnl::matmul(description)
      .execute(stream, {{DNNL_ARG_SRC, {description.src_desc(), engine, writable(x.data())}},
                        {DNNL_ARG_WEIGHTS, {weight, engine, writable(blocks.data())}},
                        {DNNL_ARG_DST, {description.dst_desc(), engine, out.data()}},
                        {DNNL_ARG_SCRATCHPAD, {scratch, engine, buffer.get()}}});
  stream.wait();
}

}  // namespace

bool has_bfloat16_products() {
  constexpr auto kWanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (isa & kWanted) == kWanted;
}

Matrix<std::uint16_t> bfloat16_rows(MatrixView<const float> x, ThreadPool& pool) {
  auto rounded = Matrix<std::uint16_t>::for_overwrite(x.rows(), x.cols());
  pool.parallel_for(x.rows(),
                    [&](std::size_t row) { round_to_bfloat16(x.row(row), rounded.row(row)); });
  return rounded;
}

void multiply_bfloat16(MatrixView<const std::uint16_t> x, std::span<const std::uint16_t> blocks,
                       MatrixView<float> out) {
  const PackedLayout layout{out.cols(), x.cols()};
  check(x.rows() == out.rows() && x.stride() == x.cols() &&
            blocks.size() == layout.num_blocks() * layout.block_size(),
        "multiply_bfloat16: x [m, k] without gaps, blocks [n, k], out [m, n]");
  auto result = Matrix<float>::for_overwrite(out.rows(), out.cols());  // oneDNN leaves no gaps
  multiply_dense(x, blocks, result.view());
  for (std::size_t r = 0; r < out.rows(); ++r) {
    std::ranges::copy(result.row(r), out.row(r).begin());
  }
}

}  // namespace vlm
