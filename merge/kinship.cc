#include "merge/kinship.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <utility>

#include "checkpoint/file_checkpoint.h"
#include "core/divide_up.h"
#include "core/error.h"
#include "merge/compared_tensors.h"
#include "merge/input_checks.h"
#include "merge/kinship_sources.h"

namespace vlm {
namespace {

// Elements of one loop item, and of its parts, which fit the cache for a dozen models.
constexpr std::size_t kItemElements = std::size_t{1} << 18U;
constexpr std::size_t kBlockElements = 2048;

using Source = KinshipSources::Source;

// The values of one tensor of a source: in a mapped file, or computed.
class ComparedValues {
 public:
  ComparedValues(const Source& source, const TensorInfo& info) {
    if (const auto* file = dynamic_cast<const FileCheckpoint*>(source.checkpoint.get())) {
      stored_ = file->view(info);
      return;
    }
    computed_.resize(element_count(info.shape).value());
    source.checkpoint->read(info, computed_);
  }

  void read(std::size_t first, std::span<float> out) const {
    if (stored_) return read_floats(*stored_, first, out);
    std::copy_n(computed_.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
  }

 private:
  std::optional<TensorView> stored_;
  std::vector<float> computed_;
};

// Of elements [first, end).
DeltaGram gram_of_range(const std::vector<ComparedValues>& sources, std::size_t first,
                        std::size_t end) {
  DeltaGram gram(sources.size());
  std::vector<float> values(kBlockElements);
  std::vector<double> widened(sources.size() * kBlockElements);
  std::vector<std::span<const double>> vectors(sources.size());
  for (std::size_t start = first; start < end; start += kBlockElements) {
    const std::size_t count = std::min(kBlockElements, end - start);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const auto vector = std::span(widened).subspan(i * kBlockElements, count);
      sources[i].read(start, std::span(values).first(count));
      std::copy_n(values.begin(), count, vector.begin());
      if (i > 0) {
        std::transform(vector.begin(), vector.end(), widened.begin(), vector.begin(),
                       std::minus<>());
      }
      vectors[i] = vector;
    }
    gram.append(vectors);
  }
  return gram;
}

DeltaGram gram_of(const std::vector<Source>& sources, const ComparedTensor& tensor,
                  ThreadPool& pool) {
  std::vector<std::optional<ComparedValues>> opened(sources.size());
  pool.parallel_for(sources.size(),
                    [&](std::size_t i) { opened[i].emplace(sources[i], *tensor.infos[i]); });
  std::vector<ComparedValues> values;
  values.reserve(opened.size());
  for (auto& each : opened) values.push_back(std::move(each).value());
  const std::size_t items = divide_up(tensor.num_elements, kItemElements);
  std::vector<DeltaGram> parts(items, DeltaGram(0));
  pool.parallel_for(items, [&](std::size_t i) {
    const std::size_t first = i * kItemElements;
    parts[i] = gram_of_range(values, first, std::min(first + kItemElements, tensor.num_elements));
  });
  DeltaGram gram(sources.size());
  for (const DeltaGram& part : parts) gram.append(part);
  return gram;
}

void check_finite(const std::vector<Source>& sources, const std::string& tensor,
                  const DeltaGram& gram) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (std::isfinite(gram.product(i, i))) continue;
    throw Error(ErrorCode::kCorruptFile, "values that are not finite: " + sources[i].name + ": " +
                                             tensor + ": sum of squares " +
                                             std::to_string(gram.product(i, i)));
  }
}

// Rows are compared by id; the ids should stand for the same tokens.
std::vector<std::string> token_warnings(const KinshipModel& base,
                                        const std::vector<KinshipModel>& models) {
  std::vector<PlanInput> inputs{{base.name, base.checkpoint}};
  std::set<std::size_t> members;
  for (const KinshipModel& model : models) {
    members.insert(inputs.size());
    inputs.push_back({model.name, model.checkpoint});
  }
  TokenComparisons comparisons;
  return compare_token_tables(inputs, members, 0, false, comparisons);
}

}  // namespace

DeltaGram Kinship::total() const {
  DeltaGram total(is_predicted.size() + 1);
  for (const TensorGram& tensor : tensors) total.append(tensor.gram);
  return total;
}

Kinship measure_kinship(const KinshipModel& base, const std::vector<KinshipModel>& models,
                        const KinshipOptions& options, ThreadPool& pool) {
  refuse_layer_path(base.name, *base.checkpoint);
  for (const KinshipModel& model : models) refuse_layer_path(model.name, *model.checkpoint);
  const KinshipSources sources(base, models);
  const std::vector<ComparedTensor> tensors = compared_tensors(sources.all());
  Kinship kinship;
  kinship.warnings = token_warnings(base, models);
  for (std::string& warning : row_warnings(sources.all(), tensors)) {
    kinship.warnings.push_back(std::move(warning));
  }
  for (std::size_t i = 0; i < models.size(); ++i) {
    kinship.is_predicted.push_back(sources.is_predicted(i));
  }
  for (const ComparedTensor& tensor : tensors) {
    if (options.stop_requested && options.stop_requested()) {
      throw Error(ErrorCode::kInterrupted, "interrupted: kinship: nothing was written");
    }
    if (options.on_progress) {
      options.on_progress({"compare", kinship.tensors.size(), tensors.size(), tensor.name});
    }
    const DeltaGram gram = gram_of(sources.all(), tensor, pool);
    check_finite(sources.all(), tensor.name, gram);
    const auto place = parse_layer_name(tensor.name);
    kinship.tensors.push_back({tensor.name, place ? std::optional(place->layer) : std::nullopt,
                               kind_of(tensor.name), gram.combined(sources.rows(tensor.name))});
  }
  return kinship;
}

}  // namespace vlm
