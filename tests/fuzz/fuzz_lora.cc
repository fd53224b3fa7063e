// Any bytes as an adapter, the text of its config and its tensors with "\n---\n" between them:
// either refused, or every update has what it needs.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/lora_updates.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"

namespace {

std::vector<vlm::AdapterTensor> tensors_of(std::span<const std::byte> file) {
  const vlm::SafetensorsHeader header = vlm::parse_safetensors_header(file, "input");
  std::vector<vlm::AdapterTensor> tensors;
  for (const vlm::SafetensorsEntry& entry : header.entries) {
    tensors.push_back({entry.name,
                       {entry.dtype, entry.shape,
                        file.subspan(header.data_start_bytes + entry.begin_bytes,
                                     entry.end_bytes - entry.begin_bytes)}});
  }
  return tensors;
}

void check_update(const vlm::LoraUpdate& update) {
  if (update.target.find('/') == std::string::npos) std::abort();
  if (update.kind != vlm::LoraUpdateKind::kProduct) return;
  if (update.a.shape.size() < 2 || update.a.shape[0] != update.b.shape[1]) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kBorder = "\n---\n";
  const std::size_t border = input.find(kBorder);
  try {
    const vlm::LoraConfig config = vlm::parse_lora_config(input.substr(0, border), "a/config");
    if (config.rank == 0) std::abort();
    if (border == std::string_view::npos) return 0;
    const auto file = std::as_bytes(std::span(data, size)).subspan(border + kBorder.size());
    for (const vlm::LoraUpdate& update : vlm::read_lora_updates(config, tensors_of(file))) {
      check_update(update);
    }
  } catch (const vlm::Error&) {
    return 0;  // refused
  }
  return 0;
}
