#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "checkpoint/model_location.h"
#include "cli/commands.h"
#include "core/error.h"
#include "datasets/jsonl.h"
#include "language/tokenizer.h"

namespace vlm {
namespace {

struct TokenizeArguments {
  std::string model;
  std::string input;
  bool decode = false;
  bool json = false;
};

Json encode_line(const Tokenizer& tokenizer, const JsonFields& line) {
  const std::vector<TokenId> ids = tokenizer.encode(line.text("text"));
  Json tokens = Json::array();
  for (const TokenId id : ids) tokens.push_back(tokenizer.token(id));
  return {{"ids", ids}, {"tokens", tokens}};
}

Json decode_line(const Tokenizer& tokenizer, const JsonFields& line) {
  const auto found = line.json().find("ids");
  if (found == line.json().end() || !found->is_array()) {
    throw Error(ErrorCode::kCorruptFile, "expected a list of ids: " + line.where() + ": ids");
  }
  std::vector<TokenId> ids;
  for (const Json& id : *found) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > INT32_MAX) {
      throw Error(ErrorCode::kCorruptFile, "not an id: " + line.where() + ": " + id.dump());
    }
    ids.push_back(id.get<TokenId>());
  }
  return {{"text", tokenizer.decode(ids)}};
}

// Of a directory only the tokenizer's files are needed.
std::filesystem::path tokenizer_directory(const std::string& model) {
  std::error_code error;
  return std::filesystem::is_directory(model, error) ? std::filesystem::path(model)
                                                     : resolve_model_directory(model);
}

void run_tokenize(const TokenizeArguments& arguments) {
  const Tokenizer tokenizer = Tokenizer::load(tokenizer_directory(arguments.model));
  for (const JsonlLine& line : read_jsonl_file(arguments.input)) {
    const JsonFields fields(line.object, line.where);
    const Json result =
        arguments.decode ? decode_line(tokenizer, fields) : encode_line(tokenizer, fields);
    if (arguments.json) {
      std::printf("%s\n", result.dump().c_str());
    } else if (arguments.decode) {
      std::printf("%s\n", result["text"].get<std::string>().c_str());
    } else {
      std::printf("%s\n", result["ids"].dump().c_str());
    }
  }
}

}  // namespace

void add_tokenize_command(CLI::App& app, const GlobalOptions&) {
  auto* command = app.add_subcommand("tokenize", "texts to token ids and back");
  auto arguments = std::make_shared<TokenizeArguments>();
  command->add_option("--model", arguments->model, "directory or hub id")->required();
  command->add_option("--input", arguments->input, R"(JSON lines with "text" (or "ids"))")
      ->required();
  command->add_flag("--decode", arguments->decode, "ids to text");
  command->add_flag("--json", arguments->json, "print JSON lines");
  command->callback([arguments] { run_tokenize(*arguments); });
}

}  // namespace vlm
