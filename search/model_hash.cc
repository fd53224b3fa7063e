#include "search/model_hash.h"

#include <string_view>
#include <vector>

#include "datasets/content_hash.h"

namespace vlm {
namespace {

std::string hash_tensor(const Checkpoint& checkpoint, const TensorInfo& info) {
  std::vector<float> values(element_count(info.shape).value_or(0));
  checkpoint.read(info, values);
  ContentHash hash;
  hash.add_field(info.name);
  hash.add_field(safetensors_name(info.dtype));
  hash.add_field(to_string(info.shape));
  hash.add_bytes(std::string_view(reinterpret_cast<const char*>(values.data()),
                                  values.size() * sizeof(float)));
  return hash.finish();
}

}  // namespace

std::string hash_model(const Checkpoint& checkpoint, ThreadPool& pool) {
  const std::vector<TensorInfo>& tensors = checkpoint.tensors();
  std::vector<std::string> digests(tensors.size());
  pool.parallel_for(tensors.size(),
                    [&](std::size_t i) { digests[i] = hash_tensor(checkpoint, tensors[i]); });
  ContentHash hash;
  hash.add_field(checkpoint.config().original.dump());
  for (const std::string& digest : digests) hash.add_field(digest);
  return hash.finish();
}

}  // namespace vlm
