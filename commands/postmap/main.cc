// SPDX-License-Identifier: Apache-2.0
// postmap: builds lookup tables from text, asks them, changes them, lists them.
//
// SECURITY: run by whoever may read and write the files that it is given; not set-id. As root it builds a database
// with the identity of the source file's owner. Reads main.cf; opens the tables named on the command line, their
// source files, and standard input.
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "lib/base/log.h"
#include "lib/mail/mime.h"
#include "lib/table/rules.h"
#include "lib/table/tool.h"

namespace {

using namespace postern;

constexpr const char* kUsage =
    "usage: postmap [-bfFhimnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file...";

struct Options {
  table::ToolOptions common;
  bool headers = false;  // -h
  bool body = false;     // -b
  bool mime = false;     // -m
  bool verbose = false;
};

Options parse_options(int argc, char** argv) {
  Options options;
  table::ToolOptions& common = options.common;
  for (int c = 0; (c = ::getopt(argc, argv, "bc:d:fFhijmnNopq:rsuUvw")) != -1;) {
    switch (c) {
      case 'b': options.body = true; break;
      case 'c': ::setenv("MAIL_CONFIG", optarg, 1); break;
      case 'd':
        if (common.list || common.query || common.remove) table::tool_fatal("specify only one of -s -q or -d");
        common.remove = optarg;
        break;
      case 'f': common.fold = false; break;
      case 'F': common.filenames = true; break;
      case 'h': options.headers = true; break;
      case 'i': common.incremental = true; break;
      case 'j': common.json = true; break;
      case 'm': options.mime = true; break;
      case 'n': common.trailing_nul = false; break;
      case 'N': common.trailing_nul = true; break;
      case 'o': common.keep_root = true; break;
      case 'p': common.default_mode = true; break;
      case 'q':
        if (common.list || common.query || common.remove) table::tool_fatal("specify only one of -s -q or -d");
        common.query = optarg;
        break;
      case 'r': common.duplicates = table::Duplicates::replace; break;
      case 's':
        if (common.query || common.remove) table::tool_fatal("specify only one of -s or -q or -d");
        common.list = true;
        break;
      case 'u': common.utf8 = false; break;
      case 'U': common.utf8 = true; break;
      case 'v': options.verbose = true; break;
      case 'w': common.duplicates = table::Duplicates::ignore; break;
      default: table::tool_fatal("{}", kUsage);
    }
  }
  for (int i = optind; i < argc; ++i) common.tables.emplace_back(argv[i]);
  return options;
}

void check_options(Options& options) {
  const bool from_stdin = options.common.query == "-";
  if ((options.headers || options.body || options.mime) && !from_stdin) {
    table::tool_fatal("specify -b -h or -m only with \"-q -\"");
  }
  if (options.mime && !options.headers && !options.body) {
    log::warning("ignoring -m option without -b or -h");
    options.mime = false;
  }
}

// Standard input is a message; its headers (whole, with their continuation lines) or its body lines are the keys.
class MessageQuery {
 public:
  MessageQuery(table::Tool& tool, const Options& options) : tool_(tool), options_(options) {}

  int run() {
    mail::MimeOptions mime;
    mime.parse_mime = options_.mime;
    mail::MimeParser parser(mime);
    for (std::string line; std::getline(std::cin, line);) take(parser.feed(line, true));
    take(parser.finish());
    std::cout.flush();
    return found_ ? 0 : 1;
  }

 private:
  void take(const std::vector<mail::MimeEvent>& events) {
    for (const auto& event : events) {
      const bool header = event.kind == mail::MimeEvent::Kind::header && options_.headers;
      const bool body = event.kind == mail::MimeEvent::Kind::body && options_.body;
      if (header || body) found_ = tool_.print_answer(event.text, event.text) || found_;
    }
  }

  table::Tool& tool_;
  const Options& options_;
  bool found_ = false;
};

std::optional<table::Entry> parse_line(const std::string& where, std::string_view line) {
  // Nothing in a line can stand behind a NUL: programs that read the table would not see it.
  const table::MapLine entry = table::parse_map_line(line.substr(0, line.find('\0')));
  if (entry.problem) {
    log::warning("{}: {}", where, *entry.problem);
    return std::nullopt;
  }
  if (entry.alias_like) {
    log::warning("{}: record is in \"key: value\" format; is this an alias file?", where);
  }
  return table::Entry{entry.key, entry.value};
}

}  // namespace

int main(int argc, char** argv) {
  std::string program = "postmap";
  argv[0] = program.data();
  log::open(program, {});
  Options options = parse_options(argc, argv);
  check_options(options);
  const config::Config config = table::open_tool(program);
  log::set_debug(options.verbose);
  table::Tool tool(config, options.common);
  if (options.common.tables.empty()) table::tool_fatal("{}", kUsage);
  if (options.headers || options.body) return MessageQuery(tool, options).run();
  if (options.common.query) return tool.run_query();
  if (options.common.remove) return tool.run_remove();
  if (options.common.list) {
    tool.run_list();
    return 0;
  }
  for (const auto& spec : options.common.tables) tool.build(spec, parse_line, {});
  return 0;
}
