#include "merge/methods/random_words.h"

#include <algorithm>

#include "core/philox.h"

namespace vlm {
namespace {

// Element i takes word i mod 4 of Philox block i / 4 in the stream of its model.
Words make_words(std::uint64_t key, std::uint64_t stream, std::size_t size) {
  Words words(size);
  for (std::size_t first = 0; first < size; first += 4) {
    const PhiloxBlock block = philox_block(key, first / 4, stream);
    std::copy_n(block.begin(), std::min<std::size_t>(4, size - first), &words[first]);
  }
  return words;
}

}  // namespace

std::shared_ptr<const Words> random_words(const TensorMerge& task, const ModelTensor& model,
                                          std::string_view purpose) {
  const std::string name(purpose);
  return remembered(model, name + " words", [&] {
    return make_words(philox_key(task.seed, name + " " + std::string(task.name)), model.model,
                      model.values.size());
  });
}

std::shared_ptr<const Words> remembered(const ModelTensor& model, std::string_view what,
                                        const std::function<Words()>& make) {
  std::shared_ptr<const Words> words;
  if (model.remember) words = model.remember(what, model.values.size(), make);
  return words != nullptr ? words : std::make_shared<const Words>(make());
}

}  // namespace vlm
