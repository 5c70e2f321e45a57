// SPDX-License-Identifier: Apache-2.0
// What postmap and postalias share: their common options, and building, asking, changing and listing tables.
//
// A Tool is for commands: it blocks, takes locks, writes to standard output and ends the process with a "fatal" line
// when a table or the configuration cannot be used. A new database is made by the owner of the source file and with
// its permissions (unless told otherwise), because whoever may write the source decides what is in the table.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/config/config.h"
#include "lib/table/table.h"

namespace postern::table {

struct ToolOptions {
  std::optional<std::string> query;   // -q; "-": keys from standard input
  std::optional<std::string> remove;  // -d; the same
  bool list = false;                  // -s
  bool incremental = false;           // -i: entries from standard input into an existing database
  bool keep_root = false;             // -o
  bool default_mode = false;          // -p
  bool fold = true;                   // off: -f
  bool json = false;                  // -j
  bool filenames = false;             // -F
  std::optional<bool> utf8;           // -u, -U
  std::optional<bool> trailing_nul;   // -N, -n
  Duplicates duplicates = Duplicates::warn;
  std::string key_end = "\t";  // between key and value in lists
  std::vector<std::string> tables;
};

// A command that cannot go on: standard output is completed first, then "PROGRAM: fatal: TEXT", exit status 1. Unlike a
// daemon it does not pause before it ends.
[[noreturn]] void end_tool(std::string_view text);
template <class... A>
[[noreturn]] void tool_fatal(fmt::format_string<A...> f, A&&... a) {
  end_tool(fmt::format(f, std::forward<A>(a)...));
}

// Loads main.cf and opens the log (always with a copy on standard error). Fatal when it cannot.
[[nodiscard]] config::Config open_tool(const std::string& program);

class Tool {
 public:
  Tool(const config::Config& config, ToolOptions options);
  Tool(const Tool&) = delete;
  Tool& operator=(const Tool&) = delete;

  // One logical line of a source: an entry, or nullopt when the line is to be skipped (the parser has said why).
  using Parser = std::function<std::optional<Entry>(const std::string& where, std::string_view line)>;
  // Builds (or with -i extends) a database; `extra` entries are added to a new one as they are.
  void build(const std::string& spec, const Parser& parser, const std::vector<Entry>& extra);

  // The exit status: 0 when something was found.
  [[nodiscard]] int run_query();
  [[nodiscard]] int run_remove();
  void run_list();

  // Looks `key` up in all tables and prints the result behind `shown_key` and a tab (alone when nullopt).
  bool print_answer(std::string_view key, std::optional<std::string_view> shown_key);

  [[nodiscard]] const Context& context() const { return context_; }

 private:
  [[nodiscard]] TablePtr open_or_die(const std::string& spec, Mode mode) const;
  [[nodiscard]] std::string content_of(std::string_view name_list, const std::string& where, bool& usable) const;
  void add(Table& table, const std::string& where, std::string_view line, const Parser& parser) const;
  void print(std::optional<std::string_view> key, std::string_view value) const;
  void open_all();

  ToolOptions options_;
  Registry registry_;
  Context context_;
  std::vector<TablePtr> opened_;
};

}  // namespace postern::table
