#pragma once

// The random bits of methods that drop entries at random.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "merge/method.h"

namespace vlm {

// 32 random bits for each element of a model's tensor. They depend on the seed, `purpose`, the
// output's name, the model's place in the recipe and the element alone.
std::shared_ptr<const Words> random_words(const TensorMerge& task, const ModelTensor& model,
                                          std::string_view purpose);

// One word per element of the model's tensor: those remembered under `what`, else made (and
// remembered if there is room).
std::shared_ptr<const Words> remembered(const ModelTensor& model, std::string_view what,
                                        const std::function<Words()>& make);

}  // namespace vlm
