// SPDX-License-Identifier: Apache-2.0
// The mail log: lines, their severity, and where they go (spec: log lines and framing).
//
// A line is "TAG[NUMBER]: [severity: ]text"; non-printable bytes become '?'.
// Destinations: the syslog socket /dev/log; postlogd's datagram socket (maillog_file in use);
// or standard error. Sockets are non-blocking: info lines that do not fit into a bounded buffer
// are dropped and counted, warnings never. Info lines wait for flush() (end of a loop turn);
// warnings and worse leave at once, after what was buffered.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>

namespace postern::log {

enum class Level { debug, info, warning, error, fatal, panic };

struct Destination {
  enum class Kind { syslog, datagram, stream } kind = Kind::stream;
  std::string path;       // datagram: postlogd's socket
  std::string host;       // datagram: host field of the line
  int facility = 2 << 3;  // syslog: LOG_MAIL
  bool also_stderr = false;
};

// "postfix/smtpd". Before open() lines go to standard error.
void open(std::string tag, Destination destination);
void set_tag(std::string tag);
void set_debug(bool on);
[[nodiscard]] bool debug_enabled();
// A test or a command may take the lines instead.
void set_sink(std::function<void(Level, std::string_view line)> sink);
void flush();
// Lines that the logger would not take yet: flush() again in a moment.
[[nodiscard]] bool pending();
// For a process that is about to end: flush(), waiting up to two seconds for a logger that is slow to take lines.
void finish();

// `number` replaces the pid between the brackets; 0 = the pid.
void write(Level level, std::string_view text, std::uint64_t number = 0);

template <class... A>
void debug(fmt::format_string<A...> f, A&&... a) {
  if (debug_enabled()) write(Level::debug, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void info(fmt::format_string<A...> f, A&&... a) {
  write(Level::info, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void warning(fmt::format_string<A...> f, A&&... a) {
  write(Level::warning, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void error(fmt::format_string<A...> f, A&&... a) {
  write(Level::error, fmt::format(f, std::forward<A>(a)...));
}

// The same for lines about one session: they carry the session's number.
class Session {
 public:
  explicit Session(std::uint64_t number = 0) : number_(number) {}
  [[nodiscard]] std::uint64_t number() const { return number_; }
  template <class... A>
  void info(fmt::format_string<A...> f, A&&... a) const {
    write(Level::info, fmt::format(f, std::forward<A>(a)...), number_);
  }
  template <class... A>
  void warning(fmt::format_string<A...> f, A&&... a) const {
    write(Level::warning, fmt::format(f, std::forward<A>(a)...), number_);
  }

 private:
  std::uint64_t number_;
};

// Exit status of fatal(): 1, unless a command sets another (sendmail: 75).
void set_fatal_status(int status);
// Configuration or environment is unusable: logs, waits the customary second in daemons, exits.
[[noreturn]] void die(std::string_view text);
// A broken invariant: logs and aborts.
[[noreturn]] void broken(std::string_view text);

template <class... A>
[[noreturn]] void fatal(fmt::format_string<A...> f, A&&... a) {
  die(fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
[[noreturn]] void panic(fmt::format_string<A...> f, A&&... a) {
  broken(fmt::format(f, std::forward<A>(a)...));
}

}  // namespace postern::log
