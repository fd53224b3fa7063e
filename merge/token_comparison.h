#pragma once

// Whether the ids of two models stand for the same tokens.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace vlm {

// How the tokens of two model directories differ among the ids below `num_rows` that both have a
// token for: `3 of 2560 ids, the first 7: "a" and "b"`; nothing if they do not. Throws what
// TokenTable::load() throws, unless the files are the same.
std::optional<std::string> token_difference(const std::filesystem::path& a,
                                            const std::filesystem::path& b, std::size_t num_rows);

}  // namespace vlm
