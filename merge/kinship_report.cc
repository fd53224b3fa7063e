#include "merge/kinship_report.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "merge/compared_tensors.h"

namespace vlm {
namespace {

struct GramGroup {
  std::string name;
  DeltaGram gram;
};

// Sums of the tensors that have the same name by `name_of`; those without a name are left out.
std::vector<GramGroup> grouped(
    const Kinship& kinship,
    const std::function<std::optional<std::string>(const TensorGram&)>& name_of) {
  std::vector<GramGroup> groups;
  for (const TensorGram& tensor : kinship.tensors) {
    const std::optional<std::string> name = name_of(tensor);
    if (!name) continue;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const GramGroup& each) { return each.name == *name; });
    if (group == groups.end()) {
      groups.push_back({*name, DeltaGram(tensor.gram.num_vectors())});
      group = groups.end() - 1;
    }
    group->gram.append(tensor.gram);
  }
  return groups;
}

std::vector<GramGroup> by_kind(const Kinship& kinship) {
  auto groups = grouped(kinship, [](const TensorGram& tensor) { return tensor.kind; });
  const auto place = [](const GramGroup& group) {
    return std::find(kModuleKinds.begin(), kModuleKinds.end(), group.name);
  };
  std::sort(groups.begin(), groups.end(),
            [&](const GramGroup& a, const GramGroup& b) { return place(a) < place(b); });
  return groups;
}

std::vector<GramGroup> by_layer(const Kinship& kinship) {
  auto groups = grouped(kinship, [](const TensorGram& tensor) -> std::optional<std::string> {
    if (!tensor.layer) return std::nullopt;
    return std::to_string(*tensor.layer);
  });
  // Files list their tensors in any order, such as 0, 1, 10, 11, 2.
  std::sort(groups.begin(), groups.end(), [](const GramGroup& a, const GramGroup& b) {
    return std::pair(a.name.size(), a.name) < std::pair(b.name.size(), b.name);
  });
  return groups;
}

std::vector<NamedSimilarity> similarities(const std::vector<GramGroup>& groups, std::size_t a,
                                          std::size_t b) {
  std::vector<NamedSimilarity> found;
  found.reserve(groups.size());
  for (const GramGroup& group : groups) {
    found.push_back({group.name, similarity(group.gram, a, b), group.gram.num_elements()});
  }
  return found;
}

// The mean of the defined values.
class WeightedMean {
 public:
  void add(std::optional<double> value, double weight) {
    if (!value) return;
    sum_ += *value * weight;
    weights_ += weight;
  }
  [[nodiscard]] std::optional<double> value() const {
    return weights_ > 0 ? std::optional(sum_ / weights_) : std::nullopt;
  }

 private:
  double sum_ = 0;
  double weights_ = 0;
};

class SimilarityMean {
 public:
  void add(const Similarity& similarity, double weight) {
    pcc_.add(similarity.pcc, weight);
    cosine_.add(similarity.cosine, weight);
    euclid_.add(similarity.euclid, weight);
  }
  [[nodiscard]] MeanSimilarity value() const {
    return {pcc_.value(), cosine_.value(), euclid_.value()};
  }

 private:
  WeightedMean pcc_;
  WeightedMean cosine_;
  WeightedMean euclid_;
};

MeanSimilarity mean_of(const std::vector<NamedSimilarity>& tensors) {
  SimilarityMean mean;
  for (const NamedSimilarity& tensor : tensors) {
    mean.add(tensor.similarity, static_cast<double>(tensor.num_elements));
  }
  return mean.value();
}

}  // namespace

KinshipReport report_kinship(const Kinship& kinship) {
  const DeltaGram total = kinship.total();
  const auto kinds = by_kind(kinship);
  const auto layers = by_layer(kinship);
  const auto tensors = grouped(kinship, [](const TensorGram& tensor) { return tensor.name; });
  KinshipReport report;
  report.base_norm = norm(total, 0);
  SimilarityMean mean;
  for (std::size_t a = 1; a < total.num_vectors(); ++a) {
    report.norms.push_back(norm(total, a));
    for (std::size_t b = a + 1; b < total.num_vectors(); ++b) {
      PairKinship pair{a - 1, b - 1, similarity(total, a, b), total.num_elements(), {}, {}, {}, {}};
      pair.kinds = similarities(kinds, a, b);
      pair.layers = similarities(layers, a, b);
      pair.tensors = similarities(tensors, a, b);
      pair.mean_of_tensors = mean_of(pair.tensors);
      mean.add(pair.global, 1);
      report.pairs.push_back(std::move(pair));
    }
  }
  report.mean_of_pairs = mean.value();
  return report;
}

}  // namespace vlm
