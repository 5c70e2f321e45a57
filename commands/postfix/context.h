// SPDX-License-Identifier: Apache-2.0
// What every subcommand of postfix(1) works with, and the few ways it looks at the running system.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/postfix/params.h"
#include "lib/base/error.h"
#include "lib/config/config.h"

namespace postern::postfix {

struct Account {
  uid_t owner_uid = 0;
  gid_t owner_gid = 0;
  gid_t drop_gid = 0;     // setgid_group
  bool rootless = false;  // run by mail_owner itself: everything belongs to that user
};

struct Context {
  config::Config config;
  Params main;
  Account account;
  std::vector<std::string> words;  // behind the subcommand
  int verbose = 0;
  bool debug = false;

  [[nodiscard]] std::string queue(std::string_view name) const {
    return main.queue_directory + "/" + std::string(name);
  }
  [[nodiscard]] std::string daemon(std::string_view name) const {
    return main.daemon_directory + "/" + std::string(name);
  }
  [[nodiscard]] std::string command(std::string_view name) const {
    return main.command_directory + "/" + std::string(name);
  }
};

// Ids of mail_owner and setgid_group. Without root: the caller must be mail_owner, and the group may be missing.
[[nodiscard]] Result<Account> find_account(const Params& params);

// Logs at level fatal and returns 1: the exit status.
int fatal(std::string_view text);

// Runs a program with standard descriptors as they are and waits. 128+N for a signal, 127 when it cannot be started.
[[nodiscard]] int run(const std::string& path, const std::vector<std::string>& arguments);
// The same in the background, its descriptors on /dev/null.
void run_detached(const std::string& path, const std::vector<std::string>& arguments);
// Becomes the program; returns only on failure.
void become(const std::string& path, const std::vector<std::string>& arguments);

// `master -t`.
[[nodiscard]] bool is_running(const Context& context);
// From pid/master.pid; meaningful while is_running().
[[nodiscard]] std::optional<pid_t> master_pid(const Context& context);
// The running master is of another build than the programs that are installed now: it would start none of them. False
// where that cannot be told.
[[nodiscard]] bool master_is_of_another_build(const Context& context);
// What somebody types for `postfix WORDS` about this configuration: with -c where it is not the default one.
[[nodiscard]] std::string command_line(const Context& context, std::string_view words);

}  // namespace postern::postfix
