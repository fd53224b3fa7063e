#include "language/sentencepiece_model.h"

#include <string>
#include <utility>
#include <vector>

#include <sentencepiece_processor.h>

#include "core/error.h"

namespace vlm {
namespace {

class SentencePieceModel final : public SubwordModel {
 public:
  explicit SentencePieceModel(std::unique_ptr<sentencepiece::SentencePieceProcessor> processor)
      : processor_(std::move(processor)),
        size_(static_cast<std::size_t>(processor_->GetPieceSize())) {}

  [[nodiscard]] std::size_t size() const override { return size_; }

  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const override {
    return processor_->EncodeAsIds(text);
  }

  [[nodiscard]] std::string decode(std::span<const TokenId> ids) const override {
    return processor_->DecodeIds(std::vector<int>(ids.begin(), ids.end()));
  }

  [[nodiscard]] std::string token(TokenId id) const override { return processor_->IdToPiece(id); }

  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const override {
    const TokenId id = processor_->PieceToId(token);
    if (processor_->IdToPiece(id) != token) return std::nullopt;
    return id;
  }

  [[nodiscard]] bool is_control(TokenId id) const override {
    return processor_->IsControl(id) || processor_->IsUnknown(id);
  }

 private:
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  std::size_t size_;
};

}  // namespace

std::unique_ptr<SubwordModel> parse_sentencepiece_model(std::string_view bytes,
                                                        const std::filesystem::path& where) {
  auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  const sentencepiece::util::Status status = processor->LoadFromSerializedProto(bytes);
  if (!status.ok() || processor->GetPieceSize() <= 0) {
    throw Error(ErrorCode::kCorruptFile, "no SentencePiece model: " + where.string() + ": " +
                                             std::to_string(bytes.size()) + " bytes");
  }
  return std::make_unique<SentencePieceModel>(std::move(processor));
}

}  // namespace vlm
