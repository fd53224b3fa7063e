#pragma once

// What an evaluation asks of whatever answers its questions. Evaluation knows no models: the
// caller passes a function.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vlm {

// A prompt as the model sees it. `text` has no BOS; with an image it holds one "<image>".
struct EvalPrompt {
  std::string text;
  std::optional<std::filesystem::path> image;
};

// How to write an answer. One beam is greedy search.
struct AnswerOptions {
  std::size_t max_tokens = 64;
  std::size_t num_beams = 1;
  double repetition_penalty = 1.0;        // 1: none
  std::vector<std::string> stop_strings;  // the answer ends before the first of them
};

// One answer per prompt, in order.
using AnswerFunction =
    std::function<std::vector<std::string>(std::span<const EvalPrompt>, const AnswerOptions&)>;

}  // namespace vlm
