#include "merge/vocabulary_alignment.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "merge/aligned_checkpoint.h"
#include "merge/input_tensors.h"

namespace vlm {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& where, const std::string& seen) {
  throw Error(ErrorCode::kInvalidArgument, what + ": " + where + ": " + seen);
}

class Aligner {
 public:
  Aligner(const TokenizerRule& rule, const std::vector<PlanInput>& inputs,
          const VocabularyRoles& roles, const std::string& where)
      : rule_(rule), inputs_(inputs), roles_(roles), where_(where) {}

  AlignedInputs align() {
    read_tables();
    aligned_.vocabulary = make_output_vocabulary(rule_, tables_, num_rows_, find_owner());
    check_image_token();
    auto alignment = std::make_shared<VocabularyAlignment>();
    for (const PlanInput& input : inputs_) alignment->models.push_back(input.checkpoint);
    for (const TokenTable& table : tables_) alignment->own_rows.push_back(own_rows(table));
    alignment->embedding = origins_of(roles_.of_embedding);
    alignment->head = origins_of(roles_.of_head);
    warn_of_zeros(alignment->embedding);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      aligned_.checkpoints.push_back(std::make_shared<const AlignedCheckpoint>(alignment, i));
    }
    aligned_.side_files =
        change_tokenizer(directory_of(roles_.donor), directory_of(aligned_.vocabulary.owner),
                         aligned_.vocabulary.added);
    return std::move(aligned_);
  }

 private:
  [[nodiscard]] const std::filesystem::path& directory_of(std::size_t input) const {
    return inputs_[input].checkpoint->directory();
  }

  void read_tables() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const TensorInfo* const embedding = inputs_[i].checkpoint->find(kEmbedName);
      if (embedding == nullptr || embedding->shape.size() != 2) {
        fail("model has no embedding to align", where_, inputs_[i].name);
      }
      if (i > 0 && embedding->shape[1] != width_) {
        fail("embeddings differ in width", where_,
             inputs_[0].name + " " + std::to_string(width_) + ", " + inputs_[i].name + " " +
                 std::to_string(embedding->shape[1]));
      }
      width_ = embedding->shape[1];
      check_head(inputs_[i], embedding->shape);
      num_rows_.push_back(embedding->shape[0]);
      tables_.push_back(TokenTable::load(directory_of(i)));
    }
  }

  void check_head(const PlanInput& input, const Shape& embedding) const {
    const TensorInfo* const head = input.checkpoint->find(kHeadName);
    if (head == nullptr || head->shape == embedding) return;
    fail("head and embedding of a model differ in shape", where_,
         input.name + ": " + to_string(head->shape) + ", " + to_string(embedding));
  }

  [[nodiscard]] std::size_t find_owner() const {
    if (rule_.source != VocabularySource::kModel) return roles_.donor;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].name == rule_.model) return i;
    }
    fail("tokenizer is of no model of the recipe", where_, rule_.model);
  }

  // The rows that a model has of the output's tokens.
  [[nodiscard]] std::vector<std::optional<std::uint32_t>> own_rows(const TokenTable& table) const {
    const auto model = static_cast<std::size_t>(&table - tables_.data());
    const VocabularyInput input{inputs_[model].name, &table, num_rows_[model], true};
    std::vector<std::optional<std::uint32_t>> rows(aligned_.vocabulary.num_rows);
    for (const auto& [id, token] : aligned_.vocabulary.tokens.by_id()) {
      rows[id] = input.row_of(token.text);
    }
    return rows;
  }

  [[nodiscard]] std::vector<RowOrigin> origins_of(const std::set<std::size_t>& models) const {
    std::vector<VocabularyInput> described;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const bool takes_part = models.contains(i) || roles_.base == i || roles_.donor == i;
      described.push_back({inputs_[i].name, &tables_[i], num_rows_[i], takes_part});
    }
    return find_row_origins(rule_, aligned_.vocabulary.tokens, aligned_.vocabulary.num_rows,
                            described, roles_.base, where_);
  }

  // The picture's place in a prompt is an id of the config.
  void check_image_token() const {
    const ModelConfig& config = inputs_[roles_.donor].checkpoint->config();
    if (!config.is_vlm()) return;
    const auto id = config.image_token_id();
    if (!id) return;
    const auto& tokens = tables_[roles_.donor].by_id();
    const auto token = tokens.find(*id);
    if (token == tokens.end()) return;
    if (aligned_.vocabulary.tokens.find(token->second.text) == id) return;
    fail("tokenizer has not the image token of the VLM under its id", where_,
         "'" + token->second.text + "', id " + std::to_string(*id));
  }

  [[nodiscard]] bool wants_zeros(const std::string& token) const {
    return std::any_of(rule_.tokens.begin(), rule_.tokens.end(), [&](const TokenRule& rule) {
      return rule.token == token && rule.source == RowSource::kZero;
    });
  }

  void warn_of_zeros(const std::vector<RowOrigin>& origins) {
    std::vector<std::string> without;
    for (const auto& [id, token] : aligned_.vocabulary.tokens.by_id()) {
      if (origins[id].others.empty() && !wants_zeros(token.text)) without.push_back(token.text);
    }
    if (without.empty()) return;
    aligned_.warnings.push_back(
        "tokens that no model has a row for get zeros: " + std::to_string(without.size()) +
        ", the first '" + without.front() + "'");
  }

  const TokenizerRule& rule_;
  const std::vector<PlanInput>& inputs_;
  const VocabularyRoles& roles_;
  const std::string& where_;
  std::size_t width_ = 0;
  std::vector<TokenTable> tables_;     // parallel to the inputs
  std::vector<std::size_t> num_rows_;  // likewise
  AlignedInputs aligned_;
};

}  // namespace

AlignedInputs align_vocabularies(const TokenizerRule& rule, const std::vector<PlanInput>& inputs,
                                 const VocabularyRoles& roles, const std::string& where) {
  return Aligner(rule, inputs, roles, where).align();
}

const AlignedInputs& VocabularyAlignments::align(const TokenizerRule& rule,
                                                 const std::vector<PlanInput>& inputs,
                                                 const VocabularyRoles& roles,
                                                 const std::string& where) {
  for (const Entry& entry : entries_) {
    if (entry.rule == rule && entry.inputs == inputs && entry.roles == roles) return entry.aligned;
  }
  AlignedInputs aligned = align_vocabularies(rule, inputs, roles, where);
  return entries_.emplace_back(Entry{rule, inputs, roles, std::move(aligned)}).aligned;
}

}  // namespace vlm
