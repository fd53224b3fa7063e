// The content of a tokenizer_config.json: an Error or a tokenizer that works.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "language/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path kDirectory = [] {
    auto path = std::filesystem::temp_directory_path() /
                ("vlm_fuzz_tokenizer_" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    std::filesystem::copy_file(
        std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/en-vlm/tokenizer.model",
        path / "tokenizer.model", std::filesystem::copy_options::overwrite_existing);
    return path;
  }();
  try {
    vlm::write_file_atomically(kDirectory / "tokenizer_config.json",
                               {reinterpret_cast<const char*>(data), size});
    const vlm::Tokenizer tokenizer = vlm::Tokenizer::load(kDirectory);
    static_cast<void>(tokenizer.decode(tokenizer.encode("a <image>\n猫 </s>")));
  } catch (const vlm::Error&) {
  }
  return 0;
}
