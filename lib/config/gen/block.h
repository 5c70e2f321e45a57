// SPDX-License-Identifier: Apache-2.0
// One parameter as a .params file declares it; params_gen.cc has the grammar.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postern::params {

struct Block {
  std::string name;
  std::map<std::string, std::string, std::less<>> attributes;
  std::vector<std::string> manual;
  std::string origin;     // FILE:LINE
  std::string mirror_of;  // the parameter that this one is the LMTP twin of

  [[nodiscard]] bool has(std::string_view key) const { return attributes.contains(key); }
  [[nodiscard]] std::string get(std::string_view key, std::string fallback = "") const {
    const auto it = attributes.find(key);
    return it == attributes.end() ? fallback : it->second;
  }
  // Of the twin that this block makes.
  [[nodiscard]] std::string lmtp_name() const {
    const auto twin = get("lmtp");
    return twin == "yes" ? "lmtp_" + name.substr(5) : twin;
  }
};

using Blocks = std::map<std::string, Block>;

}  // namespace postern::params
