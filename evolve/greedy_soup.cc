#include "evolve/greedy_soup.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "core/error.h"

namespace vlm {
namespace {

constexpr double kFailed = -std::numeric_limits<double>::infinity();

double value_of(const std::optional<double>& fitness) {
  if (!fitness || !std::isfinite(*fitness)) return kFailed;
  return *fitness;
}

[[noreturn]] void fail_state(const std::string& what) {
  throw Error(ErrorCode::kCorruptFile, "state of the greedy soup is damaged: " + what);
}

// Different numbers below `models`.
std::vector<std::size_t> models_of(const Json& state, const char* key, std::size_t models) {
  const auto found = state.find(key);
  if (found == state.end() || !found->is_array()) fail_state(std::string(key) + " is no list");
  std::vector<std::size_t> list;
  for (const Json& entry : *found) {
    if (!entry.is_number_unsigned() || entry.get<std::size_t>() >= models) {
      fail_state(std::string(key) + " has " + entry.dump());
    }
    list.push_back(entry.get<std::size_t>());
  }
  if (std::set(list.begin(), list.end()).size() != list.size()) {
    fail_state(std::string(key) + " has a model twice");
  }
  return list;
}

std::size_t count_of(const Json& state, const char* key) {
  const auto found = state.find(key);
  if (found == state.end() || !found->is_number_unsigned()) {
    fail_state(std::string(key) + " is no number");
  }
  return found->get<std::size_t>();
}

}  // namespace

GreedySoup::GreedySoup(SearchSpace space) : space_(std::move(space)) {
  validate(space_);
}

std::vector<double> GreedySoup::point_of(std::span<const std::size_t> models) const {
  std::vector<double> point;
  for (const Dimension& dimension : space_.dimensions) point.push_back(dimension.low);
  for (const std::size_t model : models) point[model] = space_.dimensions[model].high;
  return point;
}

std::vector<std::vector<double>> GreedySoup::ask() const {
  std::vector<std::vector<double>> points;
  if (generation_ == 0) {
    for (std::size_t i = 0; i < space_.size(); ++i) points.push_back(point_of({&i, 1}));
    return points;
  }
  std::vector<std::size_t> models = soup_;
  if (generation_ < space_.size()) models.push_back(order_[generation_]);
  points.push_back(point_of(models));
  return points;
}

void GreedySoup::rank(std::span<const std::optional<double>> fitness) {
  order_.resize(fitness.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
    return value_of(fitness[a]) > value_of(fitness[b]);
  });
  soup_ = {order_.front()};
  fitness_ = value_of(fitness[order_.front()]);
}

void GreedySoup::tell(std::span<const std::optional<double>> fitness) {
  const std::size_t wanted = generation_ == 0 ? space_.size() : 1;
  if (fitness.size() != wanted) {
    throw Error(ErrorCode::kInvalidArgument,
                "one fitness per point: greedy soup: " + std::to_string(fitness.size()) + " for " +
                    std::to_string(wanted));
  }
  if (generation_ == 0) {
    rank(fitness);
  } else if (generation_ < space_.size() && value_of(fitness.front()) > fitness_) {
    soup_.push_back(order_[generation_]);
    fitness_ = value_of(fitness.front());
  }
  ++generation_;
}

std::optional<StopReason> GreedySoup::stop() const {
  if (generation_ < space_.size()) return std::nullopt;
  return StopReason{"all_models_tried", static_cast<double>(soup_.size())};
}

Json GreedySoup::save() const {
  Json state = {{"optimizer", "greedy-soup"},
                {"models", space_.size()},
                {"generation", generation_},
                {"order", order_},
                {"soup", soup_},
                {"fitness", nullptr}};
  if (std::isfinite(fitness_)) state["fitness"] = fitness_;
  return state;
}

void GreedySoup::restore(const Json& state) {
  if (!state.is_object()) fail_state("no mapping");
  if (state.value("optimizer", Json()) != "greedy-soup" ||
      count_of(state, "models") != space_.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "state is of another search: greedy soup of " + std::to_string(space_.size()) +
                    " models: " + state.value("optimizer", Json()).dump());
  }
  const std::size_t generation = count_of(state, "generation");
  const std::vector<std::size_t> order = models_of(state, "order", space_.size());
  const std::vector<std::size_t> soup = models_of(state, "soup", space_.size());
  const bool has_begun = generation > 0;
  if (order.size() != (has_begun ? space_.size() : 0) || soup.empty() == has_begun) {
    fail_state("order and soup do not fit generation " + std::to_string(generation));
  }
  const auto fitness = state.find("fitness");
  if (fitness == state.end() || !(fitness->is_number() || fitness->is_null())) {
    fail_state("fitness is no number");
  }
  generation_ = generation;
  order_ = order;
  soup_ = soup;
  fitness_ = fitness->is_null() ? kFailed : fitness->get<double>();
}

}  // namespace vlm
