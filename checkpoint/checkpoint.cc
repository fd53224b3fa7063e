#include "checkpoint/checkpoint.h"

#include <algorithm>

#include "core/check.h"

namespace vlm {
namespace {

class PlainReader final : public TensorReader {
 public:
  PlainReader(const Checkpoint& checkpoint, std::span<const TensorInfo* const> tensors)
      : checkpoint_(checkpoint), tensors_(tensors.begin(), tensors.end()) {}

  [[nodiscard]] std::size_t part_size(std::size_t index) const override {
    if (checkpoint_.reads_parts()) return 1;
    return std::max<std::size_t>(1, element_count(tensors_[index]->shape).value_or(0));
  }
  void read(std::size_t index, std::size_t first, std::span<float> out) const override {
    checkpoint_.read_part(*tensors_[index], first, out);
  }

 private:
  const Checkpoint& checkpoint_;
  std::vector<const TensorInfo*> tensors_;
};

}  // namespace

void TensorReader::read_stored(std::size_t index, std::size_t first, DType dtype,
                               std::span<float> scratch, std::span<std::byte> out) const {
  read(index, first, scratch);
  store_floats(scratch, dtype, out);
}

std::unique_ptr<TensorReader> Checkpoint::open_tensors(std::span<const TensorInfo* const> tensors,
                                                       ThreadPool& /*pool*/) const {
  return std::make_unique<PlainReader>(*this, tensors);
}

void Checkpoint::read_part(const TensorInfo& info, std::size_t first, std::span<float> out) const {
  const std::size_t count = element_count(info.shape).value_or(0);
  check(first <= count && out.size() <= count - first, "Checkpoint::read_part: inside the tensor");
  if (out.size() == count) return read(info, out);
  std::vector<float> whole(count);
  read(info, whole);
  std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
}

const std::filesystem::path& Checkpoint::image_processor_directory() const {
  return config().is_original_llava() ? config().tower_directory : directory();
}

Layout Checkpoint::layout() const {
  return Layout(config().is_vlm() ? LayoutKind::kLlavaHub : LayoutKind::kPlainText);
}

const TensorInfo* Checkpoint::find(std::string_view name) const {
  const std::vector<TensorInfo>& all = tensors();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const TensorInfo& info) { return info.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace vlm
