#pragma once

// Texts as scoring requests: which tokens of a prompt and its continuation are scored.

#include <string>
#include <vector>

#include "language/score.h"
#include "model/model.h"

namespace vlm {

// The tokens of each continuation as lm-evaluation-harness cuts them (TemplateLM._encode_pair):
// white space at the end of the prompt goes to the continuation; prompt + continuation are encoded
// together; the tokens behind as many as the prompt alone has are the continuation's. An empty
// prompt is the token that begins texts (BOS, else EOS). Throws Error{kInvalidArgument} for a
// continuation without tokens of its own or with a picture, and what Model::build_prompt() throws.
// The pictures of `prompt` must outlive the request.
ScoringRequest choice_request(const Model& model, const ModelPrompt& prompt,
                              const std::vector<std::string>& continuations);

// All tokens of a text but the first, before which nothing stands; with pictures, the tokens behind
// the last one. Throws Error{kInvalidArgument} if there is none, and what Model::build_prompt()
// throws.
ScoringRequest text_request(const Model& model, const ModelPrompt& text);

}  // namespace vlm
