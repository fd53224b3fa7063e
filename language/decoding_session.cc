#include "language/decoding_session.h"

#include <algorithm>

#include "core/check.h"

namespace vlm {
namespace {

// Prompts run together until they have so many tokens: enough for full-speed products, and memory
// for activations stays bounded.
constexpr std::size_t kPromptRows = 1024;

void make_room(Matrix<float>& buffer, std::size_t rows, std::size_t cols) {
  if (buffer.rows() < rows) buffer = Matrix<float>(rows, cols);
}

}  // namespace

MatrixView<float> DecodingSession::start(std::span<const GenerationPrompt* const> prompts,
                                         std::span<KvCache* const> caches) {
  check(prompts.size() == caches.size(), "DecodingSession::start: one cache for each prompt");
  make_room(step_, prompts.size(), decoder_->config().hidden_size);
  std::size_t first = 0;
  while (first < prompts.size()) {
    std::size_t count = 1;
    std::size_t rows = prompts[first]->ids.size();
    while (first + count < prompts.size() &&
           rows + prompts[first + count]->ids.size() <= kPromptRows) {
      rows += prompts[first + count]->ids.size();
      ++count;
    }
    run_prompts(prompts.subspan(first, count), caches.subspan(first, count),
                step_.view().rows(first, count));
    first += count;
  }
  return logits(step_.first_rows(prompts.size()));
}

void DecodingSession::run_prompts(std::span<const GenerationPrompt* const> prompts,
                                  std::span<KvCache* const> caches, MatrixView<float> last) {
  sequences_.clear();
  std::size_t rows = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    sequences_.push_back({caches[i], rows, prompts[i]->ids.size()});
    rows += prompts[i]->ids.size();
  }
  Matrix<float> hidden(rows, decoder_->config().hidden_size);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    embed_prompt(*decoder_, *prompts[i],
                 hidden.view().rows(sequences_[i].first_row, sequences_[i].num_rows));
  }
  decoder_->forward(hidden.view(), sequences_, scratch_, *pool_);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::size_t last_row = sequences_[i].first_row + sequences_[i].num_rows - 1;
    std::ranges::copy(hidden.row(last_row), last.row(i).begin());
  }
}

MatrixView<float> DecodingSession::advance(std::span<const TokenId> ids,
                                           std::span<KvCache* const> caches) {
  check(ids.size() == caches.size(), "DecodingSession::advance: one cache for each id");
  make_room(step_, ids.size(), decoder_->config().hidden_size);
  sequences_.clear();
  for (std::size_t i = 0; i < ids.size(); ++i) sequences_.push_back({caches[i], i, 1});
  const MatrixView<float> hidden = step_.first_rows(ids.size());
  decoder_->embed(ids, hidden);
  decoder_->forward(hidden, sequences_, scratch_, *pool_);
  return logits(hidden);
}

MatrixView<float> DecodingSession::logits(MatrixView<const float> hidden) {
  make_room(logits_, hidden.rows(), decoder_->config().vocab_size);
  const MatrixView<float> out = logits_.first_rows(hidden.rows());
  decoder_->logits(hidden, out, scratch_, *pool_);
  return out;
}

}  // namespace vlm
