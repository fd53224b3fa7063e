#include "datasets/registry.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/check.h"
#include "core/error.h"
#include "core/nearest_name.h"

namespace vlm {
namespace {

struct RegistryRow {
  std::string_view name;
  bool has_search_split;
  bool bundled;
};

// Benchmarks that are not bundled have the splits their user gives them.
constexpr std::array<RegistryRow, 8> kRegistry{{
    {"ja-emoji-vqa", true, true},
    {"en-emoji-vqa", true, true},
    {"ja-emoji-in-the-wild", false, true},
    {"ja-math", true, true},
    {"en-math", false, true},
    {"ja-vg-vqa-500", true, false},
    {"ja-vlm-bench-in-the-wild", true, false},
    {"mgsm-ja", true, false},
}};

const RegistryRow& find_row(const std::string& name) {
  const auto* row = std::find_if(kRegistry.begin(), kRegistry.end(),
                                 [&name](const RegistryRow& known) { return known.name == name; });
  if (row == kRegistry.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                "unknown benchmark: '" + name + "'" + name_hint(name, benchmark_names()));
  }
  return *row;
}

void check_split(const RegistryRow& row, const std::string& split) {
  std::vector<std::string> splits{"test"};
  if (row.has_search_split) splits.emplace_back("search");
  if (std::find(splits.begin(), splits.end(), split) == splits.end()) {
    throw Error(ErrorCode::kInvalidArgument, "unknown split: " + std::string(row.name) + ": '" +
                                                 split + "'" + name_hint(split, splits));
  }
}

}  // namespace

std::vector<std::string> benchmark_names() {
  std::vector<std::string> names;
  names.reserve(kRegistry.size());
  for (const RegistryRow& row : kRegistry) names.emplace_back(row.name);
  return names;
}

BenchmarkReference parse_benchmark_reference(std::string_view text) {
  BenchmarkReference reference;
  const std::size_t equals = text.find('=');
  const std::string_view name_and_split = text.substr(0, equals);
  const std::size_t slash = name_and_split.find('/');
  reference.name = name_and_split.substr(0, slash);
  reference.split = slash == std::string_view::npos ? "test" : name_and_split.substr(slash + 1);
  const RegistryRow& row = find_row(reference.name);
  check_split(row, reference.split);
  if (equals != std::string_view::npos) {
    reference.path = text.substr(equals + 1);
    if (reference.path->empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "benchmark without a path after '=': '" + std::string(text) + "'");
    }
  } else if (!row.bundled) {
    throw Error(ErrorCode::kInvalidArgument,
                "data of this benchmark is not bundled: " + reference.name +
                    " (say where it is: " + reference.name + "=PATH)");
  }
  return reference;
}

Benchmark open_benchmark(const BenchmarkReference& reference,
                         const std::filesystem::path& data_root) {
  Benchmark benchmark;
  benchmark.name = reference.name;
  benchmark.split = reference.split;
  benchmark.items = load_benchmark_items(
      reference.path.value_or(data_root / "datasets" / reference.name / reference.split));
  benchmark.data_hash = hash_benchmark_items(benchmark.items);
  return benchmark;
}

void limit_items(Benchmark& benchmark, std::size_t limit) {
  check(limit > 0, "at least one item is kept");
  if (limit >= benchmark.items.size()) return;
  benchmark.items.resize(limit);
  benchmark.data_hash = hash_benchmark_items(benchmark.items);
}

}  // namespace vlm
