#include "checkpoint/writer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <vector>

#include "checkpoint/safetensors_writer.h"
#include "checkpoint/side_files.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBatchElements = std::size_t{1} << 28U;

struct Shard {
  std::string file_name;
  std::vector<const TensorInfo*> tensors;  // of the source, in the order of the file
  std::size_t size_bytes = 0;
};

std::string shard_file_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  std::array<char, 64> name{};
  const int length =
      std::snprintf(name.data(), name.size(), "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return {name.data(), static_cast<std::size_t>(length)};
}

std::vector<Shard> plan_shards(const Checkpoint& source, std::size_t max_shard_size_bytes) {
  std::vector<Shard> shards(1);
  for (const TensorInfo& tensor : source.tensors()) {
    const std::size_t size_bytes = stored_size_bytes(tensor);
    const bool full = shards.back().size_bytes > max_shard_size_bytes ||
                      size_bytes > max_shard_size_bytes - shards.back().size_bytes;
    if (full && !shards.back().tensors.empty()) shards.emplace_back();
    shards.back().tensors.push_back(&tensor);
    shards.back().size_bytes += size_bytes;
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    shards[i].file_name = shard_file_name(i, shards.size());
    std::stable_sort(shards[i].tensors.begin(), shards[i].tensors.end(),
                     [](const TensorInfo* a, const TensorInfo* b) {
                       return element_size_bytes(a->dtype) > element_size_bytes(b->dtype);
                     });
  }
  return shards;
}

std::string index_json(const std::vector<Shard>& shards, const Layout& layout) {
  std::size_t total_size_bytes = 0;
  Json weight_map = Json::object();
  for (const Shard& shard : shards) {
    total_size_bytes += shard.size_bytes;
    for (const TensorInfo* tensor : shard.tensors) {
      weight_map[layout.disk_name(tensor->name)] = shard.file_name;
    }
  }
  const Json index = {{"metadata", {{"total_size", total_size_bytes}}}, {"weight_map", weight_map}};
  return index.dump(2) + "\n";
}

// A tensor's values as they are stored. Computed and rounded inside the parallel region.
std::vector<std::byte> stored_bytes(const Checkpoint& source, const TensorInfo& tensor) {
  std::vector<std::byte> bytes(stored_size_bytes(tensor));
  std::vector<float> values(bytes.size() / element_size_bytes(tensor.dtype));
  source.read(tensor, values);
  store_floats(values, tensor.dtype, bytes);
  return bytes;
}

// Writes the weights of one checkpoint, shard by shard.
class WeightsWriter {
 public:
  WeightsWriter(const Checkpoint& source, const WriteOptions& options, ThreadPool& pool)
      : source_(&source), options_(&options), pool_(&pool) {}

  void write_shard(const Shard& shard, const fs::path& path) {
    std::vector<TensorInfo> infos;
    for (const TensorInfo* tensor : shard.tensors) {
      infos.push_back(*tensor);
      infos.back().name = options_->layout.disk_name(tensor->name);
    }
    SafetensorsWriter writer(path, infos, {{"format", "pt"}});
    std::span<const TensorInfo* const> left = shard.tensors;
    while (!left.empty()) {
      const std::size_t count = batch_size(left);
      write_batch(left.first(count), writer);
      left = left.subspan(count);
      report(shard, count);
    }
    writer.finish();
  }

 private:
  // At least one tensor, at most one per thread, together not more than the limit.
  [[nodiscard]] std::size_t batch_size(std::span<const TensorInfo* const> left) const {
    std::size_t count = 0;
    std::size_t num_elements = 0;
    while (count < left.size() && count < pool_->num_threads()) {
      num_elements += stored_size_bytes(*left[count]) / element_size_bytes(left[count]->dtype);
      if (count > 0 && num_elements > kMaxBatchElements) break;
      ++count;
    }
    return count;
  }

  void write_batch(std::span<const TensorInfo* const> tensors, SafetensorsWriter& writer) {
    std::vector<std::vector<std::byte>> batch(tensors.size());
    pool_->parallel_for(tensors.size(),
                        [&](std::size_t i) { batch[i] = stored_bytes(*source_, *tensors[i]); });
    for (const std::vector<std::byte>& bytes : batch) writer.append(bytes);
  }

  void report(const Shard& shard, std::size_t count) {
    num_written_ += count;
    if (options_->on_progress) {
      options_->on_progress({.stage = "write",
                             .done = num_written_,
                             .total = source_->tensors().size(),
                             .detail = shard.file_name});
    }
    if (options_->stop_requested && options_->stop_requested()) {
      throw Error(ErrorCode::kInterrupted, "stopped while writing: " + shard.file_name + ": " +
                                               std::to_string(num_written_) + " of " +
                                               std::to_string(source_->tensors().size()) +
                                               " tensors; nothing is kept");
    }
  }

  const Checkpoint* source_;
  const WriteOptions* options_;
  ThreadPool* pool_;
  std::size_t num_written_ = 0;
};

void check_options(const WriteOptions& options) {
  if (options.max_shard_size_bytes == 0) {
    throw Error(ErrorCode::kInvalidArgument, "max shard size: expected at least one byte: 0");
  }
  for (const auto& [name, content] : options.extra_files) {
    const bool is_plain = !name.empty() && name.find('/') == std::string::npos && name != ".." &&
                          name != "." && name != "config.json" && !name.ends_with(".safetensors") &&
                          name != "model.safetensors.index.json";
    if (!is_plain) {
      throw Error(ErrorCode::kInvalidArgument, "not the name of an extra file: '" + name + "'");
    }
  }
}

void write_other_files(const Checkpoint& source, const fs::path& directory,
                       const WriteOptions& options) {
  write_file_atomically(directory / "config.json", options.config_json);
  for (const std::string& name : list_side_files(source.directory())) {
    if (options.extra_files.contains(name)) continue;
    copy_side_file(source.directory() / name, directory / name);
  }
  for (const auto& [name, content] : options.extra_files) {
    write_file_atomically(directory / name, content);
  }
}

}  // namespace

void write_checkpoint(const Checkpoint& source, const fs::path& target, const WriteOptions& options,
                      ThreadPool& pool) {
  check_options(options);
  const std::vector<Shard> shards = plan_shards(source, options.max_shard_size_bytes);
  const std::string index = index_json(shards, options.layout);
  AtomicDirectory directory(target);
  write_other_files(source, directory.path(), options);
  WeightsWriter writer(source, options, pool);
  for (const Shard& shard : shards) writer.write_shard(shard, directory.path() / shard.file_name);
  if (shards.size() > 1) {
    write_file_atomically(directory.path() / "model.safetensors.index.json", index);
  }
  directory.commit();
}

}  // namespace vlm
