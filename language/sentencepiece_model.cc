#include "language/sentencepiece_model.h"

#include <exception>
#include <new>

#include <sentencepiece_processor.h>

#include "core/error.h"

namespace vlm {
namespace {

// A serialised ModelProto that holds only normalizer_spec.add_dummy_prefix = false. Serialised
// messages that follow each other are merged, the last value counts.
constexpr std::string_view kNoDummyPrefix{"\x1A\x02\x18\x00", 4};

// SentencePiece reports most damage by its status, but throws where a piece begins with a zero
// byte. Its reasons name lines of its own sources.
bool load(std::string_view model, sentencepiece::SentencePieceProcessor& processor) {
  try {
    return processor.LoadFromSerializedProto(model).ok() && processor.GetPieceSize() > 0;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

SentencePieceModel::SentencePieceModel(std::string_view bytes, const std::filesystem::path& where,
                                       DummyPrefix prefix)
    : processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()) {
  std::string model(bytes);
  if (prefix == DummyPrefix::kNo) model += kNoDummyPrefix;
  if (!load(model, *processor_)) {
    throw Error(ErrorCode::kCorruptFile, "no SentencePiece model: " + where.string() + ": " +
                                             std::to_string(bytes.size()) + " bytes");
  }
  size_ = static_cast<std::size_t>(processor_->GetPieceSize());
}

SentencePieceModel::~SentencePieceModel() = default;
SentencePieceModel::SentencePieceModel(SentencePieceModel&&) noexcept = default;
SentencePieceModel& SentencePieceModel::operator=(SentencePieceModel&&) noexcept = default;

std::vector<TokenId> SentencePieceModel::encode(std::string_view text) const {
  return processor_->EncodeAsIds(text);
}

std::string SentencePieceModel::decode(std::span<const TokenId> ids) const {
  return processor_->DecodeIds(std::vector<int>(ids.begin(), ids.end()));
}

std::string SentencePieceModel::token(TokenId id) const {
  return processor_->IdToPiece(id);
}

std::optional<TokenId> SentencePieceModel::find(std::string_view token) const {
  const TokenId id = processor_->PieceToId(token);
  if (processor_->IdToPiece(id) != token) return std::nullopt;
  return id;
}

bool SentencePieceModel::is_control(TokenId id) const {
  return processor_->IsControl(id) || processor_->IsUnknown(id);
}

}  // namespace vlm
