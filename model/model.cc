#include "model/model.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/json_fields.h"
#include "language/decoder_config.h"

namespace vlm {
namespace {

// What original LLaVA cuts out of a prompt; for all others it is a token's spelling.
constexpr std::string_view kPlaceOfPicture = "<image>";

SharedModelParts load_shared_parts(const Checkpoint& checkpoint, ThreadPool& pool,
                                   WeightFormat format) {
  SharedModelParts parts{load_tokenizer(checkpoint), nullptr};
  if (checkpoint.config().is_vlm()) {
    parts.vision = std::make_shared<const VisionTower>(checkpoint, pool, format);
  }
  return parts;
}

// `eos_token_id` is absent, a number or a list of numbers.
std::vector<TokenId> end_ids_in(const Json& config, const std::string& where) {
  const auto found = config.find("eos_token_id");
  if (found == config.end() || found->is_null()) return {};
  const Json list = json_list(*found);
  std::vector<TokenId> ids;
  for (const Json& id : list) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
        id.get<std::int64_t>() > INT32_MAX) {
      throw Error(ErrorCode::kCorruptFile,
                  "expected token ids: " + where + ": eos_token_id = " + found->dump());
    }
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

std::vector<TokenId> find_end_ids(const Checkpoint& checkpoint, const Tokenizer& tokenizer) {
  const std::filesystem::path file = checkpoint.directory() / "generation_config.json";
  std::vector<TokenId> ids;
  if (std::filesystem::exists(file)) {
    const Json json = read_json_file(file);
    ids = end_ids_in(JsonFields(json, file.string()).json(), file.string());
  }
  if (ids.empty()) {
    const JsonFields text = checkpoint.config().text();
    ids = end_ids_in(text.json(), text.where());
  }
  if (ids.empty() && tokenizer.eos_id()) ids.push_back(*tokenizer.eos_id());
  return ids;
}

std::optional<TokenId> find_image_token(const ModelConfig& config, const Tokenizer& tokenizer) {
  if (!config.is_vlm()) return std::nullopt;
  if (const auto id = config.image_token_id()) return static_cast<TokenId>(*id);
  return tokenizer.id_of(kPlaceOfPicture);
}

std::size_t count_of(const std::vector<TokenId>& ids, TokenId wanted) {
  std::size_t count = 0;
  for (const TokenId id : ids) count += id == wanted ? 1 : 0;
  return count;
}

std::size_t count_rows(std::span<const ImageFeatures> images) {
  std::size_t count = 0;
  for (const ImageFeatures& image : images) count += image->rows();
  return count;
}

// Expanded image tokens come in runs of one picture's length.
void check_run(std::span<const TokenId> ids, TokenId image_token, std::size_t length) {
  const auto run = ids.first(std::min(length, ids.size()));
  const auto seen =
      std::find_if(run.begin(), run.end(), [&](TokenId id) { return id != image_token; });
  if (run.size() == length && seen == run.end()) return;
  throw Error(ErrorCode::kInvalidArgument,
              "a picture's image tokens are not in one run: " + std::to_string(length) +
                  " expected: " + std::to_string(seen - run.begin()) + " seen");
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const Checkpoint& checkpoint) {
  return std::make_shared<const Tokenizer>(
      checkpoint.config().is_original_llava()
          ? Tokenizer::load_with(checkpoint.directory(), kPlaceOfPicture)
          : Tokenizer::load(checkpoint.directory()));
}

Model::Model(const Checkpoint& checkpoint, ThreadPool& pool, WeightFormat format)
    : Model(checkpoint, load_shared_parts(checkpoint, pool, format), pool, format) {}

Model::Model(const Checkpoint& checkpoint, SharedModelParts shared, ThreadPool& pool,
             WeightFormat format)
    : storage_(DecoderStorage::load(checkpoint, parse_decoder_config(checkpoint.config().text()),
                                    pool, format)),
      decoder_(storage_.config(), storage_.weights()),
      shared_(std::move(shared)),
      end_ids_(find_end_ids(checkpoint, *shared_.tokenizer)),
      image_token_(find_image_token(checkpoint.config(), *shared_.tokenizer)) {}

void Model::replace_language_model(const Checkpoint& checkpoint, ThreadPool& pool) {
  storage_.refill(checkpoint, pool);
}

GenerationPrompt Model::build_prompt(const ModelPrompt& prompt) const {
  const std::vector<TokenId> ids =
      prompt.ids.empty() ? tokenizer().encode(prompt.text) : prompt.ids;
  if (prompt.images.empty() && !image_token_) return {ids, {}, prompt.random_stream};
  if (!image_token_) {
    throw Error(ErrorCode::kInvalidArgument, "a text model cannot see pictures: " +
                                                 std::to_string(prompt.images.size()) + " given");
  }
  const std::size_t image_tokens = count_of(ids, *image_token_);
  const bool expanded = image_tokens == count_rows(prompt.images);
  if (!expanded && image_tokens != prompt.images.size()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "a prompt needs one <image> for each picture: " + std::to_string(prompt.images.size()) +
            " pictures: " + std::to_string(image_tokens) + " <image> in the prompt");
  }
  GenerationPrompt built;
  built.random_stream = prompt.random_stream;
  std::size_t next_image = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] != *image_token_) {
      built.ids.push_back(ids[i]);
      continue;
    }
    const MatrixView<const float> rows = prompt.images[next_image++]->view();
    if (expanded) check_run(std::span(ids).subspan(i), *image_token_, rows.rows());
    built.embedded.push_back({built.ids.size(), rows});
    built.ids.insert(built.ids.end(), rows.rows(), *image_token_);
    if (expanded) i += rows.rows() - 1;
  }
  return built;
}

std::vector<Generation> Model::generate(std::span<const ModelPrompt> prompts,
                                        GenerationOptions options, const BatchOptions& batch,
                                        ThreadPool& pool) const {
  if (options.eos_ids.empty()) options.eos_ids = end_ids_;
  std::vector<GenerationPrompt> built(prompts.size());
  pool.parallel_for(prompts.size(), [&](std::size_t i) { built[i] = build_prompt(prompts[i]); });
  return vlm::generate(decoder_, tokenizer(), built, options, batch, pool);
}

}  // namespace vlm
