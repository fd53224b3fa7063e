#include "evolve/cma_es.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/philox.h"

namespace vlm {
namespace {

constexpr std::size_t kMaxDimensions = 4096;
constexpr std::size_t kMaxPopulation = 100000;

[[noreturn]] void refuse(const std::string& what, const std::string& value) {
  throw Error(ErrorCode::kInvalidArgument, "bad option: CMA-ES: " + what + ": " + value);
}

SearchSpace validated(SearchSpace space) {
  validate(space);
  if (space.size() > kMaxDimensions) {
    refuse("dimensions (a full covariance matrix takes at most " + std::to_string(kMaxDimensions) +
               ")",
           std::to_string(space.size()));
  }
  return space;
}

CmaEsOptions completed(CmaEsOptions options, std::size_t dimensions) {
  if (options.population == 0) options.population = default_cma_population(dimensions);
  if (options.max_resampling == 0) options.max_resampling = 10 * dimensions;
  if (options.population < 2 || options.population > kMaxPopulation) {
    refuse("population", std::to_string(options.population));
  }
  if (!(options.sigma > 0.0 && options.sigma <= 1.0)) {
    refuse("sigma (a fraction of the range)", std::to_string(options.sigma));
  }
  return options;
}

Eigen::VectorXd unit_mean(const SearchSpace& space) {
  const std::vector<double> mean = to_unit_cube(space, initial_point(space));
  return Eigen::Map<const Eigen::VectorXd>(mean.data(), static_cast<Eigen::Index>(mean.size()));
}

bool is_usable(const std::optional<double>& fitness) {
  return fitness.has_value() && std::isfinite(*fitness);
}

// What must be equal for a saved state to make sense.
Json settings_of(const SearchSpace& space, const CmaEsOptions& options) {
  Json dimensions = Json::array();
  for (const Dimension& dimension : space.dimensions) {
    dimensions.push_back(
        Json::array({dimension.name, dimension.low, dimension.high, dimension.initial}));
  }
  return Json{{"population", options.population},
              {"sigma", options.sigma},
              {"seed", options.seed},
              {"max_resampling", options.max_resampling},
              {"evaluate_initial", options.evaluate_initial},
              {"dimensions", std::move(dimensions)}};
}

std::vector<CmaFitnessRange> ranges_from_json(const Json& state, const std::string& where) {
  const auto found = state.find("recent_fitness");
  if (found == state.end() || !found->is_array()) {
    throw Error(ErrorCode::kCorruptFile, "bad array: " + where + ": recent_fitness");
  }
  std::vector<CmaFitnessRange> ranges;
  for (const Json& pair : *found) {
    const bool good =
        pair.is_array() && pair.size() == 2 && pair[0].is_number() && pair[1].is_number();
    if (!good) throw Error(ErrorCode::kCorruptFile, "bad pair: " + where + ": recent_fitness");
    ranges.push_back({pair[0].get<double>(), pair[1].get<double>()});
  }
  return ranges;
}

}  // namespace

CmaEs::CmaEs(SearchSpace space, const CmaEsOptions& options)
    : space_(validated(std::move(space))),
      options_(completed(options, space_.size())),
      state_(unit_mean(space_), options_.sigma, options_.population) {
  sample_generation();
}

void CmaEs::sample_generation() {
  const auto n = static_cast<Eigen::Index>(space_.size());
  const std::uint64_t key = philox_key(options_.seed, "cma-es");
  points_.resize(n, static_cast<Eigen::Index>(options_.population));
  for (std::size_t candidate = 0; candidate < options_.population; ++candidate) {
    RandomStream stream(key, generation_ * options_.population + candidate);
    Eigen::VectorXd z(n);
    const auto draw = [this, &stream, &z] {
      for (double& coordinate : z) coordinate = stream.normal();
      return state_.point_of(z);
    };
    points_.col(static_cast<Eigen::Index>(candidate)) =
        sample_in_unit_cube(draw, options_.max_resampling);
  }
  if (generation_ == 0 && options_.evaluate_initial) points_.col(0) = unit_mean(space_);
}

std::vector<std::vector<double>> CmaEs::ask() const {
  std::vector<std::vector<double>> generation;
  generation.reserve(options_.population);
  for (const auto& point : points_.colwise()) {
    generation.push_back(to_box(space_, {point.data(), space_.size()}));
  }
  // The very numbers of the caller, not rounded by the way through the unit cube.
  if (generation_ == 0 && options_.evaluate_initial) generation[0] = initial_point(space_);
  return generation;
}

void CmaEs::tell(std::span<const std::optional<double>> fitness) {
  if (fitness.size() != options_.population) {
    throw Error(ErrorCode::kInvalidArgument,
                "wrong number of fitness values: CMA-ES: " + std::to_string(fitness.size()) +
                    " (population " + std::to_string(options_.population) + ")");
  }
  std::vector<std::optional<double>> costs(fitness.size());
  for (std::size_t i = 0; i < fitness.size(); ++i) {
    if (is_usable(fitness[i])) costs[i] = -*fitness[i];
  }
  remember_extremes(fitness);
  state_.update(points_, costs);
  ++generation_;
  sample_generation();
}

void CmaEs::remember_extremes(std::span<const std::optional<double>> fitness) {
  std::optional<CmaFitnessRange> range;
  for (const std::optional<double>& value : fitness) {
    if (!is_usable(value)) continue;
    if (!range) range = CmaFitnessRange{*value, *value};
    range = CmaFitnessRange{std::min(range->low, *value), std::max(range->high, *value)};
  }
  if (!range) return;
  recent_fitness_.push_back(*range);
  if (recent_fitness_.size() > state_.fitness_window()) {
    recent_fitness_.erase(recent_fitness_.begin());
  }
}

std::optional<StopReason> CmaEs::stop() const {
  return state_.stop(recent_fitness_);
}

Json CmaEs::save() const {
  Json ranges = Json::array();
  for (const CmaFitnessRange& range : recent_fitness_) {
    ranges.push_back(Json::array({range.low, range.high}));
  }
  return Json{{"optimizer", "cma-es"},
              {"settings", settings_of(space_, options_)},
              {"generation", generation_},
              {"recent_fitness", std::move(ranges)},
              {"distribution", state_.save()}};
}

void CmaEs::restore(const Json& state) {
  const std::string where = "state of CMA-ES";
  const JsonFields fields(state, where);
  if (fields.text("optimizer") != "cma-es") {
    throw Error(ErrorCode::kInvalidArgument,
                "other optimizer: " + where + ": " + fields.text("optimizer"));
  }
  const Json& saved = fields.object("settings").json();
  const Json settings = settings_of(space_, options_);
  for (const auto& [key, value] : settings.items()) {
    if (saved.contains(key) && saved.at(key) == value) continue;
    std::string message = "other settings: " + where + ": ";
    message += key + " (continue with the settings it was saved with)";
    throw Error(ErrorCode::kInvalidArgument, message);
  }
  const std::size_t generation = fields.size("generation");
  std::vector<CmaFitnessRange> recent = ranges_from_json(state, where);
  state_.restore(fields.object("distribution").json());
  generation_ = generation;
  recent_fitness_ = std::move(recent);
  sample_generation();
}

}  // namespace vlm
