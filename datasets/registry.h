#pragma once

// Benchmarks by name: what a command line such as `--benchmark ja-emoji-vqa/search` stands for.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/benchmark.h"

namespace vlm {

struct BenchmarkReference {
  std::string name;                           // a known benchmark
  std::string split;                          // "search" or "test"
  std::optional<std::filesystem::path> path;  // given as NAME=PATH: the items are there
};

struct Benchmark {
  std::string name;
  std::string split;
  std::vector<BenchmarkItem> items;
  std::string data_hash;  // hash_benchmark_items(items)
};

// Names of all benchmarks, the bundled ones first.
std::vector<std::string> benchmark_names();

// Reads NAME[/SPLIT][=PATH]; the split is "test" unless given. Throws Error{kInvalidArgument} for
// an unknown name (with the nearest one), a split the benchmark lacks, an empty path, or a
// benchmark whose data is not bundled without a path.
BenchmarkReference parse_benchmark_reference(std::string_view text);

// Loads the items from the reference's path, else from data_root/datasets/NAME/SPLIT.
// Throws what load_benchmark_items() throws.
Benchmark open_benchmark(const BenchmarkReference& reference,
                         const std::filesystem::path& data_root);

// Keeps the first `limit` items, at least one, and hashes anew what is left.
void limit_items(Benchmark& benchmark, std::size_t limit);

}  // namespace vlm
