#include "language/token_decoder.h"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "language/byte_level.h"
#include "language/byte_token.h"
#include "language/json_components.h"
#include "language/metaspace.h"
#include "language/text_growth.h"
#include "language/text_pattern.h"
#include "language/valid_utf8.h"

namespace vlm {
namespace {

std::size_t total_bytes(const std::vector<std::string>& tokens) {
  std::size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  return bytes;
}

void fuse(std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  tokens.clear();
  tokens.push_back(std::move(text));
}

void decode_byte_level(std::vector<std::string>& tokens) {
  for (std::string& token : tokens) token = alphabet_to_bytes(token);
  fuse(tokens);
  tokens[0] = valid_utf8(tokens[0]);
}

// A run of byte tokens is one text, or as many U+FFFD as it has bytes if it is no UTF-8.
void decode_byte_tokens(std::vector<std::string>& tokens) {
  std::vector<std::string> result;
  std::string run;
  const auto flush = [&] {
    if (valid_utf8(run) == run) {
      if (!run.empty()) result.push_back(run);
    } else {
      result.insert(result.end(), run.size(), std::string(kReplacementCharacter));
    }
    run.clear();
  };
  for (std::string& token : tokens) {
    if (const std::optional<unsigned char> byte = parse_byte_token(token)) {
      run += static_cast<char>(*byte);
      continue;
    }
    flush();
    result.push_back(std::move(token));
  }
  flush();
  tokens = std::move(result);
}

// Takes up to `start` times `content` from the front and up to `stop` times from the back.
std::string strip(std::string_view token, std::string_view content, std::size_t start,
                  std::size_t stop) {
  for (; start > 0 && token.starts_with(content); --start) token.remove_prefix(content.size());
  for (; stop > 0 && token.ends_with(content); --stop) token.remove_suffix(content.size());
  return std::string(token);
}

}  // namespace

TokenDecoder::TokenDecoder(const JsonFields& file) : is_null_(!file.has("decoder")) {
  for (const JsonFields& component : read_components(file, "decoder", "decoders")) {
    steps_.push_back(parse(component));
  }
}

TokenDecoder::Step TokenDecoder::parse_strip(const JsonFields& component) {
  const std::string content = component.text("content");
  if (content.empty()) fail_unsupported("empty content of Strip", component, "content");
  return [content, start = component.size_or("start", 0),
          stop = component.size_or("stop", 0)](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) token = strip(token, content, start, stop);
  };
}

TokenDecoder::Step TokenDecoder::parse(const JsonFields& component) {
  const std::string type = component.text("type");
  if (type == "ByteLevel") return decode_byte_level;
  if (type == "ByteFallback") return decode_byte_tokens;
  if (type == "Fuse") return fuse;
  if (type == "Strip") return parse_strip(component);
  if (type == "Replace") {
    return [pattern = parse_text_pattern(component),
            content = component.text("content")](std::vector<std::string>& tokens) {
      for (std::string& token : tokens) token = pattern.replace(token, content);
    };
  }
  if (type == "Metaspace") {
    return [space = Metaspace(component)](std::vector<std::string>& tokens) {
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        tokens[i] = space.unspell(tokens[i], i == 0);
      }
    };
  }
  fail_unsupported("decoder", component, type);
}

std::string TokenDecoder::decode(std::vector<std::string> tokens) const {
  const std::size_t bytes_before = total_bytes(tokens);
  for (const Step& step : steps_) {
    step(tokens);
    check_growth(bytes_before, total_bytes(tokens));
  }
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (is_null_ && i > 0) text += ' ';
    text += tokens[i];
  }
  return text;
}

}  // namespace vlm
