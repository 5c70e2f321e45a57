// SPDX-License-Identifier: Apache-2.0
#include "lib/config/command_log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/set_id_command.h"

namespace postern::config {

namespace {

constexpr unsigned kDefaultPermissions = 0600;

bool somebody_listens(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::string value_or(const Config& config, std::string_view name, std::string_view fallback) {
  auto value = config.get(name);
  return value ? std::move(*value) : std::string(fallback);
}

unsigned file_mode(const Config& config) {
  const auto text = value_or(config, "maillog_file_permissions", "");
  if (text.empty() || text.find_first_not_of("01234567") != std::string::npos) return kDefaultPermissions;
  return static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, 8));
}

// /dev/stdout cannot be opened when it is a socket, so the descriptor itself is used.
Result<Fd> open_maillog(const Config& config, const std::string& path) {
  if (path == "/dev/stdout") {
    Fd copy(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!copy) return fail_errno("dup /dev/stdout");
    return copy;
  }
  return files::open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, file_mode(config));
}

// Lines go to the file one write each, so that lines of several processes never mix.
void append_to(Fd file, std::string host, bool copy, std::string program) {
  auto shared = std::make_shared<Fd>(std::move(file));
  log::set_sink([shared, host = std::move(host), copy, program = std::move(program)](log::Level level,
                                                                                     std::string_view line) {
    const std::string text = syslog_stamp(wall_now().seconds) + " " + host + " " + std::string(line) + "\n";
    const bool written = files::write_all(shared->get(), text).has_value();
    if (!copy && (written || level < log::Level::warning)) return;
    // "postfix/postsuper[17]: text" is "postsuper: text" for the user.
    const std::string plain = program + std::string(line.substr(std::min(line.find("]: ") + 1, line.size()))) + "\n";
    [[maybe_unused]] const auto told = files::write_all(STDERR_FILENO, plain);
  });
}

}  // namespace

Result<int> syslog_facility(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, int>, 20> kNames{{
      {"kern", 0},    {"user", 1},    {"mail", 2},    {"daemon", 3},    {"auth", 4},    {"syslog", 5},  {"lpr", 6},
      {"news", 7},    {"uucp", 8},    {"cron", 9},    {"authpriv", 10}, {"ftp", 11},    {"local0", 16}, {"local1", 17},
      {"local2", 18}, {"local3", 19}, {"local4", 20}, {"local5", 21},   {"local6", 22}, {"local7", 23},
  }};
  for (const auto& [known, number] : kNames) {
    if (known == name) return number << 3;
  }
  return fail("parameter syslog_facility: unrecognized value: " + std::string(name));
}

std::string log_tag(const Config& config, std::string_view program) {
  return value_or(config, "syslog_name", "postfix") + "/" + std::string(program);
}

std::string log_host(const Config& config) {
  const auto name = value_or(config, "myhostname", "localhost");
  return name.substr(0, name.find('.'));
}

std::string postlog_socket(const Config& config) {
  return value_or(config, "queue_directory", "/var/spool/postfix") + "/public/" +
         value_or(config, "postlog_service_name", "postlog");
}

Result<> check_maillog_file(const Config& config) {
  const auto file = value_or(config, "maillog_file", "");
  if (file.empty()) return {};
  auto prefixes = config.get_list("maillog_file_prefixes");
  if (!prefixes) return std::unexpected(prefixes.error());
  for (const auto& prefix : *prefixes) {
    if (!file.starts_with(prefix)) continue;
    // "/var" allows "/var/log/x", not "/various".
    if (prefix.ends_with('/') || file.size() == prefix.size() || file[prefix.size()] == '/') return {};
  }
  return fail("maillog_file value \"" + file + "\" does not begin with one of maillog_file_prefixes");
}

void open_command_log(const Config& config, std::string_view program, Copy copy) {
  open_command_log_tagged(config, log_tag(config, program), copy);
}

void end_command(std::string_view text, int status) {
  log::write(log::Level::fatal, text);
  log::finish();
  std::exit(status);
}

void open_command_log_tagged(const Config& config, std::string tag, Copy copy) {
  const bool terminal = copy == Copy::always || ::isatty(STDERR_FILENO) != 0;
  const auto file = value_or(config, "maillog_file", "");
  log::set_sink(nullptr);
  if (!file.empty()) {
    const auto socket = postlog_socket(config);
    if (somebody_listens(socket)) {
      log::open(std::move(tag), {.kind = log::Destination::Kind::datagram,
                                 .path = socket,
                                 .host = log_host(config),
                                 .also_stderr = terminal});
      return;
    }
    if (!is_set_id() && check_maillog_file(config)) {
      auto fd = open_maillog(config, file);
      if (fd) {
        std::string program = tag.substr(tag.rfind('/') + 1);
        log::open(std::move(tag), {});
        append_to(std::move(*fd), log_host(config), terminal, std::move(program));
        return;
      }
    }
  }
  const auto facility = syslog_facility(value_or(config, "syslog_facility", "mail"));
  log::Destination destination;
  if (somebody_listens("/dev/log")) {
    destination.kind = log::Destination::Kind::syslog;
    destination.facility = facility.value_or(destination.facility);
    destination.also_stderr = terminal;
  }
  log::open(std::move(tag), std::move(destination));
}

void open_early_log(std::string_view program) {
  const char* name = std::getenv("MAIL_LOGTAG");
  const std::string tag = name != nullptr && *name != '\0' ? name : "postfix";
  log::open(
      tag + "/" + std::string(program),
      {.kind = log::Destination::Kind::syslog, .path = {}, .host = {}, .also_stderr = ::isatty(STDERR_FILENO) != 0});
}

}  // namespace postern::config
