#pragma once

// A model that runs: tokenizer, decoder and, for a vision-language model, vision tower. Made from
// any Checkpoint, on disk or merged in memory.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/generate.h"
#include "language/generation_options.h"
#include "language/tokenizer.h"
#include "model/decoder_storage.h"
#include "model/image_features.h"
#include "model/vision_tower.h"

namespace vlm {

// What a model is asked.
struct ModelPrompt {
  std::string text;                   // "<image>" stands where each picture goes
  std::vector<TokenId> ids;           // instead of `text`, if not empty
  std::vector<ImageFeatures> images;  // in the order of their places
  std::uint64_t random_stream = 0;    // of sampling, see GenerationPrompt
};

// What candidates of one search have in common. All may be shared between threads.
struct SharedModelParts {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const VisionTower> vision;  // null: a text model
};

// The tokenizer of a checkpoint's directory, as its model takes it. Throws what Tokenizer::load()
// throws.
std::shared_ptr<const Tokenizer> load_tokenizer(const Checkpoint& checkpoint);

class Model {
 public:
  // Loads all parts; `format` is that of the language model, and of the vision tower as
  // vision_weight_format() says. Throws Error{kNotFound, kIo,
  // kCorruptFile, kUnsupported}.
  Model(const Checkpoint& checkpoint, ThreadPool& pool,
        WeightFormat format = WeightFormat::kFloat32);
  // Loads the language model alone and takes the rest from another model.
  Model(const Checkpoint& checkpoint, SharedModelParts shared, ThreadPool& pool,
        WeightFormat format = WeightFormat::kFloat32);

  // Takes the language model of another checkpoint of the same config, in the same memory.
  void replace_language_model(const Checkpoint& checkpoint, ThreadPool& pool);

  [[nodiscard]] const Decoder& decoder() const noexcept { return decoder_; }
  [[nodiscard]] const Tokenizer& tokenizer() const noexcept { return *shared_.tokenizer; }
  [[nodiscard]] const SharedModelParts& shared_parts() const noexcept { return shared_; }
  [[nodiscard]] bool sees_images() const noexcept { return shared_.vision != nullptr; }
  // The ids that end a text: generation_config.json, else config.json, else the tokenizer's.
  [[nodiscard]] const std::vector<TokenId>& end_ids() const noexcept { return end_ids_; }

  // The token that stands for a picture in the ids of a vision-language model.
  [[nodiscard]] const std::optional<TokenId>& image_token() const noexcept { return image_token_; }

  // Ids with every image token expanded, and the pictures' rows where they go.
  // Throws Error{kInvalidArgument} if the number of image tokens is neither that of the pictures
  // nor that of all their features, or if a text model gets pictures.
  [[nodiscard]] GenerationPrompt build_prompt(const ModelPrompt& prompt) const;

  // Continues all prompts; `options.eos_ids` empty means end_ids().
  // Throws what build_prompt() and vlm::generate() throw.
  [[nodiscard]] std::vector<Generation> generate(std::span<const ModelPrompt> prompts,
                                                 GenerationOptions options,
                                                 const BatchOptions& batch, ThreadPool& pool) const;

 private:
  DecoderStorage storage_;
  Decoder decoder_;
  SharedModelParts shared_;
  std::vector<TokenId> end_ids_;
  std::optional<TokenId> image_token_;  // of a vision-language model
};

}  // namespace vlm
