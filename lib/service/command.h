// SPDX-License-Identifier: Apache-2.0
// Delivery to external commands, for local(8) and pipe(8): the message is the command's standard input, what it writes
// to standard output and standard error is kept for the report, its exit status is the verdict (sysexits(3)).
//
// A command gets its own process group, the user and group it is to run as (no supplementary groups), exactly the
// environment given, and only descriptors 0 to 2. At the time limit its whole group is killed.
// What the program could not do before the command began (chroot, directory, execute) it logs itself.
// SECURITY: a process that is not root runs commands as itself only; anything else is an Error.
#pragma once

#include <sys/types.h>
#include <sysexits.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"
#include "lib/base/fork.h"
#include "lib/service/delivery.h"

namespace postern::service {

struct Command {
  // Either a command line: executed directly when it holds only words, by the shell otherwise ...
  std::string line;
  std::string shell;  // local_command_shell: always used, the line is its last argument; empty: /bin/sh -c
  // ... or the words themselves.
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // NAME=value
  std::string chroot;                    // before it takes the user's rights; empty: none
  std::string directory;                 // empty: the current one
  uid_t uid = 0;
  gid_t gid = 0;
  Duration time_limit{1000000};
  ForkPatience patience;
  std::int64_t file_size_limit = 0;  // of files that the command writes; 0: none
  // When it cannot be executed: what stands before the reason in the log, and before that in its output (empty: its
  // output does not say so); exit status.
  std::string complaint;
  std::string speaker = "fatal: ";
  int failure_status = EX_TEMPFAIL;
};

struct CommandResult {
  int wait_status = 0;  // as of waitpid(2)
  pid_t pid = 0;
  bool timed_out = false;
  std::string output;  // its beginning
};

// Appends the next piece of the input; false: that was all.
using CommandInput = std::function<Result<bool>(std::string& out)>;

// Error: the command could not be started, or its input could not be read (it is killed then).
async::Task<Result<CommandResult>> run_command(async::Loop& loop, Command command, CommandInput input);

// The same for a command that talks to `connection` itself, on its descriptors 0 to 2. Its output is not seen.
async::Task<Result<CommandResult>> run_attached(async::Loop& loop, Command command, Fd connection);

// Whether /bin/sh has to look at the line: it holds shell syntax or begins with a word that only the shell knows.
[[nodiscard]] bool needs_shell(std::string_view line);

// The verdict. `name` is the command as messages show it; the text of success is the caller's.
[[nodiscard]] Outcome command_outcome(const CommandResult& result, std::string_view name);
// What is left of the output for a log line: one line of printable characters.
[[nodiscard]] std::string command_output_text(std::string_view output);

// Values for the command's environment: bytes outside `allowed` become '_'.
[[nodiscard]] std::string censor(std::string_view value, std::string_view allowed);
// NAME and NAME=value items of export_environment, as they are in this process.
[[nodiscard]] std::vector<std::string> exported_environment(std::string_view list);

}  // namespace postern::service
