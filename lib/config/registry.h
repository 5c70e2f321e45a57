// SPDX-License-Identifier: Apache-2.0
// Every known parameter, as declared in the .params blocks beside the code (registry_data.cc is generated).
//
// A service parameter is a suffix: for each master.cf line NAME of the right kind there is a parameter NAME + suffix.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace postern::config {

enum class Type { boolean, integer, long_integer, time, string, raw_string };

struct Parameter {
  std::string_view name;          // service parameters: the suffix, with its leading '_'
  std::string_view default_text;  // raw, may hold $name
  std::string_view since;
  std::string_view users;       // folders, blank separated; "all" = every program
  std::string_view daemons;     // service parameters: programs whose master.cf lines have it
  std::string_view deprecated;  // what to use instead; empty = current
  std::string_view accept;      // unsupported, but this value means what this version does
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  Type type = Type::string;
  char unit = 's';
  bool supported = false;  // has its effect in this version
  bool legacy = false;     // an old name that only its successor's default refers to
  bool restart = false;    // a change needs a restart, not a reload
  std::string_view why;    // it has no effect; may be empty
};

// Sorted by name.
[[nodiscard]] std::span<const Parameter> parameters();
[[nodiscard]] std::span<const Parameter> service_parameters();

// nullptr when there is none.
[[nodiscard]] const Parameter* find_parameter(std::string_view name);
// The service parameter whose suffix ends `name` (and something stands before it).
[[nodiscard]] const Parameter* find_service_parameter(std::string_view name);

}  // namespace postern::config
