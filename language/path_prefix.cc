#include "language/path_prefix.h"

#include <algorithm>

#include "core/check.h"

namespace vlm {

PathPrefix::PathPrefix(const Decoder& decoder, std::size_t num_hops, const GenerationPrompt& prompt,
                       DecoderScratch& scratch, ThreadPool& pool)
    : scaling_(decoder.config().path.scaling),
      cache_(num_hops, decoder.config().kv_width()),
      hidden_(prompt.ids.size(), decoder.config().hidden_size) {
  check(num_hops < decoder.hops().size(), "PathPrefix: hops remain behind the prefix");
  hops_.assign(decoder.hops().begin(),
               decoder.hops().begin() + static_cast<std::ptrdiff_t>(num_hops + 1));
  embed_prompt(decoder, prompt, 0, hidden_.view());
  const SequenceRows rows{&cache_, 0, hidden_.rows()};
  decoder.forward_hops({0, num_hops}, hidden_.view(), {&rows, 1}, scratch, pool);
}

bool PathPrefix::begins(const Decoder& decoder) const {
  const std::vector<LayerHop>& hops = decoder.hops();
  if (hops.size() < hops_.size() || decoder.config().path.scaling != scaling_) return false;
  const std::size_t last = num_hops();
  const bool is_scaled_alike =
      scaling_ == HopScaling::kStream || hops[last].scale == hops_[last].scale;
  return is_scaled_alike && std::equal(hops_.begin(), hops_.end() - 1, hops.begin());
}

Matrix<float> PathPrefix::continue_along(const Decoder& decoder, KvCache& cache,
                                         DecoderScratch& scratch, ThreadPool& pool) const {
  check(begins(decoder), "PathPrefix::continue_along: a path that begins with the prefix");
  cache.begin_with(cache_);
  Matrix<float> hidden = hidden_.clone();
  const SequenceRows rows{&cache, 0, hidden.rows()};
  decoder.forward_hops({num_hops(), decoder.hops().size()}, hidden.view(), {&rows, 1}, scratch,
                       pool);
  return hidden;
}

}  // namespace vlm
