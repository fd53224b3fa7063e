#include "search/optimizer_choice.h"

#include "core/error.h"
#include "evolve/cma_es.h"
#include "evolve/greedy_soup.h"

namespace vlm {
namespace {

constexpr const char* kGreedySoup = "greedy-soup";

// Otherwise a search would end without having tried every model.
void require_all_trials(const OptimizerSettings& settings, const SearchSpace& space) {
  const std::size_t needed = 2 * space.size() - 1;
  if (settings.trials >= needed) return;
  throw Error(ErrorCode::kInvalidArgument,
              "trials: a greedy soup of " + std::to_string(space.size()) + " models takes " +
                  std::to_string(needed) + ": " + std::to_string(settings.trials));
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerSettings& settings,
                                          const SearchSpace& space) {
  if (settings.name == kGreedySoup) {
    auto soup = std::make_unique<GreedySoup>(space);
    require_all_trials(settings, space);
    return soup;
  }
  const CmaEsOptions options{settings.population, settings.sigma, settings.seed};
  return std::make_unique<CmaEs>(space, options);
}

std::string describe(const OptimizerSettings& settings) {
  if (settings.name == kGreedySoup) return settings.name;
  const std::string population =
      settings.population == 0 ? "auto" : std::to_string(settings.population);
  return settings.name + " population " + population + " sigma " + std::to_string(settings.sigma);
}

}  // namespace vlm
