#pragma once

// What a LoRA adapter that PEFT and LoraAdapter read consists of: the names and shapes of its
// tensors and its config. Not the values.

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/layout.h"
#include "tensor/tensor_view.h"

namespace vlm {

// What adapter_config.json says of all modules.
struct AdapterConfig {
  std::string base_name;  // the model that it is of; "": not told
  std::string task_type;  // "CAUSAL_LM"; "": none
  std::size_t rank = 1;   // of the modules that are not told apart
};

// A product b a with scale 1.
struct AdapterProduct {
  Shape a_shape;                 // [rank, in ...]; of an embedding [rank, rows]
  Shape b_shape;                 // [out, rank ...]
  bool is_of_embedding = false;  // which is changed by the transpose of the product
};

// `tensor` is the canonical name of what is changed. Each function returns the number of the first
// tensor in the file that it adds.
class AdapterOutline {
 public:
  // Modules get their names of `layout`, values are stored as `dtype`.
  AdapterOutline(Layout layout, DType dtype) : layout_(layout), dtype_(dtype) {}

  // A, and B behind it.
  std::size_t add_product(const std::string& tensor, const AdapterProduct& product);
  // Adds to the bias of a module with a product.
  std::size_t add_bias(const std::string& tensor, std::size_t size);
  // Takes the place of the tensor.
  std::size_t add_whole(const std::string& tensor, const Shape& shape);

  // With their names in the file, in its order.
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const noexcept { return tensors_; }
  // Canonical modules: embeddings, head, norms.
  [[nodiscard]] const std::vector<std::string>& saved_whole() const noexcept {
    return saved_whole_;
  }
  // The text of adapter_config.json.
  [[nodiscard]] std::string config_json(const AdapterConfig& config) const;

 private:
  std::size_t add(std::string name, Shape shape);

  Layout layout_;
  DType dtype_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::size_t> ranks_;  // of products, by the module on disk
  std::set<std::string> with_bias_;           // modules on disk
  std::set<std::string> saved_;               // likewise
  std::vector<std::string> saved_whole_;
};

// The module that a tensor belongs to: all before the last dot.
std::string module_of(const std::string& tensor);

}  // namespace vlm
