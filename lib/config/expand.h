// SPDX-License-Identifier: Apache-2.0
// The $name language of main.cf. Pure.
//
//   $name ${name} $(name)            value of the parameter, itself expanded
//   ${name?text} ${name:text}        text if the value is not empty / if it is empty or there is none
//   ${name?{yes}:{no}}               both
//   ${{left} OP {right}?{yes}:{no}}  OP: == != < <= >= > and the same with "level" behind (compatibility levels)
//   ${function{argument}}            domain_to_ascii
//   $$                               one $
//
// Numbers compare as numbers when both sides are all digits, else bytes compare. Chains of references go 100 deep.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::config {

// Raw text of a name; nullopt = undefined (expands to nothing).
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

[[nodiscard]] Result<std::string> expand(std::string_view text, const Lookup& lookup);

// The same with values that are taken as they are (message attributes in pipe(8) arguments and the like).
[[nodiscard]] Result<std::string> expand_once(std::string_view text, const Lookup& lookup);

// Every name that `text` mentions, branches not taken included; in order, with repetitions.
[[nodiscard]] Result<std::vector<std::string>> references(std::string_view text);

// "3", "3.6", "3.7.1" as one comparable number; error: malformed compatibility level syntax: "TEXT".
[[nodiscard]] Result<std::uint64_t> compatibility_level(std::string_view text);

}  // namespace postern::config
