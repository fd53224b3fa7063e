#pragma once

// A llava-hf model of the test data as original LLaVA: its tensors under the names of
// haotian-liu/LLaVA, a flat config.json, and the vision tower as a CLIP model of its own beside it.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_writer.h"
#include "core/json_fields.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {

enum class TowerPlace : std::uint8_t {
  kClipModel,        // a CLIP model, as openai's
  kClipTowerV5,      // a CLIP vision tower as transformers 5 saves it
  kInTheCheckpoint,  // unfreeze_mm_vision_tower
};

struct OriginalLlavaOptions {
  TowerPlace tower = TowerPlace::kClipModel;
  bool linear_projector = false;          // the first layer alone
  std::optional<std::size_t> vocab_size;  // the first rows, and a tokenizer without "<image>"
};

class OriginalLlavaModel {
 public:
  explicit OriginalLlavaModel(const std::filesystem::path& hub_model,
                              OriginalLlavaOptions options = {})
      : hub_model_(hub_model), options_(options) {
    std::filesystem::create_directories(path());
    std::filesystem::create_directories(tower());
    write_weights();
    write_configs();
    copy_side_files();
  }

  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "model"; }
  [[nodiscard]] std::filesystem::path tower() const { return folder_.path() / "clip"; }

  void change(const std::string& key, const Json& value) const {
    Json json = read_json_file(path() / "config.json");
    json[key] = value;
    write_file_atomically(path() / "config.json", json.dump());
  }

 private:
  // The first prefix that fits is replaced.
  using Prefixes = std::vector<std::pair<std::string_view, std::string>>;
  static std::optional<std::string> renamed(std::string_view name, const Prefixes& prefixes) {
    for (const auto& [from, to] : prefixes) {
      if (name.starts_with(from)) return to + std::string(name.substr(from.size()));
    }
    return std::nullopt;
  }

  [[nodiscard]] TensorView cut_to_vocabulary(const std::string& name, TensorView view) const {
    const bool is_table = name == "model.embed_tokens.weight" || name == "lm_head.weight";
    if (!is_table || !options_.vocab_size) return view;
    view.bytes = view.bytes.first(view.bytes.size() / view.shape[0] * *options_.vocab_size);
    view.shape[0] = *options_.vocab_size;
    return view;
  }

  void write_weights() const {
    const std::string tower_prefix =
        options_.tower == TowerPlace::kClipTowerV5 ? "" : "vision_model.";
    const Prefixes tower_names{{"vision_tower.vision_model.", tower_prefix}};
    Prefixes names{{"language_model.model.", "model."},
                   {"language_model.lm_head.", "lm_head."},
                   {"image_newline", "model.image_newline"}};
    if (options_.linear_projector) {
      names.emplace_back("multi_modal_projector.linear_1.", "model.mm_projector.");
    } else {
      names.emplace_back("multi_modal_projector.linear_1.", "model.mm_projector.0.");
      names.emplace_back("multi_modal_projector.linear_2.", "model.mm_projector.2.");
    }
    if (options_.tower == TowerPlace::kInTheCheckpoint) {
      names.emplace_back("vision_tower.", "model.vision_tower.vision_tower.");
    }
    const SafetensorsFile file(hub_model_ / "model.safetensors");
    std::vector<NamedTensor> model;
    std::vector<NamedTensor> clip;
    for (const SafetensorsEntry& entry : file.entries()) {
      if (const auto name = renamed(entry.name, names)) {
        model.push_back({*name, cut_to_vocabulary(*name, file.view(entry))});
      }
      if (const auto name = renamed(entry.name, tower_names)) {
        clip.push_back({*name, file.view(entry)});
      }
    }
    if (options_.tower == TowerPlace::kClipModel) {  // which has a text half, too
      clip.push_back({"text_model.final_layer_norm.weight", clip.front().tensor});
      clip.push_back({"visual_projection.weight", clip.front().tensor});
    }
    write_safetensors(path() / "model.safetensors", model);
    if (options_.tower != TowerPlace::kInTheCheckpoint) {
      write_safetensors(tower() / "model.safetensors", clip);
    }
  }

  void write_configs() const {
    const Json hub = read_json_file(hub_model_ / "config.json");
    const bool tiles = hub.at("model_type") == "llava_next";
    Json config = hub.at("text_config");
    config.update({{"architectures", {"LlavaMistralForCausalLM"}},
                   {"model_type", "llava_mistral"},
                   {"mm_vision_tower", "../clip"},
                   {"mm_projector_type", options_.linear_projector ? "linear" : "mlp2x_gelu"},
                   {"mm_vision_select_layer", -2},
                   {"mm_vision_select_feature", "patch"},
                   {"mm_patch_merge_type", tiles ? "spatial_unpad" : "flat"},
                   {"mm_hidden_size", hub.at("vision_config").at("hidden_size")},
                   {"mm_use_im_start_end", false},
                   {"mm_use_im_patch_token", false},
                   {"image_aspect_ratio", tiles ? "anyres" : "pad"},
                   {"use_mm_proj", true}});
    if (tiles) config["image_grid_pinpoints"] = hub.at("image_grid_pinpoints");
    if (options_.vocab_size) config["vocab_size"] = *options_.vocab_size;
    if (options_.tower == TowerPlace::kInTheCheckpoint) config["unfreeze_mm_vision_tower"] = true;
    write_file_atomically(path() / "config.json", config.dump(2));
    const Json& vision = hub.at("vision_config");
    const bool is_whole = options_.tower != TowerPlace::kClipTowerV5;
    const Json clip = is_whole ? Json{{"model_type", "clip"}, {"vision_config", vision}} : vision;
    write_file_atomically(tower() / "config.json", clip.dump(2));
  }

  void copy_side_files() const {
    Json processor = read_json_file(hub_model_ / "preprocessor_config.json");
    processor["image_processor_type"] = "CLIPImageProcessor";
    processor.erase("image_grid_pinpoints");
    processor.erase("do_pad");
    write_file_atomically(tower() / "preprocessor_config.json", processor.dump());
    for (const char* name : {"tokenizer.json", "tokenizer.model", "tokenizer_config.json",
                             "special_tokens_map.json", "generation_config.json"}) {
      if (!std::filesystem::exists(hub_model_ / name)) continue;
      std::filesystem::copy_file(hub_model_ / name, path() / name);
    }
    if (options_.vocab_size) forget_image_token();
  }

  void forget_image_token() const {
    Json tokenizer = read_json_file(path() / "tokenizer.json");
    Json& added = tokenizer["added_tokens"];
    for (std::size_t i = added.size(); i-- > 0;) {
      if (added[i].at("id") >= *options_.vocab_size) added.erase(i);
    }
    write_file_atomically(path() / "tokenizer.json", tokenizer.dump());
    std::filesystem::remove(path() / "tokenizer_config.json");
    std::filesystem::remove(path() / "special_tokens_map.json");
  }

  std::filesystem::path hub_model_;
  OriginalLlavaOptions options_;
  TemporaryDirectory folder_;
};

}  // namespace vlm
