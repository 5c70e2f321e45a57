// SPDX-License-Identifier: Apache-2.0
#include "lib/base/log.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/text.h"

namespace postern::log {

namespace {

constexpr std::size_t kBufferLimit = 1UL << 20;
constexpr std::size_t kLineLimit = 2000;
constexpr std::size_t kBatch = 32;
constexpr Duration kFinishLimit{2000};
constexpr const char* kSyslogSocket = "/dev/log";

constexpr std::string_view prefix(Level level) {
  switch (level) {
    case Level::warning: return "warning: ";
    case Level::error: return "error: ";
    case Level::fatal: return "fatal: ";
    case Level::panic: return "panic: ";
    default: return "";
  }
}

// Severities of RFC 5424.
constexpr int severity(Level level) {
  switch (level) {
    case Level::warning: return 4;
    case Level::error: return 3;
    case Level::fatal:
    case Level::panic: return 2;
    default: return 6;
  }
}

class Writer {
 public:
  void open(std::string tag, Destination destination) {
    tag_ = std::move(tag);
    destination_ = std::move(destination);
    socket_.reset();
    connect();
  }
  void set_tag(std::string tag) { tag_ = std::move(tag); }
  void set_sink(std::function<void(Level, std::string_view)> sink) { sink_ = std::move(sink); }

  void write(Level level, std::string_view text, std::uint64_t number) {
    std::string line =
        tag_ + "[" + std::to_string(number != 0 ? number : static_cast<std::uint64_t>(::getpid())) + "]: ";
    line += prefix(level);
    line += text::printable(text.substr(0, kLineLimit), '?', true);
    if (sink_) {
      sink_(level, line);
      return;
    }
    if (destination_.kind == Destination::Kind::stream || destination_.also_stderr) {
      to_stderr(level, text);
      if (destination_.kind == Destination::Kind::stream) return;
    }
    enqueue(level, std::move(line));
    if (level >= Level::warning || pending_.size() >= kBatch) flush();
  }

  void flush() {
    if (pending_.empty()) return;
    if (!socket_ && !connect()) {
      give_up();
      return;
    }
    while (!pending_.empty()) {
      const int sent = send_batch();
      if (sent > 0) {
        drop_front(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS) return;
      if (errno == EMSGSIZE) {
        drop_front(1);
        continue;
      }
      // The logger was restarted: its socket has a new inode. One reconnect per flush.
      socket_.reset();
      if (!connect()) {
        give_up();
        return;
      }
      const int again = send_batch();
      if (again <= 0) return;
      drop_front(static_cast<std::size_t>(again));
    }
    report_dropped();
  }

  void finish() {
    const auto end = deadline_in(kFinishLimit);
    for (flush(); !pending_.empty() && socket_; flush()) {
      const auto left = std::chrono::duration_cast<Duration>(end - Clock::now()).count();
      pollfd wait{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
      if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) return;
    }
  }

  [[nodiscard]] bool pending() const { return !pending_.empty(); }

 private:
  void to_stderr(Level level, std::string_view text) const {
    const auto slash = tag_.rfind('/');
    std::string out = slash == std::string::npos ? tag_ : tag_.substr(slash + 1);
    out += ": ";
    out += prefix(level);
    out += text::printable(text, '?', true);
    out += '\n';
    [[maybe_unused]] const auto n = ::write(STDERR_FILENO, out.data(), out.size());
  }

  void enqueue(Level level, std::string line) {
    if (bytes_ + line.size() > kBufferLimit && level < Level::warning) {
      ++dropped_;
      return;
    }
    const auto stamp = syslog_stamp(wall_now().seconds);
    std::string datagram;
    if (destination_.kind == Destination::Kind::syslog) {
      datagram = "<" + std::to_string(destination_.facility | severity(level)) + ">" + stamp + " " + line;
    } else {
      datagram = stamp + " " + destination_.host + " " + line;
    }
    bytes_ += datagram.size();
    pending_.push_back(std::move(datagram));
  }

  int send_batch() {
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> parts{};
    const std::size_t count = std::min(kBatch, pending_.size());
    for (std::size_t i = 0; i < count; ++i) {
      parts[i] = {pending_[i].data(), pending_[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    return ::sendmmsg(socket_.get(), messages.data(), static_cast<unsigned>(count), MSG_NOSIGNAL);
  }

  void drop_front(std::size_t count) {
    for (; count > 0; --count) {
      bytes_ -= pending_.front().size();
      pending_.pop_front();
    }
  }

  // Nobody listens: the last resort is standard error, so that a command's user sees warnings.
  void give_up() {
    if (bytes_ > kBufferLimit / 2) {
      dropped_ += pending_.size();
      pending_.clear();
      bytes_ = 0;
    }
  }

  void report_dropped() {
    if (dropped_ == 0) return;
    const auto count = std::exchange(dropped_, 0);
    write(Level::warning, "log socket was full: " + std::to_string(count) + " lines lost", 0);
  }

  bool connect() {
    if (destination_.kind == Destination::Kind::stream) return false;
    const std::string path = destination_.kind == Destination::Kind::syslog ? kSyslogSocket : destination_.path;
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path) return false;
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return false;
    socket_ = std::move(fd);
    return true;
  }

  std::string tag_ = "postfix";
  Destination destination_;
  std::function<void(Level, std::string_view)> sink_;
  Fd socket_;
  std::deque<std::string> pending_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

// The log is the one thing every function may use; the process has one.
Writer& writer() {
  static Writer instance;
  return instance;
}

bool debug_on = false;
int fatal_status = 1;

}  // namespace

void open(std::string tag, Destination destination) { writer().open(std::move(tag), std::move(destination)); }
void set_tag(std::string tag) { writer().set_tag(std::move(tag)); }
void set_debug(bool on) { debug_on = on; }
bool debug_enabled() { return debug_on; }
void set_sink(std::function<void(Level, std::string_view)> sink) { writer().set_sink(std::move(sink)); }
void flush() { writer().flush(); }
bool pending() { return writer().pending(); }
void finish() { writer().finish(); }
void write(Level level, std::string_view text, std::uint64_t number) { writer().write(level, text, number); }
void set_fatal_status(int status) { fatal_status = status; }

void die(std::string_view text) {
  write(Level::fatal, text);
  finish();
  // The customary pause keeps a misconfigured service from being restarted in a tight loop.
  if (::isatty(STDERR_FILENO) == 0) ::sleep(1);
  ::_exit(fatal_status);
}

void broken(std::string_view text) {
  write(Level::panic, text);
  finish();
  std::abort();
}

}  // namespace postern::log
