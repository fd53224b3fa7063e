#pragma once

// Beam search over a batch of prompts, with the rules and the scoring of transformers
// (GenerationMixin._beam_search of version 5; BeamSearchScorer of version 4 agrees on the best).

#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "language/batch_engine.h"
#include "language/decoder.h"
#include "language/generate.h"

namespace vlm {

struct BeamHypothesis {
  std::vector<TokenId> ids;  // new ids, the end token included
  double score = 0.0;        // sum of log-probabilities / number of new ids ^ length_penalty
  bool ended = false;        // by an end token, not by length
};

// For each prompt its complete hypotheses, best first, at most options.num_beams.
// The rules act on log-probabilities. REQUIRES: checked prompts and
// options.
std::vector<std::vector<BeamHypothesis>> beam_search(const Decoder& decoder,
                                                     const PromptBatch& batch,
                                                     const GenerationOptions& options,
                                                     ThreadPool& pool);

}  // namespace vlm
