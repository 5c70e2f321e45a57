// SPDX-License-Identifier: Apache-2.0
// sendmail, mailq, newaliases: the interface of Sendmail for local programs and users.
//
// Mail submission reads a message from standard input and hands it to postdrop; everything else is the work of another
// command, which takes this one's place: postqueue (-bp, -q), postalias (-bi), smtpd (-bs), postfix (-bd). Whatever
// goes wrong in sendmail itself, the exit status is 75 (temporary failure): its callers keep the message then.
//
// SECURITY. Runs with the rights of its caller and must never be set-uid or set-gid: the rights to create a file in the
// maildrop directory are postdrop's. It writes no file itself.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "commands/sendmail/message.h"
#include "commands/sendmail/options.h"
#include "commands/sendmail/params.h"
#include "commands/sendmail/submit.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/authorized_users.h"
#include "lib/config/command_log.h"
#include "lib/config/config.h"
#include "lib/table/user_tables.h"

namespace postern::sendmail {

namespace {

constexpr int kTemporaryFailure = 75;

[[noreturn]] void give_up(const std::string& text) { config::end_command(text, kTemporaryFailure); }

// In whose name the mail would have gone.
std::string who(const Options& options) {
  const std::string name = options.has_sender ? sender_of(options.sender) : config::real_user_name();
  return name + "(" + std::to_string(::getuid()) + "): ";
}

[[noreturn]] void become(const std::string& path, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), path.substr(path.rfind('/') + 1));
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  log::flush();
  ::execv(path.c_str(), pointers.data());
  give_up("cannot run " + path + ": " + errno_text(errno));
}

[[noreturn]] void rebuild_aliases(const Params& params, const Options& options) {
  std::vector<std::string> tables;
  const auto& list = options.alias_database.empty() ? params.alias_database : options.alias_database;
  for (const auto table : text::words(list, ", \t\r\n")) tables.emplace_back(table);
  if (tables.empty()) std::exit(0);
  become(params.command_directory + "/postalias", std::move(tables));
}

[[noreturn]] void flush_queue(const Params& params, const Options& options) {
  const auto postqueue = params.command_directory + "/postqueue";
  if (!options.flush_id.empty()) become(postqueue, {"-i", options.flush_id});
  if (!options.flush_site.empty()) become(postqueue, {"-s", options.flush_site});
  become(postqueue, {"-f"});
}

// What a mode is called that has no use for arguments; empty: it takes recipients.
std::string_view mode_without_recipients(Mode mode) {
  switch (mode) {
    case Mode::mailq: return "display queue";
    case Mode::flush: return "flush queue";
    case Mode::newaliases: return "alias initialization";
    case Mode::daemon: return "daemon";
    case Mode::smtp: return "stand-alone";
    case Mode::nothing:
    case Mode::submit:
    case Mode::verify: break;
  }
  return "";
}

int main_program(int argc, char** argv) {
  const std::string_view path = argc > 0 ? argv[0] : "sendmail";
  const auto program = path.substr(path.rfind('/') + 1);
  log::open("sendmail", {});
  if (const auto directory = find_config_directory(argc, argv, program); !directory.empty()) {
    ::setenv("MAIL_CONFIG", directory.c_str(), 1);
  }
  const auto config = config::Config::load(config::Config::default_directory(),
                                           {.process_name = "sendmail", .service_name = {}, .overrides = {}});
  if (!config) give_up(config.error().text);
  config::open_command_log(*config, "sendmail", config::Copy::always);
  const auto params = Params::load(*config);
  if (!params) give_up(params.error().text);
  const auto options = parse_options(argc, argv, program);
  if (!options) give_up(options.error().text);
  for (const auto& warning : options->warnings) log::warning("{}", warning);
  if (const auto mode = mode_without_recipients(options->mode); !mode.empty() && !options->arguments.empty()) {
    give_up(std::string(mode) + " mode requires no recipient");
  }
  switch (options->mode) {
    case Mode::mailq: become(params->command_directory + "/postqueue", {"-p"});
    case Mode::flush: flush_queue(*params, *options);
    case Mode::newaliases: rebuild_aliases(*params, *options);
    case Mode::daemon: become(params->command_directory + "/postfix", {"start"});
    case Mode::smtp: become(params->daemon_directory + "/smtpd", {"-S"});
    case Mode::nothing: return 0;
    case Mode::submit:
    case Mode::verify: break;
  }
  if (options->verbose > 1) log::set_debug(true);
  const auto authorized =
      config::authorize_user(*config, "authorized_submit_users", "submit mail", table::user_table_has);
  if (!authorized) give_up(authorized.error().text);
  // postdrop may end before it has read everything.
  std::signal(SIGPIPE, SIG_IGN);
  const auto submitted = submit(*params, *options);
  // What is wrong with the options, and who may not use a sender, is said without a name.
  const bool plain = !submitted && (submitted.error().code == EPERM || submitted.error().code == EINVAL);
  if (!submitted) give_up((plain ? "" : who(*options)) + submitted.error().text);
  log::finish();
  return 0;
}

}  // namespace

}  // namespace postern::sendmail

int main(int argc, char** argv) { return postern::sendmail::main_program(argc, argv); }
