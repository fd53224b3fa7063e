#pragma once

// Side files of a merge as JSON whose keys keep the order in which the donor has them.

#include <string>

#include <nlohmann/json.hpp>

namespace vlm {

using OrderedJson = nlohmann::ordered_json;

// An object without duplicate keys; `where` names the file in errors. Throws Error{kCorruptFile}.
OrderedJson parse_ordered(const std::string& text, const std::string& where);

// `json` with its keys in the order of `wanted`, at every depth; others follow behind.
OrderedJson in_order_of(const OrderedJson& wanted, const nlohmann::json& json);

// As text files hold it: indented by two, with a line end.
std::string written(const OrderedJson& json);

}  // namespace vlm
