#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "eval/number_extraction.h"
#include "eval/rouge.h"
#include "eval/segmentation.h"
#include "eval/text_normalization.h"

// Any bytes can come out of a model: normalisation, segmentation and scores must take them all.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const vlm::WordSegmenter segmenter;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view reference = text.substr(0, size / 2);
  const std::string_view prediction = text.substr(size / 2);
  for (const auto tokenizer : {vlm::ScoreTokenizer::kIcuWord, vlm::ScoreTokenizer::kCharacter}) {
    const auto left = vlm::tokenize(tokenizer, segmenter, reference);
    const auto right = vlm::tokenize(tokenizer, segmenter, prediction);
    const auto tokens =
        vlm::number_tokens(std::span<const std::string>(left), std::span<const std::string>(right));
    const double f1 = vlm::rouge_l(tokens).f1;
    if (!(f1 >= 0.0 && f1 <= 1.0)) __builtin_trap();
    vlm::rouge_n(tokens, 2);
  }
  vlm::last_number(text);
  vlm::last_integer_of_harness(text);
  return 0;
}
