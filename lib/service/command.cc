// SPDX-License-Identifier: Apache-2.0
#include "lib/service/command.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/value.h"
#include "lib/mail/dsn.h"

namespace postern::service {

namespace {

constexpr std::size_t kOutputLimit = 2000;
constexpr Duration kWaitStep{1000};
constexpr std::string_view kPath = "PATH=/usr/bin:/bin";
constexpr char kShell[] = "/bin/sh";
constexpr char kShellName[] = "sh";
constexpr std::string_view kShellSyntax = "!\"#$&'()*;<=>?[\\]^`{|}~\n";
constexpr std::string_view kShellWords[] = {
    ".",    ":",    "alias",  "bg",    "break",    "case",   "cd",    "command", "continue",
    "do",   "eval", "exec",   "exit",  "export",   "fc",     "fg",    "for",     "getopts",
    "hash", "if",   "jobs",   "read",  "readonly", "return", "set",   "shift",   "times",
    "trap", "type", "ulimit", "umask", "unalias",  "unset",  "until", "wait",    "while"};

// argv and envp for execve; the strings belong to the command.
std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (auto& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> copy_words(std::string_view text) {
  std::vector<std::string> out;
  for (const auto word : text::words(text)) out.emplace_back(word);
  return out;
}

// The child's end of the talk about why the command did not begin: the parent writes it to the log.
struct ChildReport {
  int fd;
  [[noreturn]] void give_up(const std::string& text, int status) const {
    [[maybe_unused]] const auto n = ::write(fd, text.data(), text.size());
    ::_exit(status);
  }
};

// In the child. A root directory of its own is entered with the rights to do so.
void become(const Command& command, const ChildReport& report) {
  const std::string who = " for uid=" + std::to_string(command.uid) + " gid=" + std::to_string(command.gid);
  if (!command.chroot.empty() && (::chroot(command.chroot.c_str()) < 0 || ::chdir("/") < 0)) {
    report.give_up("cannot change root directory to \"" + command.chroot + "\"" + who + ": " + errno_text(errno),
                   EX_TEMPFAIL);
  }
  if (::geteuid() == 0) {
    if (::setgroups(1, &command.gid) < 0 || ::setgid(command.gid) < 0 || ::setuid(command.uid) < 0) {
      report.give_up("cannot change identity" + who + ": " + errno_text(errno), EX_TEMPFAIL);
    }
  }
  if (command.file_size_limit > 0) {
    const auto bytes = static_cast<rlim_t>(command.file_size_limit);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  if (!command.directory.empty() && ::chdir(command.directory.c_str()) < 0) {
    report.give_up("cannot change directory to \"" + command.directory + "\"" + who + ": " + errno_text(errno),
                   EX_TEMPFAIL);
  }
}

[[noreturn]] void cannot_execute(const Command& command, const char* word, const ChildReport& report) {
  const std::string text = command.complaint + "execvp " + word + ": " + errno_text(errno);
  if (!command.speaker.empty()) {
    const std::string line = command.speaker + text + "\n";
    [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
  }
  report.give_up(text, command.failure_status);
}

// In the child: never returns.
[[noreturn]] void execute(Command& command, int in, int out, int report_fd) {
  ::setsid();
  if (::dup2(in, STDIN_FILENO) < 0 || ::dup2(out, STDOUT_FILENO) < 0 || ::dup2(out, STDERR_FILENO) < 0)
    ::_exit(EX_OSERR);
  constexpr int kReport = 3;
  if (report_fd != kReport && ::dup2(report_fd, kReport) < 0) ::_exit(EX_OSERR);
  ::fcntl(kReport, F_SETFD, FD_CLOEXEC);
  const ChildReport report{kReport};
  // Whatever this process inherited without close-on-exec is not for strangers either.
  ::close_range(kReport + 1, ~0U, 0);
  for (const int signal : {SIGPIPE, SIGCHLD, SIGALRM, SIGXFSZ}) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(077);
  become(command, report);
  auto environment = pointers(command.environment);
  ::environ = environment.data();
  if (!command.arguments.empty()) {
    auto words = pointers(command.arguments);
    ::execvp(words[0], words.data());
    cannot_execute(command, words[0], report);
  }
  std::vector<std::string> shell = copy_words(command.shell);
  if (shell.empty() && !needs_shell(command.line)) {
    auto list = copy_words(command.line);
    auto words = pointers(list);
    if (!list.empty()) ::execvp(words[0], words.data());
    // A word that PATH does not know is left to the shell. A file is not: it may be there tomorrow, when its file
    // system is mounted again, and the shell would have said no for good.
    if (!list.empty() && (errno != ENOENT || list[0].find('/') != std::string::npos)) {
      cannot_execute(command, words[0], report);
    }
  }
  // By its short name, which is how its complaints begin.
  const bool standard = shell.empty();
  if (standard) shell = {kShellName, "-c"};
  shell.push_back(command.line);
  auto words = pointers(shell);
  ::execvp(standard ? kShell : words[0], words.data());
  cannot_execute(command, standard ? kShell : words[0], report);
}

// A command that has been started: feeds it, listens to it, waits for its end. Without descriptors it only waits.
class Running {
 public:
  Running(async::Loop& loop, CommandInput input, Fd to_command, Fd from_command)
      : input_(std::move(input)),
        to_command_(std::move(to_command)),
        from_command_(std::move(from_command)),
        changed_(loop),
        child_watch_(loop, SIGCHLD, [this] { changed_.set(); }) {
    using async::IoWatch;
    if (to_command_) {
      write_watch_ = std::make_unique<IoWatch>(loop, to_command_.get(), IoWatch::What::write, [this] { feed(); });
    }
    if (from_command_) {
      read_watch_ = std::make_unique<IoWatch>(loop, from_command_.get(), IoWatch::What::read, [this] { listen(); });
    }
  }

  async::Task<Result<CommandResult>> finish(pid_t pid, Duration limit) {
    if (write_watch_) write_watch_->enable();
    if (read_watch_) read_watch_->enable();
    const Deadline deadline = deadline_in(limit);
    CommandResult result;
    result.pid = pid;
    while (!ended(pid, &result.wait_status)) {
      if (failed_ || Clock::now() >= deadline) {
        result.timed_out = !failed_;
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, &result.wait_status, 0);
        break;
      }
      [[maybe_unused]] const bool changed = co_await changed_.wait(std::min(deadline, deadline_in(kWaitStep)));
    }
    // What it started may go on in the background; nobody waits for that.
    listen();
    if (failed_) co_return std::unexpected(*failed_);
    result.output = std::move(output_);
    co_return result;
  }

 private:
  static bool ended(pid_t pid, int* status) {
    const pid_t got = ::waitpid(pid, status, WNOHANG);
    return got == pid || (got < 0 && errno != EINTR);
  }

  void end_input() {
    write_watch_.reset();
    to_command_.reset();
  }

  void feed() {
    while (to_command_) {
      if (pending_.empty()) {
        const auto more = input_(pending_);
        if (!more) {
          failed_ = more.error();
          changed_.set();
        }
        if (!more || !*more) return end_input();
      }
      const ssize_t n = ::write(to_command_.get(), pending_.data(), pending_.size());
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      // A command need not read all of its input.
      if (n < 0) return end_input();
      pending_.erase(0, static_cast<std::size_t>(n));
    }
  }

  void listen() {
    std::array<char, 4096> buffer{};
    while (from_command_) {
      const ssize_t n = ::read(from_command_.get(), buffer.data(), buffer.size());
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n <= 0) {
        read_watch_.reset();
        from_command_.reset();
        return;
      }
      const auto room = kOutputLimit - std::min(kOutputLimit, output_.size());
      output_.append(buffer.data(), std::min(static_cast<std::size_t>(n), room));
    }
  }

  CommandInput input_;
  Fd to_command_;
  Fd from_command_;
  async::Signal changed_;
  async::SignalWatch child_watch_;
  std::unique_ptr<async::IoWatch> write_watch_;
  std::unique_ptr<async::IoWatch> read_watch_;
  std::string pending_;
  std::string output_;
  std::optional<Error> failed_;
};

Result<std::pair<Fd, Fd>> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return fail_errno("pipe");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

}  // namespace

namespace {

Result<> check_rights(const Command& command) {
  if (::geteuid() == 0 || command.uid == ::geteuid()) return {};
  return fail("this mail system does not run as root: it cannot run a command as uid " + std::to_string(command.uid),
              EPERM);
}

// Forks; the child gets the descriptors. What it says by the pipe that is left in `reports` is for the log.
Result<pid_t> start(Command& command, int in, int out, Fd& reports) {
  const bool has_path = std::ranges::any_of(command.environment, [](const auto& e) { return e.starts_with("PATH="); });
  if (!has_path) command.environment.emplace_back(kPath);
  auto report = make_pipe();
  if (!report) return std::unexpected(report.error());
  if (auto ok = set_nonblocking(report->first.get()); !ok) return std::unexpected(ok.error());
  const pid_t pid = fork_patiently(command.patience);
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) execute(command, in, out, report->second.get());
  reports = std::move(report->first);
  return pid;
}

// The child is gone, or has executed the command: nobody has the other end.
void log_report(const Fd& reports) {
  std::array<char, 1024> text{};
  const ssize_t n = ::read(reports.get(), text.data(), text.size());
  if (n > 0) log::write(log::Level::fatal, std::string_view(text.data(), static_cast<std::size_t>(n)));
}

}  // namespace

async::Task<Result<CommandResult>> run_command(async::Loop& loop, Command command, CommandInput input) {
  if (auto ok = check_rights(command); !ok) co_return std::unexpected(ok.error());
  auto in = make_pipe();
  if (!in) co_return std::unexpected(in.error());
  auto out = make_pipe();
  if (!out) co_return std::unexpected(out.error());
  for (const int fd : {in->second.get(), out->first.get()}) {
    if (auto ok = set_nonblocking(fd); !ok) co_return std::unexpected(ok.error());
  }
  // Made before the child, so that its end is not missed.
  Running running(loop, std::move(input), std::move(in->second), std::move(out->first));
  Fd reports;
  const auto pid = start(command, in->first.get(), out->second.get(), reports);
  if (!pid) co_return std::unexpected(pid.error());
  in->first.reset();
  out->second.reset();
  Result<CommandResult> result = co_await running.finish(*pid, command.time_limit);
  log_report(reports);
  co_return result;
}

async::Task<Result<CommandResult>> run_attached(async::Loop& loop, Command command, Fd connection) {
  if (auto ok = check_rights(command); !ok) co_return std::unexpected(ok.error());
  // The command expects what every program expects of its standard input.
  if (auto ok = set_nonblocking(connection.get(), false); !ok) co_return std::unexpected(ok.error());
  Running running(loop, {}, Fd(), Fd());
  Fd reports;
  const auto pid = start(command, connection.get(), connection.get(), reports);
  if (!pid) co_return std::unexpected(pid.error());
  connection.reset();
  Result<CommandResult> result = co_await running.finish(*pid, command.time_limit);
  log_report(reports);
  co_return result;
}

bool needs_shell(std::string_view line) {
  if (line.find_first_of(kShellSyntax) != std::string_view::npos) return true;
  const auto words = text::words(line);
  return words.empty() || std::ranges::find(kShellWords, words[0]) != std::end(kShellWords);
}

namespace {

struct ExitMeaning {
  int code;
  std::string_view status;
  std::string_view text;
};
constexpr ExitMeaning kExitMeanings[] = {
    {EX_USAGE, "5.3.0", "command line usage error"},    {EX_DATAERR, "5.6.0", "data format error"},
    {EX_NOINPUT, "5.3.0", "cannot open input"},         {EX_NOUSER, "5.1.1", "user unknown"},
    {EX_NOHOST, "5.1.2", "host name unknown"},          {EX_UNAVAILABLE, "5.3.0", "service unavailable"},
    {EX_SOFTWARE, "5.3.0", "internal software error"},  {EX_OSERR, "4.3.0", "system resource problem"},
    {EX_OSFILE, "5.3.0", "critical OS file missing"},   {EX_CANTCREAT, "5.2.0", "can't create user output file"},
    {EX_IOERR, "5.3.0", "input/output error"},          {EX_TEMPFAIL, "4.3.0", "temporary failure"},
    {EX_PROTOCOL, "5.5.0", "remote error in protocol"}, {EX_NOPERM, "5.7.0", "permission denied"},
    {EX_CONFIG, "5.3.5", "local configuration error"},
};

mail::DsnText meaning(const CommandResult& result, std::string_view name) {
  const std::string quoted = "\"" + std::string(name) + "\"";
  if (result.timed_out) return {"5.3.0", "Command time limit exceeded: " + quoted};
  if (WIFSIGNALED(result.wait_status)) {
    return {"4.3.0", "Command died with signal " + std::to_string(WTERMSIG(result.wait_status)) + ": " + quoted};
  }
  const int code = WEXITSTATUS(result.wait_status);
  for (const auto& m : kExitMeanings) {
    if (m.code == code) return {std::string(m.status), std::string(m.text)};
  }
  return {"5.3.0", "Command died with status " + std::to_string(code) + ": " + quoted};
}

}  // namespace

std::string command_output_text(std::string_view output) {
  std::string out(output);
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return text::printable(out, '?', true);
}

Outcome command_outcome(const CommandResult& result, std::string_view name) {
  Outcome out;
  if (!result.timed_out && WIFEXITED(result.wait_status) && WEXITSTATUS(result.wait_status) == 0) {
    out.status = "2.0.0";
    return out;
  }
  const std::string said = command_output_text(result.output);
  out.diag_type = "x-unix";
  const bool own_status = mail::dsn_prefix(said) != 0 && (said[0] == '4' || said[0] == '5');
  if (own_status && !result.timed_out && WIFEXITED(result.wait_status)) {
    auto own = mail::split_dsn(said, "5.3.0");
    out.status = std::move(own.status);
    out.text = std::move(own.text);
    out.diag_text = text::trim(out.text);
    return out;
  }
  auto verdict = meaning(result, name);
  out.status = std::move(verdict.status);
  out.text = std::move(verdict.text);
  out.diag_text = text::trim(said).empty() ? out.text : std::string(text::trim(said));
  if (!text::trim(said).empty()) out.text += ". Command output: " + said;
  return out;
}

std::string censor(std::string_view value, std::string_view allowed) {
  std::string out(value);
  std::ranges::replace_if(out, [allowed](char c) { return allowed.find(c) == std::string_view::npos; }, '_');
  return out;
}

std::vector<std::string> exported_environment(std::string_view list) {
  std::vector<std::string> out;
  const auto items = config::split_list_braces(list);
  if (!items) return out;
  for (const auto& item : *items) {
    const auto plain = config::strip_braces(item);
    if (!plain) continue;
    if (const auto set = text::cut(*plain, '='); set) {
      out.push_back(std::string(text::trim(set->first)) + "=" + std::string(text::trim(set->second)));
    } else if (const char* value = std::getenv(plain->c_str()); value != nullptr) {
      out.push_back(*plain + "=" + value);
    }
  }
  return out;
}

}  // namespace postern::service
