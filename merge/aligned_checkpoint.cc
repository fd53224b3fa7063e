#include "merge/aligned_checkpoint.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/checksum.h"
#include "core/divide_up.h"
#include "merge/input_tensors.h"
#include "merge/part_reader.h"

namespace vlm {
namespace {

bool has_rows_by_token(const TensorInfo& info) {
  return info.name == kEmbedName || info.name == kHeadName;
}

// The tensor that a model's rows are in: a head that is tied is the embedding.
const TensorInfo& tensor_with_rows(const Checkpoint& model, const TensorInfo& info) {
  const TensorInfo* tensor = model.find(info.name);
  if (tensor == nullptr) tensor = model.find(kEmbedName);
  check(tensor != nullptr, "AlignedCheckpoint: every model has an embedding");
  return *tensor;
}

const std::vector<RowOrigin>& origins_of(const VocabularyAlignment& alignment,
                                         const TensorInfo& info) {
  return info.name == kHeadName ? alignment.head : alignment.embedding;
}

// Of which rows a tensor is put together.
std::uint64_t checksum_of(const std::vector<std::optional<std::uint32_t>>& own_rows,
                          const std::vector<RowOrigin>& origins) {
  std::vector<std::uint32_t> numbers;
  for (std::size_t id = 0; id < origins.size(); ++id) {
    const RowOrigin& origin = origins[id];
    numbers.insert(numbers.end(),
                   {std::uint32_t{origin.is_token}, std::uint32_t{origin.is_forced},
                    std::uint32_t{own_rows[id].has_value()}, own_rows[id].value_or(0),
                    static_cast<std::uint32_t>(origin.others.size())});
    for (const RowPlace& place : origin.others) {
      numbers.insert(numbers.end(), {place.input, place.row});
    }
  }
  return checksum(std::as_bytes(std::span(numbers)));
}

}  // namespace

// The aligned rows of one tensor of one model.
class AlignedCheckpoint::TokenRows {
 public:
  TokenRows(const VocabularyAlignment& alignment, std::size_t model, const TensorInfo& info,
            ThreadPool& pool)
      : model_(model),
        width_(info.shape.back()),
        own_rows_(alignment.own_rows[model]),
        origins_(origins_of(alignment, info)) {
    for (const std::shared_ptr<const Checkpoint>& each : alignment.models) {
      readers_.push_back(
          std::make_unique<const PartReader>(*each, tensor_with_rows(*each, info), pool));
    }
    const auto is_padding = [](const RowOrigin& origin) { return !origin.is_token; };
    if (std::ranges::any_of(origins_, is_padding)) make_padding(pool);
  }

  void read(std::size_t first, std::span<float> out) const {
    while (!out.empty()) {
      const std::size_t column = first % width_;
      const std::size_t count = std::min(width_ - column, out.size());
      read_row(first / width_, column, out.first(count));
      first += count;
      out = out.subspan(count);
    }
  }

 private:
  // Columns [column, column + out.size()) of a row.
  void read_row(std::size_t id, std::size_t column, std::span<float> out) const {
    const RowOrigin& origin = origins_[id];
    if (!origin.is_token) {
      std::ranges::copy(std::span(padding_).subspan(column, out.size()), out.begin());
    } else if (own_rows_[id] && !origin.is_forced) {
      readers_[model_]->read(*own_rows_[id] * width_ + column, out);
    } else {
      read_mean(origin.others, column, out);
    }
  }

  void read_mean(const std::vector<RowPlace>& places, std::size_t column,
                 std::span<float> out) const {
    std::vector<double> sum(out.size());
    std::vector<float> row(out.size());
    for (const RowPlace& place : places) {
      readers_[place.input]->read(place.row * width_ + column, row);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += row[i];
    }
    const auto count = static_cast<double>(std::max<std::size_t>(1, places.size()));
    for (std::size_t i = 0; i < sum.size(); ++i) out[i] = static_cast<float>(sum[i] / count);
  }

  // Hewitt 2021, "Initializing new word embeddings for pretrained language models": the mean.
  void make_padding(ThreadPool& pool) {
    padding_.resize(width_);
    constexpr std::size_t kColumns = 256;  // summed by one thread
    pool.parallel_for(divide_up(width_, kColumns), [&](std::size_t piece) {
      const std::size_t column = piece * kColumns;
      const auto out = std::span(padding_).subspan(column, std::min(kColumns, width_ - column));
      std::vector<double> sum(out.size());
      double count = 0;
      for (std::size_t id = 0; id < origins_.size(); ++id) {
        if (!origins_[id].is_token) continue;
        read_row(id, column, out);
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += out[i];
        ++count;
      }
      for (std::size_t i = 0; i < sum.size(); ++i) {
        out[i] = static_cast<float>(sum[i] / std::max(1.0, count));
      }
    });
  }

  std::size_t model_;
  std::size_t width_;
  std::span<const std::optional<std::uint32_t>> own_rows_;  // of each output row
  const std::vector<RowOrigin>& origins_;
  std::vector<std::unique_ptr<const PartReader>> readers_;  // of each model
  std::vector<float> padding_;                              // [width]; empty: no row is padding
};

// Aligned tensors, and others as the model has them.
class AlignedCheckpoint::Reader final : public TensorReader {
 public:
  Reader(const AlignedCheckpoint& checkpoint, std::span<const TensorInfo* const> tensors,
         ThreadPool& pool) {
    for (const TensorInfo* const info : tensors) {
      Tensor& tensor = tensors_.emplace_back();
      const TensorInfo* const stored = &checkpoint.stored(*info);
      if (has_rows_by_token(*info)) {
        tensor.rows = std::make_unique<const TokenRows>(*checkpoint.alignment_, checkpoint.index_,
                                                        *info, pool);
      } else {
        tensor.plain = checkpoint.model().open_tensors({&stored, 1}, pool);
      }
    }
  }

  [[nodiscard]] std::size_t part_size(std::size_t index) const override {
    return tensors_[index].plain ? tensors_[index].plain->part_size(0) : 1;
  }
  [[nodiscard]] std::optional<DType> exact_dtype(std::size_t index) const override {
    return tensors_[index].plain ? tensors_[index].plain->exact_dtype(0) : std::nullopt;
  }
  [[nodiscard]] std::span<const Bfloat16> bfloat16(std::size_t index) const override {
    return tensors_[index].plain ? tensors_[index].plain->bfloat16(0) : std::span<const Bfloat16>();
  }
  void read(std::size_t index, std::size_t first, std::span<float> out) const override {
    const Tensor& tensor = tensors_[index];
    tensor.plain ? tensor.plain->read(0, first, out) : tensor.rows->read(first, out);
  }

 private:
  struct Tensor {  // one of both
    std::unique_ptr<const TensorReader> plain;
    std::unique_ptr<const TokenRows> rows;
  };

  std::vector<Tensor> tensors_;
};

AlignedCheckpoint::AlignedCheckpoint(std::shared_ptr<const VocabularyAlignment> alignment,
                                     std::size_t index)
    : alignment_(std::move(alignment)), index_(index), tensors_(model().tensors()) {
  for (TensorInfo& info : tensors_) {
    if (has_rows_by_token(info)) info.shape.front() = alignment_->embedding.size();
  }
}

const TensorInfo& AlignedCheckpoint::stored(const TensorInfo& info) const {
  const auto place = static_cast<std::size_t>(&info - tensors_.data());
  check(place < tensors_.size(), "AlignedCheckpoint: info is from tensors()");
  return model().tensors()[place];
}

std::string AlignedCheckpoint::origin(const TensorInfo& info) const {
  return has_rows_by_token(info) ? origin_of_rows(info) : model().origin(stored(info));
}

std::string AlignedCheckpoint::origin_of_rows(const TensorInfo& info) const {
  std::string text =
      "rows of model " + std::to_string(index_) + " " + to_string(info.shape) + " " +
      std::to_string(checksum_of(alignment_->own_rows[index_], origins_of(*alignment_, info)));
  for (const std::shared_ptr<const Checkpoint>& each : alignment_->models) {
    const std::string origin = each->origin(tensor_with_rows(*each, info));
    if (origin.empty()) return "";
    text += "\n" + origin;
  }
  return text;
}

void AlignedCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  if (!has_rows_by_token(info)) return model().read(stored(info), out);
  ThreadPool alone(1);
  TokenRows(*alignment_, index_, info, alone).read(0, out);
}

std::unique_ptr<TensorReader> AlignedCheckpoint::open_tensors(
    std::span<const TensorInfo* const> tensors, ThreadPool& pool) const {
  return std::make_unique<Reader>(*this, tensors, pool);
}

std::uint64_t AlignedCheckpoint::row_alignment() const {
  const auto& own_rows = alignment_->own_rows[index_];
  const std::array sums{model().row_alignment(), checksum_of(own_rows, alignment_->embedding),
                        checksum_of(own_rows, alignment_->head)};
  return checksum(std::as_bytes(std::span(sums)));
}

}  // namespace vlm
