#pragma once

// Values of options that are checked while the command line is read: a bad one is wrong usage.

#include <cstdint>
#include <string>

#include <CLI/CLI.hpp>

namespace vlm {

// The largest numbers of tokens and beams; language/generation_options.h refuses more as well.
constexpr std::uint64_t kMostTokens = std::uint64_t{1} << 20U;
constexpr std::uint64_t kMostBeams = 1024;

// Refuses all but whole numbers in [low, high]; the help shows the value as N.
CLI::Option* whole_number(CLI::Option* option, std::uint64_t low, std::uint64_t high);

// The same for seeds: any number of 64 bits.
CLI::Option* seed_number(CLI::Option* option);

// Refuses all but finite numbers in [low, high]; the help shows the value as X.
CLI::Option* number(CLI::Option* option, double low, double high);

// Bytes of "5GB", "300MB", "64KB" (decimal units) or a plain number.
// Throws CLI::ValidationError naming the option for any other text and for less than one byte.
std::size_t parse_size_bytes(const std::string& option, const std::string& text);

}  // namespace vlm
