#pragma once

// Aligning the inputs of a merge to one vocabulary, as its recipe's tokenizer rule says.

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "merge/output_vocabulary.h"
#include "merge/plan.h"
#include "merge/side_file_changes.h"

namespace vlm {

// The models that take part in a merge, as indices of its inputs.
struct VocabularyRoles {
  std::size_t donor = 0;
  std::optional<std::size_t> base;
  std::set<std::size_t> of_embedding;  // whose embeddings are merged
  std::set<std::size_t> of_head;

  bool operator==(const VocabularyRoles&) const = default;
};

struct AlignedInputs {
  std::vector<std::shared_ptr<const Checkpoint>> checkpoints;  // parallel to the inputs
  OutputVocabulary vocabulary;
  SideFileChanges side_files;         // of the donor
  std::vector<std::string> warnings;  // one line each
};

// Reads the tokenizers of all inputs, no weights. The donor and the base count among the models of
// both tensors, as in mergekit. Throws Error{kInvalidArgument} for a source that is no input, lacks
// the token, or moves a VLM's image token; what TokenTable::load() throws. `where` is the recipe.
AlignedInputs align_vocabularies(const TokenizerRule& rule, const std::vector<PlanInput>& inputs,
                                 const VocabularyRoles& roles, const std::string& where);

// Aligns the same inputs by the same rule only once, with the tokenizers as they then are: later
// plans get the same checkpoints, whose tensors a SourceCache knows. Not thread-safe.
class VocabularyAlignments {
 public:
  // What align_vocabularies() gives or throws; lives as long as this object.
  const AlignedInputs& align(const TokenizerRule& rule, const std::vector<PlanInput>& inputs,
                             const VocabularyRoles& roles, const std::string& where);

 private:
  struct Entry {
    TokenizerRule rule;
    std::vector<PlanInput> inputs;
    VocabularyRoles roles;
    AlignedInputs aligned;
  };

  std::list<Entry> entries_;
};

}  // namespace vlm
