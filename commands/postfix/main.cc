// SPDX-License-Identifier: Apache-2.0
// postfix: starts, stops and maintains one mail system instance.
//
//   postfix [-c config_dir] [-D] [-v] command
//   postfix sessions [-k number]    lists the sessions of all workers, or ends one
//   postfix tls subcommand          keys and certificates (postfix-tls(1))
//
// SECURITY. For root, or for the user that mail_owner names when everything runs under that uid. It runs only programs
// of daemon_directory and command_directory, by absolute path and with an environment that it has cleaned, and trusts
// whoever can write main.cf. It makes directories and changes owners only below queue_directory and data_directory.
//
// Messages go to the log as SYSLOG_NAME/postfix-script, and to standard error when that is a terminal.
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "commands/postfix/context.h"
#include "commands/postfix/control.h"
#include "commands/postfix/sessions.h"
#include "commands/postfix/tls.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/config/command_log.h"
#include "lib/config/value.h"

namespace postern::postfix {

namespace {

constexpr const char* kTag = "postfix-script";
constexpr const char* kPath = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/usr/local/sbin";

struct Command {
  std::string_view name;
  int (*run)(const Context&);
};

constexpr std::array kCommands{
    Command{"start", start},
    Command{"start-fg", start_foreground},
    Command{"stop", stop},
    Command{"quick-stop", stop},
    Command{"abort", abort},
    Command{"drain", drain},
    Command{"reload", reload},
    Command{"flush", flush},
    Command{"status", status},
    Command{"check", check},
    Command{"sessions", sessions},
    Command{"set-permissions", fix_permissions},
    Command{"upgrade-configuration", upgrade_configuration},
    Command{"logrotate", rotate_log},
    Command{"tls", tls},
};

struct Arguments {
  std::string directory;
  std::string command;
  std::vector<std::string> words;
  int verbose = 0;
  bool debug = false;
  bool bad = false;
};

Arguments parse_arguments(int argc, char** argv) {
  Arguments out;
  // getopt(3) complains under this name.
  if (argc > 0) argv[0] = ::basename(argv[0]);
  for (int c = ::getopt(argc, argv, "+c:Dv"); c != -1; c = ::getopt(argc, argv, "+c:Dv")) {
    switch (c) {
      case 'c': out.directory = optarg; break;
      case 'D': out.debug = true; break;
      case 'v': ++out.verbose; break;
      default: out.bad = true;
    }
  }
  if (optind < argc) {
    out.command = argv[optind];
    out.words.assign(argv + optind + 1, argv + argc);
  }
  if (out.directory.empty()) out.directory = config::Config::default_directory();
  // Programs that we run have another working directory.
  if (char* absolute = ::realpath(out.directory.c_str(), nullptr); absolute != nullptr) {
    out.directory = absolute;
    std::free(absolute);
  }
  return out;
}

// Nothing of the caller's environment reaches the mail system but what import_environment names.
void clean_environment(const std::string& directory, const Params& params) {
  std::vector<std::pair<std::string, std::string>> keep;
  for (const auto& name : config::split_list(params.import_environment)) {
    if (const char* value = std::getenv(name.c_str()); value != nullptr) keep.emplace_back(name, value);
  }
  ::clearenv();
  for (const auto& [name, value] : keep) ::setenv(name.c_str(), value.c_str(), 1);
  ::setenv("PATH", kPath, 1);
  ::setenv("MAIL_CONFIG", directory.c_str(), 1);
  ::setenv("MAIL_LOGTAG", params.syslog_name.c_str(), 1);
}

// A broken line in main.cf is worth the attention of whoever ran the command; a missing file is in the log.
int bad_configuration(const Error& error) {
  if (error.code == 0 && ::isatty(STDERR_FILENO) == 0) {
    const std::string line = "postfix: fatal: " + error.text + "\n";
    [[maybe_unused]] const auto told = files::write_all(STDERR_FILENO, line);
  }
  return fatal(error.text);
}

int usage(const Arguments& arguments) {
  return fatal("unknown command: '" + arguments.command +
               "'. Usage: postfix start (or stop, reload, abort, flush, check, status, set-permissions, "
               "upgrade-configuration, logrotate)");
}

int main_program(int argc, char** argv) {
  config::open_early_log(kTag);
  const Arguments arguments = parse_arguments(argc, argv);
  log::set_debug(arguments.verbose > 0);
  auto config =
      config::Config::load(arguments.directory, {.process_name = "postfix", .service_name = {}, .overrides = {}});
  if (!config) return bad_configuration(config.error());
  auto params = Params::load(*config);
  if (!params) return bad_configuration(params.error());
  config::open_command_log(*config, kTag);
  for (const auto& warning : config->warnings()) log::warning("{}", warning);
  const Command* command = nullptr;
  for (const auto& candidate : kCommands) {
    if (candidate.name == arguments.command) command = &candidate;
  }
  if (command == nullptr || arguments.bad) return usage(arguments);
  auto account = find_account(*params);
  if (!account) return bad_configuration(account.error());
  clean_environment(arguments.directory, *params);
  const Context context{std::move(*config), std::move(*params), *account,
                        arguments.words,    arguments.verbose,  arguments.debug};
  const int result = command->run(context);
  log::finish();
  return result;
}

}  // namespace

}  // namespace postern::postfix

int main(int argc, char** argv) { return postern::postfix::main_program(argc, argv); }
