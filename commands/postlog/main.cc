// SPDX-License-Identifier: Apache-2.0
// postlog: writes lines to the mail log, for scripts.
//
//   postlog [-iv] [-c config_dir] [-p priority] [-t tag] [text ...]
//
// Without text each line of standard input is one record. Priorities: info (default), warn, error, fatal, panic.
//
// SECURITY. Set-gid setgid_group, so that anybody may reach postlogd's socket below public/: the environment is cleaned
// and the configuration directory checked first. It writes text under a tag of the caller's choice and nothing else;
// control bytes are masked.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/command_log.h"
#include "lib/config/config.h"
#include "lib/config/set_id_command.h"

namespace postern::postlog {

namespace {

struct Arguments {
  std::string directory;
  std::string tag;
  std::string text;
  log::Level level = log::Level::info;
  bool has_text = false;
};

std::optional<log::Level> priority(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, log::Level>, 6> kNames{{
      {"info", log::Level::info},
      {"warn", log::Level::warning},
      {"warning", log::Level::warning},
      {"error", log::Level::error},
      {"fatal", log::Level::fatal},
      {"panic", log::Level::panic},
  }};
  for (const auto& [known, level] : kNames) {
    if (known == name) return level;
  }
  return std::nullopt;
}

int refuse(std::string_view text) {
  log::write(log::Level::fatal, text);
  log::finish();
  return 1;
}

Result<Arguments> parse_arguments(int argc, char** argv) {
  Arguments out;
  // getopt(3) complains under this name.
  if (argc > 0) argv[0] = ::basename(argv[0]);
  for (int c = ::getopt(argc, argv, "+c:ip:t:v"); c != -1; c = ::getopt(argc, argv, "+c:ip:t:v")) {
    switch (c) {
      case 'c': out.directory = optarg; break;
      case 'i': break;  // the pid is in every line
      case 'v': log::set_debug(true); break;
      case 't': out.tag = optarg; break;
      case 'p': {
        const auto level = priority(optarg);
        if (!level) return fail(std::string("unknown priority: ") + optarg);
        out.level = *level;
        break;
      }
      default: return fail("usage: postlog [-i] [-p priority] [-t tag] [-v] [text]");
    }
  }
  out.has_text = optind < argc;
  for (int i = optind; i < argc; ++i) out.text += (i > optind ? " " : "") + std::string(argv[i]);
  return out;
}

void copy_standard_input(log::Level level) {
  char* line = nullptr;
  std::size_t capacity = 0;
  for (ssize_t n = ::getline(&line, &capacity, stdin); n >= 0; n = ::getline(&line, &capacity, stdin)) {
    log::write(level, text::trim_right(std::string_view(line, static_cast<std::size_t>(n)), "\r\n"));
  }
  std::free(line);
}

int main_program(int argc, char** argv) {
  config::clean_set_id_environment();
  config::open_early_log("postlog");
  ::opterr = 0;
  const auto arguments = parse_arguments(argc, argv);
  const auto directory = config::authorized_directory(arguments ? arguments->directory : std::string());
  if (!directory) return refuse(directory.error().text);
  const auto config =
      config::Config::load(*directory, {.process_name = "postlog", .service_name = {}, .overrides = {}});
  if (!config) return refuse(config.error().text);
  if (!arguments) return refuse(arguments.error().text);
  config::open_command_log(*config, "postlog");
  if (!arguments->tag.empty()) config::open_command_log_tagged(*config, arguments->tag);
  if (arguments->has_text) {
    log::write(arguments->level, arguments->text);
  } else {
    copy_standard_input(arguments->level);
  }
  log::finish();
  return 0;
}

}  // namespace

}  // namespace postern::postlog

int main(int argc, char** argv) { return postern::postlog::main_program(argc, argv); }
