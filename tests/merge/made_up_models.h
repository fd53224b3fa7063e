#pragma once

// Language models of two numbers per row whose tensors are all filled with one value, so that a
// merge can be checked by eye.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "merge/merged_checkpoint.h"
#include "merge/recipe_parser.h"
#include "tests/merge/memory_checkpoint.h"

namespace vlm {

struct MadeUpModel {
  float value = 0;
  std::size_t layers = 2;
  std::size_t vocabulary = 3;
  bool has_head = true;
  DType dtype = DType::kF32;
  Json config = Json();  // changes to the (text) config
  bool is_vlm = false;
  std::size_t vision_layers = 0;
  Json vision = Json();  // changes to the vision config
  Json top = Json();     // changes to the config of a VLM beside its parts
};

inline std::shared_ptr<const Checkpoint> make_up(const MadeUpModel& model) {
  Json text = {{"architectures", {"MistralForCausalLM"}},
               {"hidden_size", 2},
               {"num_attention_heads", 1},
               {"num_key_value_heads", 1},
               {"num_hidden_layers", model.layers},
               {"vocab_size", model.vocabulary},
               {"intermediate_size", 2},
               {"torch_dtype", torch_name(model.dtype)}};
  if (!model.config.is_null()) text.update(model.config);
  Json config = text;
  if (model.is_vlm) {
    text["model_type"] = "mistral";
    config = {{"architectures", {"LlavaForConditionalGeneration"}},
              {"text_config", text},
              {"vision_config", {{"hidden_size", 2}, {"patch_size", 14}}}};
    if (!model.vision.is_null()) config["vision_config"].update(model.vision);
    if (!model.top.is_null()) config.update(model.top);
  }
  auto made = std::make_shared<MemoryCheckpoint>(parse_model_config(config, "config.json"));
  const auto add = [&](const std::string& name, const Shape& shape) {
    made->add(name, shape, std::vector<float>(*element_count(shape), model.value), model.dtype);
  };
  add("text/model.embed_tokens.weight", {model.vocabulary, 2});
  for (std::size_t i = 0; i < model.layers; ++i) {
    const std::string layer = "text/model.layers." + std::to_string(i);
    add(layer + ".self_attn.q_proj.weight", {2, 2});
    add(layer + ".mlp.up_proj.weight", {2, 2});
  }
  add("text/model.norm.weight", {2});
  if (model.has_head) add("text/lm_head.weight", {model.vocabulary, 2});
  if (model.is_vlm) {
    add("vision/embeddings.class_embedding", {2});
    for (std::size_t i = 0; i < model.vision_layers; ++i) {
      const std::string layer = "vision/encoder.layers." + std::to_string(i);
      add(layer + ".layer_norm1.weight", {2});
      add(layer + ".mlp.fc1.weight", {2, 2});
    }
    add("projector/linear_1.weight", {2, 2});
  }
  return made;
}

// Of models "a" and "b"; of a VLM "v" and "a" on "b".
inline const std::string kLinearRecipe =
    "models:\n- {model: a, parameters: {weight: 1}}\n- {model: b, parameters: {weight: 3}}\n"
    "merge_method: linear\n";
inline const std::string kTaskRecipe =
    "models:\n- {model: v, parameters: {weight: 1}}\n- {model: a, parameters: {weight: 1}}\n"
    "merge_method: task_arithmetic\nbase_model: b\nvlm: v\n";

using MadeUpModels = std::map<std::string, MadeUpModel>;

inline MergePlan plan_of(const std::string& recipe, const MadeUpModels& models) {
  return make_merge_plan(parse_recipe(recipe, "recipe.yaml"), [&](const std::string& name) {
    const auto found = models.find(name);
    if (found == models.end()) throw Error(ErrorCode::kNotFound, "model not found: " + name);
    return make_up(found->second);
  });
}

// The first value of a tensor of a merge.
inline float first_value(const MergedCheckpoint& merged, const std::string& name) {
  const TensorInfo* const info = merged.find(name);
  check(info != nullptr, "first_value: the tensor is there");
  return read_all(merged, *info).front();
}

// The message of the Error that `run` throws; "" if it throws none.
template <typename Run>
std::string message_of(const Run& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace vlm
