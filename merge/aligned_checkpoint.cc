#include "merge/aligned_checkpoint.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/check.h"
#include "merge/input_tensors.h"
#include "tensor/matrix_view.h"

namespace vlm {
namespace {

bool has_rows_by_token(const TensorInfo& info) {
  return info.name == kEmbedName || info.name == kHeadName;
}

// The tensor of each model that is read for one of the aligned ones, read when it is needed.
class RowReader {
 public:
  RowReader(const VocabularyAlignment& alignment, std::string_view tensor, std::size_t width)
      : alignment_(alignment), tensor_(tensor), width_(width) {}

  [[nodiscard]] std::span<const float> row(std::size_t model, std::size_t row) {
    return std::span(values_of(model)).subspan(row * width_, width_);
  }

 private:
  const std::vector<float>& values_of(std::size_t model) {
    std::vector<float>& values = values_[model];
    if (!values.empty()) return values;
    const Checkpoint& checkpoint = *alignment_.models[model];
    // A head that is tied is the embedding.
    const TensorInfo* info = checkpoint.find(tensor_);
    if (info == nullptr) info = checkpoint.find(kEmbedName);
    check(info != nullptr, "AlignedCheckpoint: every model has an embedding");
    values.resize(element_count(info->shape).value_or(0));
    checkpoint.read(*info, values);
    return values;
  }

  const VocabularyAlignment& alignment_;
  std::string_view tensor_;
  std::size_t width_;
  std::map<std::size_t, std::vector<float>> values_;
};

void fill_mean(const std::vector<RowPlace>& places, RowReader& reader, std::span<float> out) {
  std::vector<double> sum(out.size());
  for (const RowPlace& place : places) {
    const auto row = reader.row(place.input, place.row);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += row[i];
  }
  const auto count = static_cast<double>(std::max<std::size_t>(1, places.size()));
  for (std::size_t i = 0; i < sum.size(); ++i) out[i] = static_cast<float>(sum[i] / count);
}

// Hewitt 2021, "Initializing new word embeddings for pretrained language models": the mean.
void fill_padding(const std::vector<RowOrigin>& origins, MatrixView<float> rows) {
  std::vector<double> sum(rows.cols());
  double count = 0;
  for (std::size_t id = 0; id < origins.size(); ++id) {
    if (!origins[id].is_token) continue;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += rows.row(id)[i];
    ++count;
  }
  for (std::size_t id = 0; id < origins.size(); ++id) {
    if (origins[id].is_token) continue;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      rows.row(id)[i] = static_cast<float>(sum[i] / std::max(1.0, count));
    }
  }
}

}  // namespace

AlignedCheckpoint::AlignedCheckpoint(std::shared_ptr<const VocabularyAlignment> alignment,
                                     std::size_t index)
    : alignment_(std::move(alignment)), index_(index), tensors_(model().tensors()) {
  for (TensorInfo& info : tensors_) {
    if (has_rows_by_token(info)) info.shape.front() = alignment_->embedding.size();
  }
}

void AlignedCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  const auto place = static_cast<std::size_t>(&info - tensors_.data());
  check(place < tensors_.size(), "AlignedCheckpoint::read: info is from tensors()");
  if (!has_rows_by_token(info)) return model().read(model().tensors()[place], out);
  const std::vector<RowOrigin>& origins =
      info.name == kHeadName ? alignment_->head : alignment_->embedding;
  const std::size_t width = info.shape.back();
  RowReader reader(*alignment_, info.name, width);
  const MatrixView<float> rows(out, origins.size(), width);
  for (std::size_t id = 0; id < origins.size(); ++id) {
    const auto own = alignment_->own_rows[index_][id];
    if (own && !origins[id].is_forced) {
      std::ranges::copy(reader.row(index_, *own), rows.row(id).begin());
    } else if (origins[id].is_token) {
      fill_mean(origins[id].others, reader, rows.row(id));
    }
  }
  fill_padding(origins, rows);
}

}  // namespace vlm
