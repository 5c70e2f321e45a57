// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/openssl.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "lib/base/files.h"
#include "lib/base/text.h"

namespace postern::postfix {

namespace {

constexpr std::size_t kOutputLimit = 1UL << 20;
constexpr int kCannotStart = 127;
constexpr mode_t kPrivate = 077;

struct Pipe {
  Fd read;
  Fd write;
};

// While it lives, writing to a process that has ended is an error and not the end of this one.
class NoSigpipe {
 public:
  NoSigpipe() : previous_(std::signal(SIGPIPE, SIG_IGN)) {}
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() { std::signal(SIGPIPE, previous_); }

 private:
  void (*previous_)(int);
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) < 0) return fail_errno("pipe");
  return Pipe{Fd(fds[0]), Fd(fds[1])};
}

[[noreturn]] void become_openssl(const std::string& path, const std::vector<std::string>& arguments,
                                 const std::array<int, 3>& standard) {
  for (int i = 0; i < 3; ++i) {
    if (::dup2(standard[static_cast<std::size_t>(i)], i) < 0) ::_exit(kCannotStart);
  }
  // What it creates besides (nothing, as it is called here) would be nobody else's either.
  ::umask(kPrivate);
  std::vector<char*> argv;
  argv.push_back(const_cast<char*>(path.c_str()));
  for (const auto& word : arguments) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(path.c_str(), argv.data());
  ::_exit(kCannotStart);
}

// Reads both to their ends, so that neither fills while the other is waited for.
void read_both(const Fd& output, std::string& out, const Fd& errors, std::string& err) {
  std::array<pollfd, 2> wait{pollfd{output.get(), POLLIN, 0}, pollfd{errors.get(), POLLIN, 0}};
  const std::array<std::string*, 2> texts{&out, &err};
  while (wait[0].fd >= 0 || wait[1].fd >= 0) {
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < wait.size(); ++i) {
      if (wait[i].fd < 0 || wait[i].revents == 0) continue;
      std::array<char, 4096> buffer{};
      const ssize_t got = ::read(wait[i].fd, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        wait[i].fd = -1;
      } else if (texts[i]->size() < kOutputLimit) {
        texts[i]->append(buffer.data(), static_cast<std::size_t>(got));
      }
    }
  }
}

// What it complained of first; what follows are the library's own words.
std::string complaint(std::string_view errors) {
  const auto lines = text::words(errors, "\n");
  return lines.empty() ? "failed" : text::printable(text::trim(lines.front()));
}

}  // namespace

Result<std::string> OpenSsl::run(const std::vector<std::string>& arguments, std::string_view input, int to) const {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  if (!in || !out || !err) return fail("cannot make a pipe", EMFILE);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno("fork");
  if (child == 0) {
    become_openssl(path_, arguments, {in->read.get(), to >= 0 ? to : out->write.get(), err->write.get()});
  }
  in->read.reset();
  out->write.reset();
  err->write.reset();
  {
    // The input is a few lines, less than a pipe holds. A command that does not want it may have ended before.
    const NoSigpipe quiet;
    [[maybe_unused]] const auto written = files::write_all(in->write.get(), input);
  }
  in->write.reset();
  std::string output;
  std::string errors;
  read_both(out->read, output, err->read, errors);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return fail_errno("waitpid");
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kCannotStart;
  if (code == 0) return output;
  if (code == kCannotStart) return fail(fmt::format("cannot run the openssl command \"{}\" (openssl_path)", path_));
  return fail(fmt::format("{} {}: {}", path_, arguments.front(), complaint(errors)), code);
}

Result<std::string> OpenSsl::read(const std::vector<std::string>& arguments, std::string_view input) const {
  return run(arguments, input, -1);
}

Result<> OpenSsl::write(int to, const std::vector<std::string>& arguments, std::string_view input) const {
  const auto done = run(arguments, input, to);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<std::string> OpenSsl::public_key(const std::string& key_file) const {
  // A key with a pass phrase is of no use to tlsproxy; an empty one keeps openssl from asking for it.
  return read({"pkey", "-in", key_file, "-passin", "pass:", "-pubout", "-outform", "DER"});
}

Result<std::string> OpenSsl::certificate_key(const std::string& certificate_file) const {
  auto pem = read({"x509", "-in", certificate_file, "-noout", "-pubkey"});
  if (!pem) return pem;
  return read({"pkey", "-pubin", "-outform", "DER"}, *pem);
}

std::string_view algorithm_of(std::string_view public_key) {
  // The algorithm's object identifier stands near the beginning (RFC 5280 4.1.2.7; RFC 3279 2.3.1 and 2.3.5).
  constexpr std::string_view kRsa("\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01", 11);
  constexpr std::string_view kEc("\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01", 9);
  const std::string_view head = public_key.substr(0, 24);
  if (head.find(kRsa) != std::string_view::npos) return "rsa";
  if (head.find(kEc) != std::string_view::npos) return "ecdsa";
  return {};
}

}  // namespace postern::postfix
