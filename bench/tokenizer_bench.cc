// Tokens per second of encoding and decoding, for both kinds of tokenizer files: tokenizer.json
// (metaspace BPE) and tokenizer.model of a bundled model, and the byte-level BPE of SmolLM2.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "language/tokenizer.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;

// A copy of a directory's tokenizer files without tokenizer.json.
class DirectoryWithoutJson {
 public:
  explicit DirectoryWithoutJson(const std::filesystem::path& source)
      : path_(std::filesystem::temp_directory_path() /
              ("vlm_tokenizer_bench_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
    for (const char* const name : {"tokenizer.model", "tokenizer_config.json"}) {
      std::filesystem::copy_file(source / name, path_ / name);
    }
  }
  ~DirectoryWithoutJson() { std::filesystem::remove_all(path_); }
  DirectoryWithoutJson(const DirectoryWithoutJson&) = delete;
  DirectoryWithoutJson& operator=(const DirectoryWithoutJson&) = delete;
  DirectoryWithoutJson(DirectoryWithoutJson&&) = delete;
  DirectoryWithoutJson& operator=(DirectoryWithoutJson&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Tokenizer load_kind(const std::string& kind) {
  const std::filesystem::path zoo = kProject / "zoo/models/base-lm";
  if (kind == "byte-level") {
    return Tokenizer::load(kProject / "tests/data/language/tokenizer/smollm2");
  }
  return Tokenizer::load(kind == "metaspace" ? zoo : DirectoryWithoutJson(zoo).path());
}

std::string mixed_text(std::int64_t sentences) {
  std::string text;
  for (std::int64_t i = 0; i < sentences; ++i) {
    text += "The picture shows " + std::to_string(i) + " cats. 写真には猫が" + std::to_string(i) +
            "匹写っています。\n";
  }
  return text;
}

void set_rate(benchmark::State& state, std::size_t tokens) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(tokens));
}

void encode(benchmark::State& state, const std::string& kind) {
  const Tokenizer tokenizer = load_kind(kind);
  const std::string text = mixed_text(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(text));
  set_rate(state, tokenizer.encode(text).size());
}

void decode(benchmark::State& state, const std::string& kind) {
  const Tokenizer tokenizer = load_kind(kind);
  const std::vector<TokenId> ids = tokenizer.encode(mixed_text(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids));
  set_rate(state, ids.size());
}

BENCHMARK_CAPTURE(encode, sentencepiece, "sentencepiece")->Arg(1)->Arg(1000);
BENCHMARK_CAPTURE(encode, metaspace, "metaspace")->Arg(1)->Arg(1000);
BENCHMARK_CAPTURE(encode, byte_level, "byte-level")->Arg(1)->Arg(1000);
BENCHMARK_CAPTURE(decode, sentencepiece, "sentencepiece")->Arg(1000);
BENCHMARK_CAPTURE(decode, metaspace, "metaspace")->Arg(1000);
BENCHMARK_CAPTURE(decode, byte_level, "byte-level")->Arg(1000);

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
