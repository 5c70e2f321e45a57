// SPDX-License-Identifier: Apache-2.0
// main.cf and master.cf: logical lines, settings, $name expansion, entries, and the editor's promise to leave alone
// what it does not edit.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/config/main_cf.h"
#include "lib/config/master_cf.h"
#include "lib/config/value.h"

namespace {

using namespace postern;

void require(bool holds) {
  if (!holds) std::abort();
}

void read_main(std::string_view content) {
  const auto parsed = config::parse_main_cf(content);
  if (!parsed) {
    require(parsed.error().text.starts_with("main.cf, line "));
    return;
  }
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto it = parsed->values.find(name);
    return it == parsed->values.end() ? std::nullopt : std::optional(it->second);
  };
  for (const auto& [name, value] : parsed->values) {
    require(!name.empty() && name.find_first_of(" \t\r\n=") == std::string::npos);
    const auto expanded = config::expand(value, lookup);
    if (expanded) (void)config::split_list_braces(*expanded);
    (void)config::references(value);
    (void)config::to_time(name, value);
    (void)config::to_long(name, value);
  }
  // What was read says the same when it is written in the plain form and read again.
  std::string plain;
  for (const auto& [name, value] : parsed->values) plain += name + " = " + value + "\n";
  const auto again = config::parse_main_cf(plain);
  require(again.has_value() && again->values == parsed->values);
}

void read_master(std::string_view content) {
  const auto parsed = config::parse_master_cf(content);
  if (!parsed) {
    require(parsed.error().text.starts_with("file master.cf: line "));
    return;
  }
  for (const auto& entry : parsed->entries) {
    require(entry.columns.size() == 8 && entry.wakeup >= 0 && entry.maxproc.value_or(0) >= 0);
    require(entry.type != config::ServiceType::inet || !entry.is_private);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  read_main(content);
  read_master(content);
  return 0;
}
