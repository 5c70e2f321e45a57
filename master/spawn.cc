// SPDX-License-Identifier: Apache-2.0
#include "master/spawn.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "lib/base/log.h"

namespace postern::master {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  // execve takes char* for history's sake and writes to none of them.
  for (const auto& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

// Puts sources[i] at descriptor i. First all go out of the way, so that none is overwritten before it is placed.
bool place(std::vector<int> sources) {
  const int above = static_cast<int>(sources.size());
  for (int& fd : sources) {
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, above);
    if (fd < 0) return false;
  }
  for (int target = 0; target < above; ++target) {
    if (::dup2(sources[static_cast<std::size_t>(target)], target) < 0) return false;
  }
  return true;
}

void default_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
  }
  ::signal(SIGPIPE, SIG_IGN);
}

[[noreturn]] void become_worker(const SpawnRequest& request, const sigset_t& mask, char* const* argv,
                                char* const* environment) {
  default_signals();
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int output = request.standard_output >= 0 ? request.standard_output : null;
  std::vector<int> sources{null, output, null, request.flow_read, request.flow_write, request.status};
  sources.insert(sources.end(), request.listeners.begin(), request.listeners.end());
  if (null < 0 || !place(std::move(sources))) log::fatal("master_spawn: {}", fail_errno("descriptors").error().text);
  ::execve(request.path.c_str(), argv, environment);
  log::fatal("master_spawn: {}", fail_errno("exec " + request.path).error().text);
}

}  // namespace

Result<pid_t> spawn(const SpawnRequest& request) {
  const auto argv = pointers(request.arguments);
  const auto environment = pointers(request.environment);
  // Lines still in the buffer would be written by both.
  log::flush();
  // A signal between fork and exec must not reach the loop's handler: it would write to the pipe that both share.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become_worker(request, before, argv.data(), environment.data());
  const int code = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail_errno("fork", code);
  return pid;
}

}  // namespace postern::master
