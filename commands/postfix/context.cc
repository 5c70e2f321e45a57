// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/context.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/service/build_id.h"

namespace postern::postfix {

namespace {

// Where the commands look without -c.
constexpr std::string_view kDefaultDirectory = "/etc/postfix";
constexpr int kCannotStart = 127;
constexpr int kSignalBase = 128;

[[noreturn]] void execute(const std::string& path, const std::vector<std::string>& arguments) {
  become(path, arguments);
  ::_exit(kCannotStart);
}

}  // namespace

Result<Account> find_account(const Params& params) {
  const std::string where = "file " + params.config_directory + "/main.cf: parameter ";
  Account account;
  account.rootless = ::geteuid() != 0;
  const passwd* owner = ::getpwnam(params.mail_owner.c_str());
  if (owner == nullptr) return fail(where + "mail_owner: unknown user name value: " + params.mail_owner);
  account.owner_uid = owner->pw_uid;
  account.owner_gid = owner->pw_gid;
  account.drop_gid = owner->pw_gid;
  if (account.rootless && account.owner_uid != ::geteuid()) {
    return fail("the postfix command is reserved for the superuser, and for the user that mail_owner names (" +
                params.mail_owner + ")");
  }
  if (const group* drop = ::getgrnam(params.setgid_group.c_str()); drop != nullptr) {
    account.drop_gid = drop->gr_gid;
  } else if (!account.rootless) {
    return fail(where + "setgid_group: unknown group name: " + params.setgid_group);
  }
  return account;
}

int fatal(std::string_view text) {
  log::write(log::Level::fatal, text);
  log::finish();
  return 1;
}

void become(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  // execv takes char* for history's sake and writes to none of them.
  argv.push_back(const_cast<char*>(path.c_str()));
  for (const auto& word : arguments) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  log::finish();
  ::execv(path.c_str(), argv.data());
}

int run(const std::string& path, const std::vector<std::string>& arguments) {
  log::finish();
  const pid_t child = ::fork();
  if (child < 0) return kCannotStart;
  if (child == 0) execute(path, arguments);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return kCannotStart;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
}

void run_detached(const std::string& path, const std::vector<std::string>& arguments) {
  log::finish();
  const pid_t child = ::fork();
  if (child != 0) {
    if (child > 0) ::waitpid(child, nullptr, 0);
    return;
  }
  // A grandchild, so that nobody has to wait for it.
  if (::fork() != 0) ::_exit(0);
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (null >= 0) ::dup2(null, fd);
  }
  execute(path, arguments);
}

bool is_running(const Context& context) {
  return run(context.daemon("master"), {"-t", "-c", context.config.directory()}) == 1;
}

std::optional<pid_t> master_pid(const Context& context) {
  const auto directory = files::resolve(context.main.queue_directory, context.main.process_id_directory);
  const auto content = files::read(directory + "/master.pid", 4096);
  if (!content) return std::nullopt;
  const auto number = text::to_u64(text::trim(*content));
  if (!number || *number <= 1) return std::nullopt;
  return static_cast<pid_t>(*number);
}

bool master_is_of_another_build(const Context& context) {
  const auto pid = master_pid(context);
  if (!pid) return false;
  // A command from elsewhere than the programs says nothing about them.
  const auto installed = files::read(context.daemon("master"));
  if (!installed || !installed->contains(build_id())) return false;
  // Also when the file has been replaced, the link leads to what the process runs.
  const auto runs = files::read(fmt::format("/proc/{}/exe", *pid));
  return runs && !runs->contains(build_id());
}

std::string command_line(const Context& context, std::string_view words) {
  const std::string& directory = context.config.directory();
  return directory == kDefaultDirectory ? fmt::format("postfix {}", words)
                                        : fmt::format("postfix -c {} {}", directory, words);
}

}  // namespace postern::postfix
