#pragma once

// A prompt as the decoder takes it: ids, and rows such as an image's features among them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "language/decoder.h"
#include "language/token_id.h"
#include "tensor/matrix_view.h"

namespace vlm {

// Rows that stand in a prompt in place of token embeddings, such as an image's features.
struct EmbeddedRows {
  std::size_t first_token = 0;
  MatrixView<const float> rows;  // [count, hidden]; its owner must outlive the call
};

// The ids at embedded rows count for repetition penalties only and need no embedding.
struct GenerationPrompt {
  std::vector<TokenId> ids;
  std::vector<EmbeddedRows> embedded;
  std::uint64_t random_stream = 0;  // of sampling: equal streams draw equal numbers
};

// Throws Error{kInvalidArgument}, naming the prompt by `index`, for one without a token, an id
// outside the vocabulary, or embedded rows that lie outside the prompt or have the wrong width.
void check_prompt(const GenerationPrompt& prompt, std::size_t index, const DecoderConfig& config);

// Writes the embeddings of a checked prompt from token `first` on to out [ids - first, hidden].
void embed_prompt(const Decoder& decoder, const GenerationPrompt& prompt, std::size_t first,
                  MatrixView<float> out);

}  // namespace vlm
