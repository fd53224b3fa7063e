#pragma once

// Random bits for the entries of a tensor, which do not depend on who draws first.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "merge/method.h"

namespace vlm {

// 32 random bits for each entry of a model's tensor: a function of the seed, the output's name, the
// model and the entry's place. Made when they are asked for, or at once if the model remembers.
class RandomWords {
 public:
  // `purpose` tells methods apart.
  RandomWords(const TensorMerge& task, const ModelTensor& model, std::string_view purpose);

  // Calls use(words, done) for the words of entries from `first` on in pieces: `done` entries are
  // before the piece.
  template <typename Use>
  void for_each_piece(std::size_t first, std::size_t size, const Use& use) const {
    std::array<std::uint32_t, kPiece> made;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (std::size_t done = 0; done < size; done += kPiece) {
      use(read(first + done, std::span(made).first(std::min(kPiece, size - done))), done);
    }
  }

  // The words of entries [first, first + scratch.size()), in `scratch` or where they are
  // remembered.
  [[nodiscard]] std::span<const std::uint32_t> read(std::size_t first,
                                                    std::span<std::uint32_t> scratch) const;
  // Writes the words of entries [first, first + out.size()).
  void make(std::size_t first, std::span<std::uint32_t> out) const;

 private:
  static constexpr std::size_t kPiece = 2048;

  std::uint64_t key_;
  std::uint64_t stream_;
  std::shared_ptr<const Words> remembered_;  // null: they are not
};

}  // namespace vlm
