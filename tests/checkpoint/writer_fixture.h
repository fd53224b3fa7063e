#pragma once

// A made-up checkpoint and a place to write it to.

#include <filesystem>
#include <iterator>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "checkpoint/writer.h"
#include "core/files.h"
#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {

class Writer : public testing::Test {
 protected:
  Writer() : target(directory.path() / "out") {
    directory.add("source/config.json", "{}");
    directory.add("source/tokenizer.json", "tokens");
    directory.add("source/chat_template.jinja", "old template");
    directory.add("source/README.md", "about the source");
    options.config_json = text_config();
  }

  // Six tensors of 64 elements in three dtypes.
  [[nodiscard]] MadeUpCheckpoint source() const {
    return MadeUpCheckpoint({{"text/model.embed_tokens.weight", DType::kBF16, {8, 8}},
                             {"text/model.layers.0.a.weight", DType::kF32, {64}},
                             {"text/model.layers.0.b.weight", DType::kF16, {4, 16}},
                             {"text/model.layers.1.a.weight", DType::kF32, {64}},
                             {"text/model.norm.weight", DType::kBF16, {0, 3}},
                             {"text/lm_head.weight", DType::kBF16, {8, 8}}},
                            directory.path() / "source");
  }
  void write(const Checkpoint& checkpoint, std::size_t num_threads = 1) const {
    ThreadPool pool(num_threads);
    write_checkpoint(checkpoint, target, options, pool);
  }
  // Nothing but the source is left, not even a hidden file.
  [[nodiscard]] bool nothing_is_left() const {
    return std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1;
  }

  TemporaryDirectory directory;
  std::filesystem::path target;
  WriteOptions options;
};

// File name -> content.
inline std::map<std::string, std::string> contents(const std::filesystem::path& directory) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    all[entry.path().filename().string()] = read_text_file(entry.path());
  }
  return all;
}

}  // namespace vlm
