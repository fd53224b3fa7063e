#pragma once

// The interface of all optimisers: points out, fitness in, generation by generation. An optimiser
// knows nothing of what is evaluated, where, or by how many workers.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

// Why another generation would be useless, and the number that says so.
struct StopReason {
  std::string name;  // as "tol_x", "condition_number"
  double value = 0.0;
};

// What is larger is better: `fitness` is always maximised; negate a loss.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  Optimizer(Optimizer&&) = delete;
  Optimizer& operator=(Optimizer&&) = delete;

  // The points of the current generation, [population][dimensions], in the caller's box. Does not
  // change the state: the same points until tell() is called.
  [[nodiscard]] virtual std::vector<std::vector<double>> ask() const = 0;

  // Takes the fitness of each point of ask(), in its order, LARGER IS BETTER, and moves on to the
  // next generation. No value, NaN or an infinity means that the candidate failed: it ranks last.
  // Throws Error{kInvalidArgument} unless there is one entry per point.
  virtual void tell(std::span<const std::optional<double>> fitness) = 0;

  // The number of generations told so far, which is the index of the one ask() returns.
  [[nodiscard]] virtual std::size_t generation() const noexcept = 0;

  // The reason to stop, if there is one. It is advice: ask() and tell() go on working.
  [[nodiscard]] virtual std::optional<StopReason> stop() const = 0;

  // The complete state. An optimiser of the same settings that restores it goes on bit for bit as
  // this one, also after the JSON went through text.
  [[nodiscard]] virtual Json save() const = 0;

  // Throws Error{kCorruptFile} if `state` is damaged, Error{kInvalidArgument} if it was saved under
  // other settings (dimensions, population, seed); the optimiser is then unchanged.
  virtual void restore(const Json& state) = 0;

 protected:
  Optimizer() = default;
};

}  // namespace vlm
