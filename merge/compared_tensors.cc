#include "merge/compared_tensors.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "core/error.h"
#include "merge/refusal.h"

namespace vlm {
namespace {

using Source = KinshipSources::Source;

bool is_vocabulary(std::string_view name) {
  return name == kEmbedName || name == kHeadName;
}

std::string described(const Source& source, const TensorInfo& info) {
  return source.name + ": " + info.name + " " + to_string(info.shape);
}

// All names of the base, and the head if any source has one of its own.
std::vector<std::string> compared_names(const std::vector<Source>& sources) {
  const Source& base = sources.front();
  std::vector<std::string> names;
  for (const TensorInfo& info : base.checkpoint->tensors()) {
    if (info.name.starts_with(kTextPrefix)) names.push_back(info.name);
  }
  if (names.empty()) refuse("model has no language model: " + base.name + ": no tensor 'text/...'");
  const std::set<std::string_view> known(names.begin(), names.end());
  bool adds_head = false;
  for (const Source& source : sources) {
    for (const TensorInfo& info : source.checkpoint->tensors()) {
      if (!info.name.starts_with(kTextPrefix) || known.contains(info.name)) continue;
      if (info.name != kHeadName || !base.tensors.ties_head()) {
        refuse("base lacks a tensor that a model has: " + base.name + ": " + info.name + " of " +
               source.name);
      }
      adds_head = true;
    }
  }
  if (adds_head) names.emplace_back(kHeadName);
  return names;
}

// The elements that all sources have: of vocabularies the common rows, else all.
std::size_t common_elements(const std::vector<Source>& sources, const ComparedTensor& tensor) {
  const Shape& wanted = tensor.infos.front()->shape;
  std::size_t rows = wanted.empty() ? 1 : wanted.front();
  for (std::size_t i = 1; i < sources.size(); ++i) {
    const Shape& shape = tensor.infos[i]->shape;
    const bool has_common_rows = is_vocabulary(tensor.name) && shape.size() == 2 &&
                                 wanted.size() == 2 && shape[1] == wanted[1];
    if (shape != wanted && !has_common_rows) {
      refuse("shapes differ: " + described(sources[0], *tensor.infos[0]) + ", " +
             described(sources[i], *tensor.infos[i]));
    }
    if (has_common_rows) rows = std::min(rows, shape.front());
  }
  const std::size_t all = element_count(wanted).value();
  return wanted.empty() || wanted.front() == 0 ? all : all / wanted.front() * rows;
}

std::string row_warning(const std::vector<Source>& sources, const ComparedTensor& tensor) {
  std::size_t most_rows = 0;
  for (const TensorInfo* const info : tensor.infos) {
    most_rows = std::max(most_rows, info->shape.front());
  }
  const Shape& shape = tensor.infos.front()->shape;
  const std::size_t rows = tensor.num_elements / std::max<std::size_t>(1, shape.back());
  if (rows == most_rows) return "";
  return "vocabularies differ in size: " + tensor.name + ": the first " + std::to_string(rows) +
         " rows count, which all models have (" + sources.front().name + ": " +
         std::to_string(shape.front()) + ", most: " + std::to_string(most_rows) + ")";
}

}  // namespace

std::vector<ComparedTensor> compared_tensors(const std::vector<Source>& sources) {
  std::vector<ComparedTensor> tensors;
  for (const std::string& name : compared_names(sources)) {
    ComparedTensor tensor{name, {}, 0};
    for (const Source& source : sources) {
      tensor.infos.push_back(source.find(name));
      if (tensor.infos.back() == nullptr) {
        refuse("model lacks a tensor that the base has: " + source.name + ": " + name);
      }
    }
    tensor.num_elements = common_elements(sources, tensor);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::string kind_of(std::string_view name) {
  const auto has = [&](const char* part) { return name.find(part) != std::string_view::npos; };
  if (name == kEmbedName) return "embedding";
  if (name == kHeadName) return "head";
  if (has(".self_attn.")) return "attention";
  if (has(".mlp.")) return "mlp";
  return has("norm.") ? "norm" : "other";
}

std::vector<std::string> row_warnings(const std::vector<Source>& sources,
                                      const std::vector<ComparedTensor>& tensors) {
  for (const ComparedTensor& tensor : tensors) {
    if (!is_vocabulary(tensor.name)) continue;
    std::string warning = row_warning(sources, tensor);
    if (!warning.empty()) return {std::move(warning)};  // the head's rows are the embedding's
  }
  return {};
}

}  // namespace vlm
