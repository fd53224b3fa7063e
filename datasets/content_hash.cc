#include "datasets/content_hash.h"

#include <array>
#include <bit>
#include <cstdint>

#include <openssl/evp.h>

#include "core/check.h"
#include "core/mapped_file.h"

namespace vlm {

struct ContentHash::State {
  struct FreeContext {
    void operator()(EVP_MD_CTX* owned) const { EVP_MD_CTX_free(owned); }
  };
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) {
  check(state_->context != nullptr &&
            EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1,
        "OpenSSL offers SHA-256");
}

ContentHash::~ContentHash() = default;

void ContentHash::add_bytes(std::string_view bytes) {
  check(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1,
        "the hash is not finished yet");
}

void ContentHash::add_field(std::string_view bytes) {
  std::array<char, sizeof(std::uint64_t)> length{};
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<char>((std::uint64_t{bytes.size()} >> (8 * i)) & 0xFFU);
  }
  add_bytes({length.data(), length.size()});
  add_bytes(bytes);
}

std::string ContentHash::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  check(EVP_DigestFinal_ex(state_->context.get(), digest.data(), &length) == 1,
        "the hash is finished once");
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    text += kDigits[digest[i] >> 4U];
    text += kDigits[digest[i] & 0xFU];
  }
  return text;
}

std::string hash_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  ContentHash hash;
  hash.add_bytes({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
  return hash.finish();
}

}  // namespace vlm
