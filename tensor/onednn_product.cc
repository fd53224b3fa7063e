#include "tensor/onednn_product.h"

#include <algorithm>
#include <memory>

#include <oneapi/dnnl/dnnl.hpp>

#include "core/check.h"
#include "tensor/bfloat16_values.h"
#include "tensor/packed_layout.h"

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

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, std::size_t m, std::size_t k,
                                      std::size_t n) {
  omp_set_num_threads(1);
  const memory::desc weight({dimension(k), dimension(n)}, memory::data_type::bf16,
                            memory::format_tag::BA16a64b2a);
  dnnl::primitive_attr attributes;  // oneDNN's own scratch memory belongs to one thread
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return {{rows_of(m, k, memory::data_type::bf16), weight, rows_of(m, n, memory::data_type::f32)},
          attributes,
          engine};
}

}  // namespace

bool has_bfloat16_products() {
  constexpr auto kWanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (isa & kWanted) == kWanted;
}

Matrix<std::uint16_t> bfloat16_rows(MatrixView<const float> x, ThreadPool& pool) {
  auto rounded = Matrix<std::uint16_t>::for_overwrite(x.rows(), x.cols());
  pool.parallel_for(x.rows(), [&](std::size_t row) {
    store_bfloat16(x.row(row), std::as_writable_bytes(rounded.row(row)));
  });
  return rounded;
}

struct Bfloat16Product::Primitive {
  Primitive(std::size_t m, std::size_t k, std::size_t n)
      : layout{n, k},
        num_rows(m),
        engine(dnnl::engine::kind::cpu, 0),
        description(describe(engine, m, k, n)),
        matmul(description) {}

  // out: where the result's rows stand one after another.
  void run(MatrixView<const std::uint16_t> x, std::span<const std::uint16_t> blocks,
           float* out) const {
    omp_set_num_threads(1);
    const memory::desc scratch = description.scratchpad_desc();
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(scratch.get_size());
    dnnl::stream stream(engine);
    matmul.execute(
        stream, {{DNNL_ARG_SRC, {description.src_desc(), engine, writable(x.data())}},
                 {DNNL_ARG_WEIGHTS, {description.weights_desc(), engine, writable(blocks.data())}},
                 {DNNL_ARG_DST, {description.dst_desc(), engine, out}},
                 {DNNL_ARG_SCRATCHPAD, {scratch, engine, buffer.get()}}});
    stream.wait();
  }

  PackedLayout layout;  // of the weight
  std::size_t num_rows;
  dnnl::engine engine;
  dnnl::matmul::primitive_desc description;
  dnnl::matmul matmul;
};

Bfloat16Product::Bfloat16Product(std::size_t m, std::size_t k, std::size_t n)
    : primitive_(std::make_unique<const Primitive>(m, k, n)) {}
Bfloat16Product::~Bfloat16Product() = default;
Bfloat16Product::Bfloat16Product(Bfloat16Product&&) noexcept = default;
Bfloat16Product& Bfloat16Product::operator=(Bfloat16Product&&) noexcept = default;

void Bfloat16Product::run(MatrixView<const std::uint16_t> x, std::span<const std::uint16_t> blocks,
                          MatrixView<float> out) const {
  const Primitive& it = *primitive_;
  check(x.rows() == it.num_rows && x.cols() == it.layout.cols && x.stride() == x.cols() &&
            blocks.size() == it.layout.num_blocks() * it.layout.block_size() &&
            out.rows() == it.num_rows && out.cols() == it.layout.rows,
        "Bfloat16Product: x [m, k] without gaps, blocks [n, k], out [m, n]");
  if (out.stride() == out.cols()) return it.run(x, blocks, out.data());
  // oneDNN leaves no gaps between the rows of a result.
  auto result = Matrix<float>::for_overwrite(out.rows(), out.cols());
  it.run(x, blocks, result.values().data());
  for (std::size_t r = 0; r < out.rows(); ++r) {
    std::ranges::copy(result.row(r), out.row(r).begin());
  }
}

}  // namespace vlm
