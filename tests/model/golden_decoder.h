#pragma once

// A decoder read from a checkpoint directory, and golden tensors beside it, for tests.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors.h"
#include "core/json_fields.h"
#include "language/decoder.h"
#include "model/decoder_storage.h"
#include "tensor/matrix.h"

namespace vlm {

inline std::filesystem::path golden_lm(const std::string& name) {
  return std::filesystem::path(VLM_TEST_DATA) / "language/lm" / name;
}

inline DecoderStorage load_decoder_storage(const std::filesystem::path& directory,
                                           ThreadPool& pool) {
  const FileCheckpoint checkpoint(directory);
  return DecoderStorage::load(checkpoint, parse_decoder_config(checkpoint.config().text()), pool);
}

inline Matrix<float> read_matrix(const SafetensorsFile& file, const std::string& name) {
  const TensorView view = file.view(name);
  Matrix<float> matrix(view.shape.size() == 2 ? view.shape[0] : 1, view.shape.back());
  read_floats(view, 0, matrix.values());
  return matrix;
}

inline float largest_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0.0F;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

// All positions of one sequence in one forward pass.
struct SequenceRun {
  std::vector<Matrix<float>> hidden;  // after each hop, [tokens, hidden]
  Matrix<float> final_norm;           // [tokens, hidden]
  Matrix<float> logits;               // [tokens, vocab]
};

inline SequenceRun run_sequence(const Decoder& decoder, std::span<const TokenId> ids,
                                ThreadPool& pool) {
  SequenceRun run;
  DecoderScratch scratch;
  KvCache cache = decoder.make_cache();
  Matrix<float> hidden(ids.size(), decoder.config().hidden_size);
  decoder.embed(ids, hidden.view());
  const std::vector<SequenceRows> sequences{{&cache, 0, ids.size()}};
  decoder.forward(hidden.view(), sequences, scratch, pool,
                  [&](std::size_t, MatrixView<const float> stream) {
                    Matrix<float>& copy = run.hidden.emplace_back(stream.rows(), stream.cols());
                    for (std::size_t r = 0; r < stream.rows(); ++r) {
                      std::ranges::copy(stream.row(r), copy.row(r).begin());
                    }
                  });
  run.final_norm = Matrix<float>(ids.size(), decoder.config().hidden_size);
  decoder.final_norm(hidden.view(), run.final_norm.view());
  run.logits = Matrix<float>(ids.size(), decoder.config().vocab_size);
  decoder.logits(hidden.view(), run.logits.view(), scratch, pool);
  return run;
}

}  // namespace vlm
