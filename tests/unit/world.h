// SPDX-License-Identifier: Apache-2.0
// What tests of conversations need: a directory that goes away, services on real UNIX-domain sockets on the test's own
// loop, log lines in a list, and a clock that ends a test that would wait for ever.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/async/loop.h"
#include "lib/async/stream.h"
#include "lib/base/fd.h"
#include "lib/base/log.h"

namespace postern::test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "postern-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// The working directory of a worker is queue_directory: names of sockets and queue files are relative to it.
class InDirectory {
 public:
  explicit InDirectory(const std::string& path) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(path);
  }
  ~InDirectory() { std::filesystem::current_path(before_); }
  InDirectory(const InDirectory&) = delete;
  InDirectory& operator=(const InDirectory&) = delete;

 private:
  std::filesystem::path before_;
};

// Serves each connection to `path` with a task of its own, until it is destroyed.
class UnixService {
 public:
  using Serve = std::function<async::Task<>(Fd)>;
  UnixService(async::Loop& loop, const std::string& path, Serve serve, int type = SOCK_STREAM)
      : serve_(std::move(serve)), path_(path), tasks_(loop) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = Fd(::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
        ::listen(listener_.get(), 100) < 0) {
      log::panic("cannot listen on {}", path);
    }
    watch_ = std::make_unique<async::IoWatch>(loop, listener_.get(), async::IoWatch::What::read, [this] { accept(); });
    watch_->enable();
  }
  ~UnixService() {
    watch_.reset();
    ::unlink(path_.c_str());
  }
  UnixService(const UnixService&) = delete;
  UnixService& operator=(const UnixService&) = delete;
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept() {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    ++connections_;
    tasks_.spawn(serve_(std::move(fd)));
  }
  Serve serve_;
  std::string path_;
  Fd listener_;
  std::unique_ptr<async::IoWatch> watch_;
  int connections_ = 0;
  async::TaskGroup tasks_;
};

// Log lines instead of standard error.
class LogLines {
 public:
  LogLines() {
    log::set_sink([this](log::Level, std::string_view line) { lines_.emplace_back(line); });
  }
  ~LogLines() { log::set_sink({}); }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;
  [[nodiscard]] bool has(std::string_view part) const {
    for (const auto& line : lines_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

// Runs a task to its end; a test that hangs is killed by the alarm.
inline void run(async::Loop& loop, async::Task<> task) {
  ::alarm(30);
  async::run_to_end(loop, std::move(task));
  ::alarm(0);
}

// Turns of the loop until `done` says so, for at most `limit`.
inline bool turn_until(async::Loop& loop, const std::function<bool()>& done, Duration limit = Duration(10000)) {
  const Deadline end = deadline_in(limit);
  async::Timer tick(loop, [] {});
  while (!done() && Clock::now() < end) {
    tick.start(Duration(5));
    loop.run_once();
  }
  return done();
}

}  // namespace postern::test
