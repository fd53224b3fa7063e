#pragma once

// Tokens as GGUF files list them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/sentencepiece_table.h"
#include "core/json_fields.h"

namespace vlm {

// The parallel arrays tokenizer.ggml.tokens, scores and token_type; types are numbered as
// SentencePiece's are.
class GgufTokenTable {
 public:
  // Puts a token at an id, which may be beyond the present end.
  void set(std::size_t id, std::string text, PieceType type, float score = 0);
  // Every slot from the end to `size` becomes an unused token; what lies beyond is cut off.
  void resize(std::size_t size);

  [[nodiscard]] const std::vector<std::string>& texts() const noexcept { return texts_; }
  [[nodiscard]] const std::vector<float>& scores() const noexcept { return scores_; }
  [[nodiscard]] const std::vector<std::int32_t>& types() const noexcept { return types_; }
  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }

 private:
  std::vector<std::string> texts_;
  std::vector<float> scores_;
  std::vector<std::int32_t> types_;
};

// How llama.cpp calls the way in which the pre_tokenizer of a tokenizer.json cuts a text into
// words: "gpt-2", "llama-bpe", "qwen2" or "smollm". Throws Error{kUnsupported} for others.
std::string gguf_pre_tokenizer(const Json& pre_tokenizer, const std::string& where);

}  // namespace vlm
