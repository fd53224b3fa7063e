#include "checkpoint/layout.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace vlm {
namespace {

struct PrefixRule {
  std::string_view disk;
  std::string_view canonical;
};

// Plain text models are held to the known modules, so that a model of another kind is not taken for
// one.
constexpr std::array kPlainTextRules{
    PrefixRule{"model.embed_tokens.", "text/model.embed_tokens."},
    PrefixRule{"model.layers.", "text/model.layers."},
    PrefixRule{"model.norm.", "text/model.norm."},
    PrefixRule{"lm_head.", "text/lm_head."},
};

constexpr std::array kLlavaHubRules{
    PrefixRule{"language_model.model.", "text/model."},
    PrefixRule{"language_model.lm_head.", "text/lm_head."},
    PrefixRule{"vision_tower.vision_model.", "vision/"},
    PrefixRule{"multi_modal_projector.", "projector/"},
    PrefixRule{"image_newline", "projector/image_newline"},
};

constexpr std::array kLlavaSavedV5Rules{
    PrefixRule{"language_model.model.", "text/model."},
    PrefixRule{"language_model.lm_head.", "text/lm_head."},
    PrefixRule{"vision_tower.", "vision/"},
    PrefixRule{"multi_modal_projector.", "projector/"},
    PrefixRule{"image_newline", "projector/image_newline"},
};

constexpr std::array kLlavaInMemoryV5Rules{
    PrefixRule{"model.language_model.", "text/model."},
    PrefixRule{"lm_head.", "text/lm_head."},
    PrefixRule{"model.vision_tower.", "vision/"},
    PrefixRule{"model.multi_modal_projector.", "projector/"},
    PrefixRule{"model.image_newline", "projector/image_newline"},
};

constexpr std::array kOriginalLlavaRules{
    PrefixRule{"model.embed_tokens.", "text/model.embed_tokens."},
    PrefixRule{"model.layers.", "text/model.layers."},
    PrefixRule{"model.norm.", "text/model.norm."},
    PrefixRule{"lm_head.", "text/lm_head."},
    PrefixRule{"model.vision_tower.vision_tower.vision_model.", "vision/"},
    PrefixRule{"model.mm_projector.0.", "projector/linear_1."},
    PrefixRule{"model.mm_projector.2.", "projector/linear_2."},
    PrefixRule{"model.image_newline", "projector/image_newline"},
};

constexpr std::array kOriginalLlavaLinearRules{
    PrefixRule{"model.embed_tokens.", "text/model.embed_tokens."},
    PrefixRule{"model.layers.", "text/model.layers."},
    PrefixRule{"model.norm.", "text/model.norm."},
    PrefixRule{"lm_head.", "text/lm_head."},
    PrefixRule{"model.vision_tower.vision_tower.vision_model.", "vision/"},
    PrefixRule{"model.mm_projector.", "projector/linear_1."},
    PrefixRule{"model.image_newline", "projector/image_newline"},
};

constexpr std::array kClipRules{PrefixRule{"vision_model.", "vision/"}};

constexpr std::array kClipSavedV5Rules{
    PrefixRule{"embeddings.", "vision/embeddings."},
    PrefixRule{"pre_layrnorm.", "vision/pre_layrnorm."},
    PrefixRule{"encoder.", "vision/encoder."},
    PrefixRule{"post_layernorm.", "vision/post_layernorm."},
};

std::span<const PrefixRule> rules_of(LayoutKind kind) noexcept {
  switch (kind) {
    case LayoutKind::kLlavaHub:
      return kLlavaHubRules;
    case LayoutKind::kLlavaSavedV5:
      return kLlavaSavedV5Rules;
    case LayoutKind::kLlavaInMemoryV5:
      return kLlavaInMemoryV5Rules;
    case LayoutKind::kOriginalLlava:
      return kOriginalLlavaRules;
    case LayoutKind::kOriginalLlavaLinear:
      return kOriginalLlavaLinearRules;
    case LayoutKind::kClip:
      return kClipRules;
    case LayoutKind::kClipSavedV5:
      return kClipSavedV5Rules;
    case LayoutKind::kPlainText:
      break;
  }
  return kPlainTextRules;
}

// A prefix that ends in a dot needs a name behind it; any other is the whole name.
bool matches(std::string_view name, std::string_view prefix) noexcept {
  if (!prefix.ends_with('.') && !prefix.ends_with('/')) return name == prefix;
  return name.starts_with(prefix) && name.size() > prefix.size();
}

std::string renamed(std::string_view name, std::string_view from, std::string_view to) {
  return std::string(to) + std::string(name.substr(from.size()));
}

bool any_begins(std::span<const std::string> names, std::string_view prefix) {
  return std::any_of(names.begin(), names.end(), [prefix](const std::string& name) {
    return name.starts_with(prefix) && !is_known_buffer(name);
  });
}

}  // namespace

Layout Layout::detect(std::span<const std::string> disk_names) {
  const auto any_starts_with = [disk_names](std::string_view prefix) {
    return any_begins(disk_names, prefix);
  };
  if (any_starts_with("model.mm_projector.")) {
    const bool is_linear =
        any_starts_with("model.mm_projector.weight") || any_starts_with("model.mm_projector.bias");
    return Layout(is_linear ? LayoutKind::kOriginalLlavaLinear : LayoutKind::kOriginalLlava);
  }
  if (any_starts_with("model.language_model.") || any_starts_with("model.vision_tower.")) {
    return Layout(LayoutKind::kLlavaInMemoryV5);
  }
  if (any_starts_with("vision_tower.vision_model.")) return Layout(LayoutKind::kLlavaHub);
  if (any_starts_with("vision_tower.")) return Layout(LayoutKind::kLlavaSavedV5);
  if (any_starts_with("language_model.")) return Layout(LayoutKind::kLlavaHub);
  return Layout(LayoutKind::kPlainText);
}

Layout Layout::detect_tower(std::span<const std::string> disk_names) {
  return Layout(any_begins(disk_names, "encoder.") ? LayoutKind::kClipSavedV5 : LayoutKind::kClip);
}

std::string_view Layout::name() const noexcept {
  switch (kind_) {
    case LayoutKind::kLlavaHub:
      return "llava-hf";
    case LayoutKind::kLlavaSavedV5:
      return "llava-hf as saved by transformers 5";
    case LayoutKind::kLlavaInMemoryV5:
      return "LLaVA module names of transformers 5";
    case LayoutKind::kOriginalLlava:
      return "original LLaVA";
    case LayoutKind::kOriginalLlavaLinear:
      return "original LLaVA, linear projector";
    case LayoutKind::kClip:
      return "CLIP";
    case LayoutKind::kClipSavedV5:
      return "CLIP vision tower as saved by transformers 5";
    case LayoutKind::kPlainText:
      break;
  }
  return "plain text model";
}

std::optional<std::string> Layout::canonical_name(std::string_view disk_name) const {
  for (const PrefixRule& rule : rules_of(kind_)) {
    if (!matches(disk_name, rule.disk)) continue;
    std::string name = renamed(disk_name, rule.disk, rule.canonical);
    // A name must map back to itself: "multi_modal_projector.image_newline" would not.
    if (this->disk_name(name) == disk_name) return name;
  }
  return std::nullopt;
}

std::string Layout::disk_name(std::string_view canonical_name) const {
  const auto rules = rules_of(kind_);
  // Whole names go before prefixes: projector/image_newline is not of multi_modal_projector.
  for (const bool whole : {true, false}) {
    for (const PrefixRule& rule : rules) {
      const bool is_whole = !rule.disk.ends_with('.');
      if (is_whole == whole && matches(canonical_name, rule.canonical)) {
        return renamed(canonical_name, rule.canonical, rule.disk);
      }
    }
  }
  throw Error(ErrorCode::kInvalidArgument,
              "layout has no place for tensor: " + std::string(name()) + ": " +
                  std::string(canonical_name));
}

bool is_known_buffer(std::string_view disk_name) noexcept {
  return disk_name.ends_with(".rotary_emb.inv_freq") ||
         disk_name.ends_with(".embeddings.position_ids");
}

}  // namespace vlm
