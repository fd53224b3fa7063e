#include "language/generation_prompt.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace vlm {
namespace {

[[noreturn]] void fail(std::size_t index, const std::string& what, const std::string& seen) {
  throw Error(ErrorCode::kInvalidArgument,
              "prompt " + std::to_string(index) + ": " + what + ": " + seen);
}

void check_ids(std::span<const TokenId> ids, std::size_t index, const DecoderConfig& config) {
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<std::size_t>(id) >= config.vocab_size) {
      fail(index, "token id outside the vocabulary of " + std::to_string(config.vocab_size),
           std::to_string(id));
    }
  }
}

}  // namespace

void check_prompt(const GenerationPrompt& prompt, std::size_t index, const DecoderConfig& config) {
  if (prompt.ids.empty()) fail(index, "expected at least one token", "0");
  const std::span<const TokenId> ids = prompt.ids;
  std::size_t next = 0;
  for (const EmbeddedRows& embedded : prompt.embedded) {
    const std::size_t first = embedded.first_token;
    const std::size_t count = embedded.rows.rows();
    if (first < next || first > ids.size() || count > ids.size() - first) {
      fail(index,
           "embedded rows outside the prompt of " + std::to_string(ids.size()) +
               " tokens or out of order",
           std::to_string(count) + " rows at " + std::to_string(first));
    }
    if (embedded.rows.cols() != config.hidden_size) {
      fail(index,
           "expected embedded rows as wide as the decoder's " + std::to_string(config.hidden_size),
           std::to_string(embedded.rows.cols()));
    }
    check_ids(ids.subspan(next, first - next), index, config);
    next = first + count;
  }
  check_ids(ids.subspan(next), index, config);
}

void embed_prompt(const Decoder& decoder, const GenerationPrompt& prompt, std::size_t first,
                  MatrixView<float> out) {
  const std::span<const TokenId> ids = prompt.ids;
  std::size_t next = first;
  const auto embed_until = [&](std::size_t end) {
    if (end <= next) return;
    decoder.embed(ids.subspan(next, end - next), out.rows(next - first, end - next));
    next = end;
  };
  for (const EmbeddedRows& embedded : prompt.embedded) {
    embed_until(embedded.first_token);
    for (; next < embedded.first_token + embedded.rows.rows(); ++next) {
      std::ranges::copy(embedded.rows.row(next - embedded.first_token),
                        out.row(next - first).begin());
    }
  }
  embed_until(ids.size());
}

}  // namespace vlm
