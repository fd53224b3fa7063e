#pragma once

// Prompt templates by name: the text around a question, to the last byte as the models were trained
// or as the papers evaluated.

#include <string>
#include <string_view>
#include <vector>

namespace vlm {

struct PromptTemplate {
  std::string name;
  std::string text;          // with "{input}" once, where the question goes
  bool needs_image = false;  // text then holds "<image>"
};

// All templates: "ja-vqa", "en-vqa" (bundled models), "ja-shisa-vqa", "ja-alpaca-cot" (SakanaAI
// evolutionary-model-merge, models/prompt_templates.py), "en-alpaca-cot" (Stanford Alpaca with
// "Let's think step by step.").
const std::vector<PromptTemplate>& prompt_templates();

// Throws Error{kInvalidArgument} for an unknown name, with the nearest one.
const PromptTemplate& find_prompt_template(std::string_view name);

// The template's text with the question in its place.
std::string render_prompt(const PromptTemplate& prompt, std::string_view question);

}  // namespace vlm
