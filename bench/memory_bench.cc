// The rate at which this machine reads memory: the bound for a product of one row, which reads
// every weight once (weight_bench, inference_bench).
//
// 512 MiB are summed in vectors; each thread reads its share in several streams side by side, from
// pages of 4 KiB or of 2 MiB. The largest number is the rate.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/memory_bench.cc"
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <numeric>
#include <span>

#include <benchmark/benchmark.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <sys/mman.h>

#include "core/thread_pool.h"

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kMaxStreams = 8;

// The sum of words, whose count is a multiple of 1024 for each stream.
template <std::size_t kStreams>
std::uint32_t sum(std::span<const std::uint32_t> words) {
  const hn::ScalableTag<std::uint32_t> tag;
  const std::size_t part = words.size() / kStreams;
  const std::size_t step = 4 * hn::Lanes(tag);
  std::array<hn::VFromD<decltype(tag)>, kStreams> sums;
  for (auto& vector : sums) vector = hn::Zero(tag);
  for (std::size_t i = 0; i < part; i += step) {
    for (std::size_t s = 0; s < kStreams; ++s) {
      const std::uint32_t* first = words.data() + s * part + i;
      for (std::size_t k = 0; k < step; k += hn::Lanes(tag)) {
        sums[s] = hn::Add(sums[s], hn::Load(tag, first + k));
      }
    }
  }
  std::uint32_t result = 0;
  for (const auto& vector : sums) result += hn::GetLane(hn::SumOfLanes(tag, vector));
  return result;
}

std::uint32_t sum_streams(std::span<const std::uint32_t> words, std::size_t streams) {
  switch (streams) {
    case 1:
      return sum<1>(words);
    case 2:
      return sum<2>(words);
    case 4:
      return sum<4>(words);
    default:
      return sum<kMaxStreams>(words);
  }
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

HWY_EXPORT(sum_streams);

constexpr std::size_t kBytes = std::size_t{512} << 20U;
constexpr std::size_t kWords = kBytes / sizeof(std::uint32_t);

class Pages {
 public:
  explicit Pages(bool large) : memory_(::operator new(kBytes, kAlignment)) {
    ::madvise(memory_, kBytes, large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    const std::span words(static_cast<std::uint32_t*>(memory_), kWords);
    std::iota(words.begin(), words.end(), 0U);
  }
  ~Pages() { ::operator delete(memory_, kAlignment); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  Pages(Pages&&) = delete;
  Pages& operator=(Pages&&) = delete;

  [[nodiscard]] std::span<const std::uint32_t> words() const {
    return {static_cast<const std::uint32_t*>(memory_), kWords};
  }

 private:
  static constexpr std::align_val_t kAlignment{std::size_t{2} << 20U};
  void* memory_;
};

// Arguments: threads, streams, large pages.
void read_memory(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  ThreadPool pool(threads);
  const Pages pages(state.range(2) == 1);
  const std::size_t share = kWords / threads;
  for (auto _ : state) {
    pool.parallel_for(threads, [&](std::size_t thread) {
      benchmark::DoNotOptimize(HWY_DYNAMIC_DISPATCH(sum_streams)(
          pages.words().subspan(thread * share, share), static_cast<std::size_t>(state.range(1))));
    });
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBytes));
}
BENCHMARK(read_memory)
    ->ArgsProduct({{1, 2}, {1, 2, 4, 8}, {0, 1}})
    ->ArgNames({"threads", "streams", "large_pages"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
#endif
