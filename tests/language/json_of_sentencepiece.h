#pragma once

// A tokenizer.json with the vocabulary of a SentencePiece BPE model, as transformers converts one:
// the merges of a piece are all its cuts into two pieces, and pieces of a higher score come first.

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <sentencepiece_processor.h>

#include "core/json_fields.h"

namespace vlm {

inline Json merges_of(const sentencepiece::SentencePieceProcessor& model) {
  std::vector<int> ids(static_cast<std::size_t>(model.GetPieceSize()));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int>(i);
  std::stable_sort(ids.begin(), ids.end(),
                   [&](int a, int b) { return model.GetScore(a) > model.GetScore(b); });
  Json merges = Json::array();
  for (const int id : ids) {
    const std::string piece = model.IdToPiece(id);
    std::vector<std::pair<int, int>> cuts;
    for (std::size_t at = 1; at < piece.size(); ++at) {
      const std::pair cut(model.PieceToId(piece.substr(0, at)), model.PieceToId(piece.substr(at)));
      if (!model.IsUnknown(cut.first) && !model.IsUnknown(cut.second)) cuts.push_back(cut);
    }
    std::sort(cuts.begin(), cuts.end());
    for (const auto& [left, right] : cuts) {
      merges.push_back({model.IdToPiece(left), model.IdToPiece(right)});
    }
  }
  return merges;
}

inline Json json_of_sentencepiece(const std::string& path) {
  sentencepiece::SentencePieceProcessor model;
  model.LoadOrDie(path);
  Json json = Json::parse(R"({
    "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                 {"Sequence": {"id": "A", "type_id": 0}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
    "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
      {"type": "ByteFallback"}, {"type": "Fuse"},
      {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true}})");
  Json added = Json::array();
  for (int id = 0; id < model.GetPieceSize(); ++id) {
    json["model"]["vocab"][model.IdToPiece(id)] = id;
    if (model.IsControl(id) || model.IsUnknown(id)) {
      added.push_back({{"id", id}, {"content", model.IdToPiece(id)}, {"special", true}});
    }
  }
  json["model"]["merges"] = merges_of(model);
  json["added_tokens"] = added;
  return json;
}

}  // namespace vlm
