// SPDX-License-Identifier: Apache-2.0
// The text forms of tables: source lines of postmap, networks, and whole cidr:, pcre: and inline: tables.
#include <cstdint>
#include <string>

#include "lib/base/log.h"
#include "lib/table/network.h"
#include "lib/table/rules.h"
#include "lib/table/table.h"

using namespace postern;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  log::set_sink([](log::Level, std::string_view) {});
  (void)table::parse_map_line(text);
  (void)table::read_network(text);
  // A pattern may be slow by intent; only short ones say something about our own code. regexp: shares that code with
  // pcre:, and the C library's compiler of POSIX patterns takes all memory for some of them.
  if (size > 256) return 0;
  table::Registry registry;
  table::register_builtin_tables(registry);
  table::Context context;
  context.registry = &registry;
  for (const char* type : {"cidr:{", "pcre:{", "inline:{"}) {
    const auto opened = table::open(type + text + "}", table::Mode::read, context);
    if (!opened) continue;
    for (const char* key : {"abc", "10.0.0.1", ""}) (void)(*opened)->lookup(key);
  }
  return 0;
}
