#include "model/scoring.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace vlm {
namespace {

using Ids = std::vector<TokenId>;

// The characters that Python's str.rstrip() takes away, as UTF-8, those of ASCII apart.
constexpr std::array<std::string_view, 19> kWideSpaces{
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
constexpr std::string_view kSpaces = " \t\n\v\f\r\x1C\x1D\x1E\x1F";

std::size_t length_of_last_space(std::string_view text) {
  if (text.empty()) return 0;
  if (kSpaces.find(text.back()) != std::string_view::npos) return 1;
  for (const std::string_view space : kWideSpaces) {
    if (text.ends_with(space)) return space.size();
  }
  return 0;
}

std::string_view without_last_spaces(std::string_view text) {
  while (const std::size_t length = length_of_last_space(text)) text.remove_suffix(length);
  return text;
}

Ids beginning_of_texts(const Tokenizer& tokenizer) {
  if (tokenizer.bos_id()) return {*tokenizer.bos_id()};
  if (tokenizer.eos_id()) return {*tokenizer.eos_id()};
  throw Error(ErrorCode::kInvalidArgument,
              "an empty prompt needs a token that begins texts: tokenizer: no BOS, no EOS");
}

bool has_picture(const Model& model, const Ids& ids) {
  return model.image_token() && std::ranges::find(ids, *model.image_token()) != ids.end();
}

GenerationPrompt built(const Model& model, const ModelPrompt& prompt, Ids ids) {
  return model.build_prompt({"", std::move(ids), prompt.images});
}

}  // namespace

ScoringRequest choice_request(const Model& model, const ModelPrompt& prompt,
                              const std::vector<std::string>& continuations) {
  const std::string_view context = without_last_spaces(prompt.text);
  const Ids encoded = model.tokenizer().encode(context);
  ScoringRequest request;
  for (const std::string& continuation : continuations) {
    const Ids whole = model.tokenizer().encode(prompt.text + continuation);
    const auto first = static_cast<std::ptrdiff_t>(std::min(encoded.size(), whole.size()));
    Ids& own = request.continuations.emplace_back(whole.begin() + first, whole.end());
    if (own.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "a continuation without tokens of its own: '" + continuation + "'");
    }
    if (has_picture(model, own)) {
      throw Error(ErrorCode::kInvalidArgument,
                  "a picture in a continuation: '" + continuation + "'");
    }
  }
  request.prompt =
      built(model, prompt, encoded.empty() ? beginning_of_texts(model.tokenizer()) : encoded);
  return request;
}

ScoringRequest text_request(const Model& model, const ModelPrompt& text) {
  const Ids ids = model.tokenizer().encode(text.text);
  std::size_t first = 1;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (model.image_token() && ids[i] == *model.image_token()) first = i + 1;
  }
  if (ids.size() <= first) {
    throw Error(ErrorCode::kInvalidArgument,
                "a text without a token to score: '" + text.text + "'");
  }
  const auto cut = ids.begin() + static_cast<std::ptrdiff_t>(first);
  return {built(model, text, Ids(ids.begin(), cut)), {Ids(cut, ids.end())}};
}

}  // namespace vlm
