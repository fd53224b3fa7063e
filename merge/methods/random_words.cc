#include "merge/methods/random_words.h"

#include <string>

#include "core/philox.h"
#include "merge/kernels/philox_words.h"

namespace vlm {

RandomWords::RandomWords(const TensorMerge& task, const ModelTensor& model,
                         std::string_view purpose)
    : key_(philox_key(task.seed, std::string(purpose) + " " + std::string(task.name))),
      stream_(model.model) {
  if (!model.remember) return;
  const std::size_t size = model.values.size();
  remembered_ = model.remember(std::string(purpose) + " words", size, [&] {
    Words words(size);
    philox_words(key_, stream_, 0, words);
    return words;
  });
}

std::span<const std::uint32_t> RandomWords::read(std::size_t first,
                                                 std::span<std::uint32_t> scratch) const {
  if (remembered_ != nullptr) return std::span(*remembered_).subspan(first, scratch.size());
  make(first, scratch);
  return scratch;
}

void RandomWords::make(std::size_t first, std::span<std::uint32_t> out) const {
  philox_words(key_, stream_, first, out);
}

}  // namespace vlm
