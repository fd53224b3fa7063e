#pragma once

// What a study store holds, as plain values.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

enum class Direction : std::uint8_t { kMinimize, kMaximize };

// As in Optuna.
enum class TrialState : std::uint8_t { kWaiting, kRunning, kComplete, kPruned, kFailed };

// What must be the same for a study to be continued: seed, version, hashes of models and data, the
// search file's text. Key to value.
using StudyIdentity = std::map<std::string, std::string>;

struct StudyDescription {
  std::string name;
  std::vector<Direction> directions;  // one per objective
  StudyIdentity identity;
  std::map<std::string, Json> attributes;  // shown by Optuna as user attributes
};

// The score of one benchmark item and what the model said.
struct ItemOutcome {
  std::string benchmark;
  std::string item_id;
  double score = 0.0;  // NaN if the item has none
  std::string prediction;
};

// What an evaluation hands to the store.
struct Evaluation {
  std::vector<double> values;  // one per objective; one that is not finite makes the trial FAIL
  std::vector<ItemOutcome> items;
  std::map<std::string, double> seconds;   // phase to duration
  std::map<std::string, Json> attributes;  // user attributes, as metrics beside the objectives
};

struct Trial {
  std::int64_t id = 0;      // unique in the file
  std::int64_t number = 0;  // 0, 1, 2, ... in its study
  TrialState state = TrialState::kWaiting;
  std::map<std::string, double> parameters;
  std::vector<double> values;  // one per objective if complete; infinite only if Optuna wrote it
  std::map<std::string, Json> attributes;
  std::string started;    // UTC, YYYY-MM-DD HH:MM:SS.ffffff; empty: not yet
  std::string completed;  // likewise

  // Present in the trials that ask_generation() made.
  std::optional<std::size_t> generation;
  std::optional<std::size_t> candidate;
};

// One generation of an optimiser: its state before the generation was asked for.
struct StudyGeneration {
  std::size_t index = 0;
  Json optimizer_state;
};

}  // namespace vlm
