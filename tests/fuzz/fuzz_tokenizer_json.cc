// The content of a tokenizer.json: an Error or a tokenizer that gives valid text.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "language/text_stream.h"
#include "language/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path kDirectory = [] {
    auto path = std::filesystem::temp_directory_path() /
                ("vlm_fuzz_tokenizer_json_" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    return path;
  }();
  try {
    vlm::write_file_atomically(kDirectory / "tokenizer.json",
                               {reinterpret_cast<const char*>(data), size});
    const vlm::Tokenizer tokenizer = vlm::Tokenizer::load(kDirectory);
    vlm::TextStream stream(tokenizer);
    for (const vlm::TokenId id : tokenizer.encode("a  <x>\n猫 It's 12\xFF</s>")) {
      static_cast<void>(vlm::Json(stream.push(id)).dump());  // throws for invalid UTF-8
    }
    static_cast<void>(vlm::Json(stream.finish()).dump());
  } catch (const vlm::Error&) {
  }
  return 0;
}
