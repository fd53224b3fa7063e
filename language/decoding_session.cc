#include "language/decoding_session.h"

#include <algorithm>

#include "core/check.h"
#include "language/decoder_scratch.h"
#include "language/logits_rules.h"

namespace vlm {

MatrixView<float> DecodingSession::step(std::span<const NextToken> running,
                                        std::span<const NewSequence> starting) {
  check(!running.empty() || !starting.empty(), "DecodingSession::step: at least one sequence");
  sequences_.clear();
  std::size_t rows = 0;
  const auto add = [&](KvCache* cache, std::size_t count) {
    sequences_.push_back({cache, rows, count});
    rows += count;
  };
  for (const NextToken& next : running) add(next.cache, 1);
  for (const NewSequence& sequence : starting) {
    check(sequence.cache->num_tokens() < sequence.prompt->ids.size(),
          "DecodingSession::step: a prompt's last token is not yet read");
    add(sequence.cache, sequence.prompt->ids.size() - sequence.cache->num_tokens());
  }

  const DecoderConfig& config = decoder_->config();
  make_room(hidden_, rows, config.hidden_size);
  const MatrixView<float> hidden = hidden_.first_rows(rows);
  for (std::size_t i = 0; i < running.size(); ++i) {
    decoder_->embed({&running[i].id, 1}, hidden.rows(i, 1));
  }
  for (std::size_t i = 0; i < starting.size(); ++i) {
    const SequenceRows& place = sequences_[running.size() + i];
    embed_prompt(*decoder_, *starting[i].prompt, place.cache->num_tokens(),
                 hidden.rows(place.first_row, place.num_rows));
  }
  decoder_->forward(hidden, sequences_, scratch_, *pool_);

  make_room(last_, sequences_.size(), config.hidden_size);
  make_room(logits_, sequences_.size(), config.vocab_size);
  const MatrixView<float> last = last_.first_rows(sequences_.size());
  const MatrixView<float> logits = logits_.first_rows(sequences_.size());
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const std::size_t last_row = sequences_[i].first_row + sequences_[i].num_rows - 1;
    std::ranges::copy(hidden.row(last_row), last.row(i).begin());
  }
  decoder_->logits(last, logits, scratch_, *pool_);
  refuse_nan(logits);
  return logits;
}

}  // namespace vlm
