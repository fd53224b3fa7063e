#pragma once

// Updates of a model as the files of a LoRA adapter that PEFT and LoraAdapter read, and how well
// they hold what they stand for.

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/layout.h"
#include "checkpoint/safetensors_writer.h"
#include "merge/kernels/low_rank.h"
#include "tensor/tensor_view.h"

namespace vlm {

// What adapter_config.json says of all modules.
struct AdapterConfig {
  std::string base_name;  // the model that it is of; "": not told
  std::string task_type;  // "CAUSAL_LM"; "": none
  std::size_t rank = 1;   // of the modules that are not told apart
};

// How well an adapter holds the differences of one kind of module, e.g. "self_attn.q_proj".
struct AdaptedKind {
  std::string name;
  std::size_t modules = 0;
  double relative_error = 0;  // norm(D - B A) / norm(D) over all modules of the kind
  double largest_error = 0;   // of a single module
};

struct AdapterReport {
  std::vector<AdaptedKind> kinds;        // in the order of the modules
  std::vector<std::string> saved_whole;  // canonical modules: embeddings, head, norms
};

// A product b a with scale 1.
struct AdapterProduct {
  Shape a_shape;                 // [rank, in ...]; of an embedding [rank, rows]
  Shape b_shape;                 // [out, rank ...]
  std::span<const float> a;      // copied
  std::span<const float> b;      // copied
  bool is_of_embedding = false;  // which is changed by the transpose of the product
};

// Collects an adapter tensor by tensor. `tensor` is the canonical name of what is changed. Not
// thread-safe.
class AdapterWriter {
 public:
  // Modules get their names of `layout`, values are rounded to `dtype`.
  AdapterWriter(Layout layout, DType dtype) : layout_(layout), dtype_(dtype) {}

  // `norms`: of the difference that the product stands for, and of what it leaves of it.
  void add_product(const std::string& tensor, const AdapterProduct& product,
                   const SquaredNorms& norms);
  // Adds to the bias of a module with a product.
  void add_bias(const std::string& tensor, std::span<const float> values);
  // Takes the place of the tensor.
  void add_whole(const std::string& tensor, const Shape& shape, std::span<const float> values);

  [[nodiscard]] bool empty() const noexcept { return tensors_.empty(); }
  // adapter_config.json and adapter_model.safetensors. Throws Error{kIo}.
  void write(const std::filesystem::path& directory, const AdapterConfig& config) const;
  [[nodiscard]] AdapterReport report() const;

 private:
  struct Tensor {
    std::string name;  // in the file
    Shape shape;
    std::vector<std::byte> bytes;
  };
  struct Remainder {
    std::string kind;
    SquaredNorms norms;
  };

  void add(std::string name, Shape shape, std::span<const float> values);
  [[nodiscard]] std::string config_json(const AdapterConfig& config) const;

  Layout layout_;
  DType dtype_;
  std::vector<Tensor> tensors_;
  std::map<std::string, std::size_t> ranks_;  // of products, by the module on disk
  std::set<std::string> with_bias_;           // modules on disk
  std::set<std::string> saved_;               // likewise
  std::vector<Remainder> remainders_;         // of products
  std::vector<std::string> saved_whole_;      // canonical modules
};

// The module that a tensor belongs to: all before the last dot.
std::string module_of(const std::string& tensor);

}  // namespace vlm
