#include "model/gguf_tensors.h"

#include <algorithm>
#include <span>
#include <utility>

#include "checkpoint/finite_weights.h"
#include "core/check.h"
#include "core/error.h"

namespace vlm {
namespace {

constexpr std::size_t kMaxBatchElements = std::size_t{1} << 28U;

std::size_t elements_of(const GgufSource& source) {
  return element_count(source.info->shape).value();
}

std::vector<std::byte> stored_bytes(const Checkpoint& model, const GgufSource& source,
                                    bool allow_nan) {
  std::vector<float> values(elements_of(source));
  model.read(*source.info, values);
  if (!allow_nan) {
    require_finite(values, *source.info, 0, model.directory().string(),
                   " (export --allow-nan lets it pass)");
  }
  if (source.num_heads > 0) {
    const Shape& shape = source.info->shape;
    values = interleave_halves(values, source.num_heads, values.size() / shape.front());
  }
  std::vector<std::byte> bytes(gguf_size_bytes(source.tensor.shape, source.tensor.type));
  encode_gguf(values, source.tensor.type, bytes);
  return bytes;
}

// At least one tensor, at most one for each thread, together not more than the limit.
std::size_t batch_size(std::span<const GgufSource> left, std::size_t num_threads) {
  std::size_t count = 0;
  std::size_t num_elements = 0;
  while (count < left.size() && count < num_threads) {
    num_elements += elements_of(left[count]);
    if (count > 0 && num_elements > kMaxBatchElements) break;
    ++count;
  }
  return count;
}

// llama.cpp's number of the type that most of a file's tensors have.
std::uint32_t file_type(GgufType type) {
  switch (type) {
    case GgufType::kF16:
      return 1;
    case GgufType::kQ8:
      return 7;
    case GgufType::kBF16:
      return 32;
    case GgufType::kF32:
      break;
  }
  return 0;
}

}  // namespace

std::vector<float> interleave_halves(const std::vector<float>& values, std::size_t num_heads,
                                     std::size_t width) {
  const std::size_t rows = values.size() / num_heads / width;
  check(rows % 2 == 0 && rows * num_heads * width == values.size(),
        "interleave_halves: heads of an even number of rows");
  std::vector<float> result(values.size());
  for (std::size_t head = 0; head < num_heads; ++head) {
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t source = head * rows + row % 2 * (rows / 2) + row / 2;
      const auto first = values.begin() + static_cast<std::ptrdiff_t>(source * width);
      std::copy_n(first, width,
                  result.begin() + static_cast<std::ptrdiff_t>((head * rows + row) * width));
    }
  }
  return result;
}

GgufType gguf_type_for(const Shape& shape, GgufType wanted) noexcept {
  if (shape.size() < 2) return GgufType::kF32;
  return shape.back() % block_elements(wanted) == 0 ? wanted : GgufType::kF16;
}

GgufType gguf_type_of(DType dtype) noexcept {
  if (dtype == DType::kF16) return GgufType::kF16;
  return dtype == DType::kBF16 ? GgufType::kBF16 : GgufType::kF32;
}

std::uint32_t gguf_number(std::size_t value) noexcept {
  check(value <= 0xFFFFFFFFU, "gguf_number: it fits 32 bits");
  return static_cast<std::uint32_t>(value);
}

GgufMetadata general_metadata(const std::string& architecture, const Checkpoint& model,
                              GgufType type) {
  constexpr std::uint32_t kQuantizationVersion = 2;
  const std::filesystem::path directory = model.directory().lexically_normal();
  const auto named = directory.has_filename() ? directory : directory.parent_path();
  return {{"general.architecture", architecture},
          {"general.type", std::string("model")},
          {"general.name", named.filename().string()},
          {"general.file_type", file_type(type)},
          {"general.quantization_version", kQuantizationVersion}};
}

void write_gguf(const Checkpoint& model, const std::filesystem::path& path,
                const GgufMetadata& metadata, const std::vector<GgufSource>& sources,
                const GgufOptions& options, ThreadPool& pool) {
  std::vector<GgufTensor> tensors;
  tensors.reserve(sources.size());
  for (const GgufSource& source : sources) tensors.push_back(source.tensor);
  GgufWriter writer(path, metadata, tensors);
  std::span<const GgufSource> left = sources;
  while (!left.empty()) {
    if (options.stop_requested && options.stop_requested()) {
      throw Error(ErrorCode::kInterrupted,
                  "stopped while writing: " + path.string() + ": nothing is kept");
    }
    if (options.on_progress) {
      options.on_progress(
          {"export", sources.size() - left.size(), sources.size(), path.filename().string()});
    }
    std::vector<std::vector<std::byte>> batch(batch_size(left, pool.num_threads()));
    pool.parallel_for(batch.size(), [&](std::size_t i) {
      batch[i] = stored_bytes(model, left[i], options.allow_nan);
    });
    for (const std::vector<std::byte>& bytes : batch) writer.append(bytes);
    left = left.subspan(batch.size());
  }
  writer.finish();
}

}  // namespace vlm
