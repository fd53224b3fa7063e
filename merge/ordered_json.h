#pragma once

// Side files of a merge as JSON whose keys keep the order in which the donor has them.

#include <string>

#include <nlohmann/json.hpp>

namespace vlm {

using OrderedJson = nlohmann::ordered_json;

// An object without duplicate keys; `where` names the file in errors. Throws Error{kCorruptFile}.
OrderedJson parse_ordered(const std::string& text, const std::string& where);

// As text files hold it: indented by two, with a line end.
std::string written(const OrderedJson& json);

}  // namespace vlm
