#pragma once

// The files of a LoRA adapter, and how well they hold what they stand for.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/safetensors_writer.h"
#include "checkpoint/write_journal.h"
#include "merge/adapter_outline.h"
#include "merge/kernels/low_rank.h"

namespace vlm {

inline constexpr const char* kAdapterWeights = "adapter_model.safetensors";

// Writes adapter_model.safetensors into a directory, tensors in any order.
class AdapterWriter {
 public:
  // With a journal the file of an earlier run is continued. Throws Error{kIo}.
  AdapterWriter(const std::filesystem::path& directory, const AdapterOutline& outline,
                WriteJournal* journal = nullptr);

  // Whether an earlier run wrote all of that tensor of the outline, and it is still there. This and
  // write() may be called from several threads at once.
  [[nodiscard]] bool is_written(std::size_t tensor) const;
  // Elements of a tensor from `first` on. Throws Error{kInvalidArgument} naming a value that is not
  // finite as it is stored. REQUIRES: inside the tensor.
  void write(std::size_t tensor, std::size_t first, std::span<const float> values);
  // Also writes adapter_config.json.
  void finish(const AdapterConfig& config);

 private:
  std::filesystem::path directory_;
  const AdapterOutline& outline_;
  WriteJournal* journal_;
  SafetensorsWriter file_;
};

// How well an adapter holds the differences of one kind of module, e.g. "self_attn.q_proj".
struct AdaptedKind {
  std::string name;
  std::size_t modules = 0;
  double relative_error = 0;  // norm(D - B A) / norm(D) over all modules of the kind
  double largest_error = 0;   // of a single module
};

struct AdapterReport {
  std::vector<AdaptedKind> kinds;        // in the order of the modules
  std::vector<std::string> saved_whole;  // AdapterOutline::saved_whole()
};

// What a product leaves of the difference that it stands for.
struct AdapterLoss {
  std::string tensor;  // canonical
  SquaredNorms norms;
};

AdapterReport report_losses(std::span<const AdapterLoss> losses, const AdapterOutline& outline);

}  // namespace vlm
