// SPDX-License-Identifier: Apache-2.0
// postlock: runs a command while a mailbox file is locked as local(8) locks it, for scripts.
//
//   postlock [-v] [-c config_dir] [-l lock_style] file command...
//
// Exit status: that of the command; 1 when a signal ended it; 75 when there was no lock.
// SECURITY. Runs with the rights of its caller. No shell looks at the command.
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "commands/postlock/params.h"
#include "lib/base/fork.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/config.h"
#include "lib/mail/mailbox.h"

namespace postern::postlock {

namespace {

struct Request {
  std::string program;
  std::string directory;
  std::string lock_style;
  char** words = nullptr;  // file, command
};

// Messages carry the name that the command was called by.
[[noreturn]] void refuse(const std::string& program, const std::string& text, int status = EX_TEMPFAIL) {
  std::fprintf(stderr, "%s: fatal: %s\n", program.c_str(), text.c_str());
  std::exit(status);
}

Request parse(int argc, char** argv) {
  Request out;
  out.program = argv[0];
  const std::string usage = "usage: " + out.program + " [-c config_dir] [-l lock_style] [-v] folder command...";
  for (int c = 0; (c = ::getopt(argc, argv, "+c:l:v")) != -1;) {
    if (c == 'c') out.directory = optarg;
    if (c == 'l') out.lock_style = optarg;
    if (c == 'v') log::set_debug(true);
    if (c == '?') refuse(out.program, usage);
  }
  if (argc - optind < 2) refuse(out.program, usage);
  out.words = argv + optind;
  return out;
}

mail::MboxOptions lock_options(const Request& request, const Params& params) {
  const std::string& list = request.lock_style.empty() ? params.mailbox_delivery_lock : request.lock_style;
  for (const auto word : text::words(list, ", \t\r\n")) {
    if (word == "fcntl" || word == "flock" || word == "dotlock") continue;
    refuse(request.program, "unknown mailbox_delivery_lock value \"" + std::string(word) + "\" in \"" + list + "\"");
  }
  auto options = mail::parse_lock_methods(list);
  if (!options) refuse(request.program, options.error().text);
  options->lock_attempts = params.deliver_lock_attempts;
  options->lock_delay = params.deliver_lock_delay;
  options->stale_lock = params.stale_lock_time;
  return *options;
}

pid_t start(const Request& request, const Params& params) {
  char** command = request.words + 1;
  const pid_t pid = fork_patiently({params.fork_attempts, params.fork_delay});
  if (pid < 0) refuse(request.program, "fork: " + errno_text(errno));
  if (pid > 0) return pid;
  ::execvp(command[0], command);
  refuse(request.program, "execvp " + std::string(command[0]) + ": " + errno_text(errno), EXIT_FAILURE);
}

int run_locked(const Request& request, const Params& params) {
  const std::string file = request.words[0];
  const auto lock = mail::LockedMailbox::open(file, lock_options(request, params));
  if (!lock) refuse(request.program, "open file " + file + ": " + lock.error().text);
  const pid_t pid = start(request, params);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return EX_TEMPFAIL;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main_program(int argc, char** argv) {
  log::open(argv[0], {});
  const Request request = parse(argc, argv);
  const auto config =
      config::Config::load(request.directory.empty() ? config::Config::default_directory() : request.directory,
                           {.process_name = "postlock", .service_name = {}, .overrides = {}});
  if (!config) refuse(request.program, config.error().text);
  const auto params = Params::load(*config);
  if (!params) refuse(request.program, params.error().text);
  return run_locked(request, *params);
}

}  // namespace

}  // namespace postern::postlock

int main(int argc, char** argv) { return postern::postlock::main_program(argc, argv); }
