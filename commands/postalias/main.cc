// SPDX-License-Identifier: Apache-2.0
// postalias: builds alias databases from aliases(5) files, asks them, changes them, lists them.
//
// SECURITY: as postmap: run by whoever may read and write the files, not set-id; as root it builds a database with the
// identity of the source file's owner. Reads main.cf; opens the tables named on the command line, their source files,
// and standard input. newaliases runs this command for each table of alias_database.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "commands/postalias/alias_line.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/table/tool.h"

namespace {

using namespace postern;

constexpr const char* kUsage = "usage: postalias [-Nfinoprsuvw] [-c config_dir] [-d key] [-q key] [map_type:]file...";

table::ToolOptions parse_options(int argc, char** argv) {
  table::ToolOptions options;
  options.key_end = ":\t";
  for (int c = 0; (c = ::getopt(argc, argv, "Nc:d:fijnopq:rsuvw")) != -1;) {
    switch (c) {
      case 'N': options.trailing_nul = true; break;
      case 'c': ::setenv("MAIL_CONFIG", optarg, 1); break;
      case 'd':
        if (options.list || options.query || options.remove) table::tool_fatal("specify only one of -s -q or -d");
        options.remove = optarg;
        break;
      case 'f': options.fold = false; break;
      case 'i': options.incremental = true; break;
      case 'j': options.json = true; break;
      case 'n': options.trailing_nul = false; break;
      case 'o': options.keep_root = true; break;
      case 'p': options.default_mode = true; break;
      case 'q':
        if (options.list || options.query || options.remove) table::tool_fatal("specify only one of -s -q or -d");
        options.query = optarg;
        break;
      case 'r': options.duplicates = table::Duplicates::replace; break;
      case 's':
        if (options.query || options.remove) table::tool_fatal("specify only one of -s or -q or -d");
        options.list = true;
        break;
      case 'u': options.utf8 = false; break;
      case 'v': log::set_debug(true); break;
      case 'w': options.duplicates = table::Duplicates::ignore; break;
      default: table::tool_fatal("{}", kUsage);
    }
  }
  for (int i = optind; i < argc; ++i) options.tables.emplace_back(argv[i]);
  return options;
}

std::optional<table::Entry> parse_line(const std::string& where, std::string_view line) {
  auto entry = postalias::parse_alias_line(line);
  if (entry) return std::move(*entry);
  log::warning("{}: {}", where, entry.error().text);
  return std::nullopt;
}

// What sendmail and NIS expect to find in an alias database.
std::vector<table::Entry> extra_entries(const config::Config& config) {
  char stamp[32];
  std::snprintf(stamp, sizeof stamp, "%010lld", static_cast<long long>(wall_now().seconds));
  const auto host = config.get("myhostname");
  if (!host) table::tool_fatal("{}", host.error().text);
  return {{"@", "@"}, {"YP_LAST_MODIFIED", stamp}, {"YP_MASTER_NAME", *host}};
}

}  // namespace

int main(int argc, char** argv) {
  std::string program = "postalias";
  argv[0] = program.data();
  log::open(program, {});
  const table::ToolOptions options = parse_options(argc, argv);
  const config::Config config = table::open_tool(program);
  table::Tool tool(config, options);
  if (options.tables.empty()) table::tool_fatal("{}", kUsage);
  if (options.query) return tool.run_query();
  if (options.remove) return tool.run_remove();
  if (options.list) {
    tool.run_list();
    return 0;
  }
  for (const auto& spec : options.tables) tool.build(spec, parse_line, extra_entries(config));
  return 0;
}
