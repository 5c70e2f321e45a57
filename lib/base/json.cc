// SPDX-License-Identifier: Apache-2.0
#include "lib/base/json.h"

#include <fmt/core.h>

namespace postern::json {

std::string string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < ' ') {
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string object(const std::vector<std::pair<std::string_view, std::string_view>>& members) {
  std::string out;
  for (const auto& [name, value] : members) {
    out += (out.empty() ? "{" : ", ") + string(name) + ": " + string(value);
  }
  return out.empty() ? "{}" : out + "}";
}

}  // namespace postern::json
