#include "checkpoint/file_checkpoint.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <system_error>
#include <utility>

#include "checkpoint/layer_path_tensors.h"
#include "checkpoint/shard_index.h"
#include "core/check.h"
#include "core/error.h"
#include "core/mapped_pages.h"

namespace vlm {
namespace {

// Elements that are read before their pages are given back.
constexpr std::size_t kElementsTogether = std::size_t{1} << 22U;

std::vector<std::string> tensor_names(const std::vector<SafetensorsFile>& shards) {
  std::vector<std::string> names;
  for (const SafetensorsFile& shard : shards) {
    for (const SafetensorsEntry& entry : shard.entries()) names.push_back(entry.name);
  }
  return names;
}

class MappedReader final : public TensorReader {
 public:
  explicit MappedReader(std::vector<TensorView> tensors) : tensors_(std::move(tensors)) {}
  ~MappedReader() override {
    for (const TensorView& tensor : tensors_) release_mapped_pages(tensor.bytes);
  }
  MappedReader(const MappedReader&) = delete;
  MappedReader& operator=(const MappedReader&) = delete;
  MappedReader(MappedReader&&) = delete;
  MappedReader& operator=(MappedReader&&) = delete;

  [[nodiscard]] std::size_t part_size(std::size_t /*index*/) const override { return 1; }
  [[nodiscard]] std::optional<DType> exact_dtype(std::size_t index) const override {
    return tensors_[index].dtype;
  }
  // Odd addresses, which a file may have, are read byte by byte.
  [[nodiscard]] std::span<const Bfloat16> bfloat16(std::size_t index) const override {
    const std::span<const std::byte> bytes = tensors_[index].bytes;
    const bool is_aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(Bfloat16) == 0;
    if (tensors_[index].dtype != DType::kBF16 || !is_aligned) return {};
    return {reinterpret_cast<const Bfloat16*>(bytes.data()), bytes.size() / sizeof(Bfloat16)};
  }
  void read(std::size_t index, std::size_t first, std::span<float> out) const override {
    read_floats(tensors_[index], first, out);
  }

 private:
  std::vector<TensorView> tensors_;
};

void check_family(const ModelConfig& config, const Layout& layout) {
  if (config.is_vlm() == layout.is_vlm() &&
      config.is_original_llava() == layout.is_original_llava()) {
    return;
  }
  throw Error(ErrorCode::kCorruptFile, "config and tensor names disagree: " + config.where + ": " +
                                           config.architecture + ", but the tensors are named as " +
                                           std::string(layout.name()));
}

// An original LLaVA's config.json says how many layers the projector has, and so do its tensors.
void check_projector(const ModelConfig& config, const Layout& layout) {
  if (!config.is_original_llava()) return;
  const JsonFields json(config.json, config.where);
  const std::string projector = json.text("mm_projector_type");
  const bool is_linear = layout.kind() == LayoutKind::kOriginalLlavaLinear;
  if ((projector == "linear") == is_linear) return;
  throw Error(ErrorCode::kCorruptFile, "config and tensor names disagree: " + config.where +
                                           ": mm_projector_type '" + projector +
                                           "', but the tensors are named as those of " +
                                           (is_linear ? "one layer" : "two layers"));
}

bool has_vision_tower(const std::vector<TensorInfo>& tensors) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [](const TensorInfo& tensor) { return tensor.name.starts_with("vision/"); });
}

}  // namespace

std::shared_ptr<const FileCheckpoint> FileCheckpoint::open(const std::filesystem::path& directory) {
  return std::make_shared<const FileCheckpoint>(directory);
}

FileCheckpoint::FileCheckpoint(const std::filesystem::path& directory) : directory_(directory) {
  config_ = read_model_config(directory);
  shards_ = open_shards(directory);
  layout_ = Layout::detect(tensor_names(shards_));
  check_family(config_, layout_);
  check_projector(config_, layout_);
  for (const SafetensorsFile& shard : shards_) add_tensors(shard);
  if (config_.is_original_llava() && !has_vision_tower(tensors_)) add_tower();
}

void FileCheckpoint::add_tower() {
  if (JsonFields(config_.original, config_.where).boolean_or("unfreeze_mm_vision_tower", false)) {
    throw Error(ErrorCode::kCorruptFile, "no vision tower: " + directory_.string() +
                                             ": unfreeze_mm_vision_tower is true, but there is no "
                                             "tensor model.vision_tower.*");
  }
  std::vector<SafetensorsFile> shards = open_shards(config_.tower_directory);
  const Layout layout = Layout::detect_tower(tensor_names(shards));
  for (const SafetensorsFile& shard : shards) {
    for (const SafetensorsEntry& entry : shard.entries()) {
      if (is_known_buffer(entry.name)) continue;
      if (auto name = layout.canonical_name(entry.name)) {
        add_tensor(shard, entry, std::move(*name));
      }
    }
  }
  if (!has_vision_tower(tensors_)) {
    throw Error(ErrorCode::kCorruptFile,
                "no vision tower: " + config_.tower_directory.string() + ": no tensor " +
                    "vision_model.* (for mm_vision_tower in " + config_.where + ")");
  }
  std::move(shards.begin(), shards.end(), std::back_inserter(shards_));
  config_.borrows_tower = true;
}

void FileCheckpoint::add_tensors(const SafetensorsFile& file) {
  for (const SafetensorsEntry& entry : file.entries()) {
    if (is_known_buffer(entry.name)) continue;
    if (config_.has_layer_path() && is_layer_path_tensor(entry.name)) {
      add_layer_path_tensor(config_, entry.name, file.view(entry));
      continue;
    }
    const auto name = layout_.canonical_name(entry.name);
    if (!name) {
      throw Error(ErrorCode::kUnsupported, "tensor name fits no rule of the layout '" +
                                               std::string(layout_.name()) +
                                               "': " + directory_.string() + ": " + entry.name);
    }
    add_tensor(file, entry, *name);
  }
}

void FileCheckpoint::add_tensor(const SafetensorsFile& file, const SafetensorsEntry& entry,
                                std::string name) {
  if (!is_floating(entry.dtype)) {
    throw Error(ErrorCode::kUnsupported,
                "weights that are not floating (quantised?): " + directory_.string() + ": " +
                    entry.name + ": " + std::string(safetensors_name(entry.dtype)));
  }
  if (!index_of_.emplace(name, tensors_.size()).second) {
    throw Error(ErrorCode::kCorruptFile,
                "tensor occurs twice: " + directory_.string() + ": " + entry.name);
  }
  tensors_.push_back({.name = std::move(name), .dtype = entry.dtype, .shape = entry.shape});
  views_.push_back(file.view(entry));
}

TensorView FileCheckpoint::view(const TensorInfo& info) const {
  const auto found = index_of_.find(info.name);
  check(found != index_of_.end(), "FileCheckpoint::view: a tensor of this checkpoint");
  return views_[found->second];
}

void FileCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  const TensorView tensor = view(info);
  check(out.size() * element_size_bytes(tensor.dtype) == tensor.bytes.size(),
        "FileCheckpoint::read: out holds all elements");
  const std::size_t element_bytes = element_size_bytes(tensor.dtype);
  for (std::size_t first = 0; first < out.size(); first += kElementsTogether) {
    const std::size_t count = std::min(kElementsTogether, out.size() - first);
    read_floats(tensor, first, out.subspan(first, count));
    release_mapped_pages(tensor.bytes.subspan(first * element_bytes, count * element_bytes));
  }
}

void FileCheckpoint::read_part(const TensorInfo& info, std::size_t first,
                               std::span<float> out) const {
  read_floats(view(info), first, out);
}

std::unique_ptr<TensorReader> FileCheckpoint::open_tensors(
    std::span<const TensorInfo* const> tensors, ThreadPool& /*pool*/) const {
  std::vector<TensorView> views;
  for (const TensorInfo* const info : tensors) views.push_back(view(*info));
  return std::make_unique<MappedReader>(std::move(views));
}

void FileCheckpoint::read_ahead(const TensorInfo& info) const {
  fetch_mapped_pages(view(info).bytes);
}

std::vector<FileState> FileCheckpoint::weight_files() const {
  std::vector<FileState> files;
  for (const SafetensorsFile& shard : shards_) files.push_back(shard.state());
  return files;
}

std::string FileCheckpoint::origin(const TensorInfo& info) const {
  const TensorView tensor = view(info);
  const auto shard = std::ranges::find_if(
      shards_, [&](const SafetensorsFile& file) { return file.holds(tensor); });
  check(shard != shards_.end(), "FileCheckpoint::origin: a tensor lies in one of the files");
  return to_string(shard->state()) + " " + info.name;
}

std::string FileCheckpoint::disk_name(const TensorInfo& info) const {
  return layout_.disk_name(info.name);
}

bool is_same_model(const Checkpoint& a, const Checkpoint& b) {
  if (&a == &b) return true;
  const bool are_files = dynamic_cast<const FileCheckpoint*>(&a) != nullptr &&
                         dynamic_cast<const FileCheckpoint*>(&b) != nullptr;
  std::error_code cannot_look;  // then they are two
  return are_files && std::filesystem::equivalent(a.directory(), b.directory(), cannot_look);
}

}  // namespace vlm
