// SPDX-License-Identifier: Apache-2.0
// postqueue: the queue for users: list it, and ask for another delivery attempt.
//
//   postqueue [-v] [-c config_dir] -f | -i queue_id | -j | -p | -s site
//
// -p and -j read the stream of showq; when the mail system is down the superuser's postqueue runs showq itself. -f
// wakes qmgr with four letters: forget dead destinations, ignore time stamps, scan deferred, scan incoming. -i and -s
// ask flush. Exit status 69: the service is not there, or refuses.
//
// SECURITY. Set-gid setgid_group, so that users can reach the sockets below public/: it cleans its environment and
// checks the configuration directory first, reads no queue file, and shows what it got without control bytes.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "commands/postqueue/listing.h"
#include "commands/postqueue/params.h"
#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/authorized_users.h"
#include "lib/config/command_log.h"
#include "lib/config/config.h"
#include "lib/config/set_id_command.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/local.h"
#include "lib/mail/queue_id.h"
#include "lib/parse/domain.h"
#include "lib/table/user_tables.h"

namespace postern::postqueue {

namespace {

constexpr int kUnavailable = 69;
constexpr int kNotAllowed = 77;
// A listing may take its time; a service that says nothing at all for so long is stuck.
constexpr Duration kListLimit{3600000};
constexpr Duration kRequestLimit{30000};
constexpr std::string_view kUsageText =
    "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site";

[[noreturn]] void give_up(const std::string& text, int status = kUnavailable) { config::end_command(text, status); }

enum class Action { none, list_text, list_json, flush_all, flush_id, flush_site };

struct Options {
  std::string directory;
  Action action = Action::none;
  std::string argument;
};

std::optional<Options> parse_options(int argc, char** argv) {
  Options out;
  const auto choose = [&out](Action action) {
    const bool first = out.action == Action::none;
    out.action = action;
    return first;
  };
  bool good = true;
  for (int c = 0; good && (c = ::getopt(argc, argv, "c:fi:jps:v")) != -1;) {
    switch (c) {
      case 'c': out.directory = optarg; break;
      case 'f': good = choose(Action::flush_all); break;
      case 'i':
        good = choose(Action::flush_id);
        out.argument = optarg;
        break;
      case 'j': good = choose(Action::list_json); break;
      case 'p': good = choose(Action::list_text); break;
      case 's':
        good = choose(Action::flush_site);
        out.argument = optarg;
        break;
      case 'v': log::set_debug(true); break;
      default: good = false;
    }
  }
  if (!good || out.action == Action::none || optind < argc) return std::nullopt;
  return out;
}

// showq by itself, for the superuser of a mail system that is down.
class OwnShowq {
 public:
  explicit OwnShowq(const std::string& path) {
    auto pair = socket_pair(SOCK_STREAM);
    if (!pair) give_up(pair.error().text);
    pid_ = ::fork();
    if (pid_ < 0) give_up("fork: " + errno_text(errno));
    if (pid_ == 0) {
      const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      ::dup2(null.get(), STDIN_FILENO);
      ::dup2(pair->second.get(), STDOUT_FILENO);
      ::execl(path.c_str(), "showq", "-u", "-S", static_cast<char*>(nullptr));
      config::end_command("cannot run " + path + ": " + errno_text(errno), kUnavailable);
    }
    fd_ = std::move(pair->first);
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  void wait() {
    fd_.reset();
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }

 private:
  Fd fd_;
  pid_t pid_ = -1;
};

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_listing(const Params& params, Action action, int fd) {
  ipc::ListReader reader(fd);
  if (const auto greeted = ipc::expect_protocol(reader, "mail_queue_list_protocol"); !greeted) {
    give_up("queue listing service: " + greeted.error().text);
  }
  TextListing listing(params.enable_long_queue_ids);
  for (;;) {
    const auto list = reader.next();
    if (!list) give_up("queue listing service: " + list.error().text);
    if (list->empty()) break;
    const auto message = message_from(*list);
    if (!message) give_up(message.error().text);
    print(action == Action::list_json ? format_json(*message) : listing.message(*message));
  }
  if (action == Action::list_text) print(listing.footer());
  if (std::fflush(stdout) != 0) give_up("write error: " + errno_text(errno));
}

void list_queue(const Params& params, Action action) {
  const auto fd = ipc::connect_local("public/" + params.showq_service_name, kListLimit);
  if (fd) return print_listing(params, action, fd->get());
  const bool down = fd.error().code == ENOENT || fd.error().code == ECONNREFUSED;
  if (!down) give_up("Queue report unavailable - " + errno_text(fd.error().code));
  if (::geteuid() != 0) give_up("Queue report unavailable - mail system is down");
  log::warning("Mail system is down -- accessing queue directly");
  OwnShowq own(params.daemon_directory + "/showq");
  print_listing(params, action, own.fd());
  own.wait();
}

void flush_all(const Params& params) {
  const auto woken = ipc::wake_service("public/" + params.queue_service_name, "FADI", params.trigger_timeout);
  if (!woken) give_up("Cannot flush mail queue - mail system is down");
}

// One request to flush; its status. nullopt: it could not be asked.
std::optional<std::int64_t> ask_flush(const Params& params, const std::array<std::string, 3>& request) {
  const auto fd = ipc::connect_local("public/" + params.flush_service_name, kRequestLimit);
  if (!fd) return std::nullopt;
  ipc::ListReader reader(fd->get());
  if (!ipc::expect_protocol(reader, "queue_flush_protocol")) return std::nullopt;
  ipc::AttrWriter writer;
  writer.raw("request", request[0]);
  writer.raw(request[1], request[2]);
  writer.end();
  const std::string bytes = writer.take();
  if (::send(fd->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    return std::nullopt;
  }
  const auto reply = reader.next();
  return reply ? text::to_i64(ipc::value_of(*reply, "status")) : std::nullopt;
}

constexpr std::int64_t kDone = 0;
constexpr std::int64_t kBadParameter = 3;
constexpr std::int64_t kDenied = 4;

void flush_id(const Params& params, const std::string& id) {
  if (!mail::valid_queue_id(id)) give_up("Cannot flush queue ID - invalid name: \"" + id + "\"");
  const auto status = ask_flush(params, {"send_file", "queue_id", id});
  if (!status) give_up("Cannot flush mail queue - mail system is down");
  if (*status != kDone) give_up("Cannot flush queue ID \"" + id + "\"");
}

void flush_site(const Params& params, const std::string& site) {
  const auto invalid = "Cannot flush mail queue - invalid destination: \"" + site + "\"";
  if (!parse::is_domain_or_literal(site, parse::Utf8::yes)) give_up(invalid);
  const auto status = ask_flush(params, {"send_site", "site", site});
  if (!status) give_up("Cannot flush mail queue - mail system is down");
  if (*status == kBadParameter) give_up(invalid);
  if (*status == kDenied) give_up("Flush service is not configured for destination \"" + site + "\"");
  if (*status != kDone) give_up("Cannot flush mail queue for destination \"" + site + "\"");
}

void require_user(const config::Config& config, std::string_view list, std::string_view action) {
  const auto authorized = config::authorize_user(config, list, action, table::user_table_has);
  if (!authorized) give_up(authorized.error().text, kNotAllowed);
}

int main_program(int argc, char** argv) {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) ::_exit(kUnavailable);
  }
  config::clean_set_id_environment();
  log::open("postqueue", {});
  std::string name = "postqueue";
  argv[0] = name.data();
  const auto options = parse_options(argc, argv);
  const auto directory = config::authorized_directory(options ? options->directory : std::string());
  if (!directory) give_up(directory.error().text);
  const auto config =
      config::Config::load(*directory, {.process_name = "postqueue", .service_name = {}, .overrides = {}});
  if (!config) give_up(config.error().text);
  config::open_command_log(*config, "postqueue", config::Copy::always);
  if (!options) give_up(std::string(kUsageText));
  const auto params = Params::load(*config);
  if (!params) give_up(params.error().text);
  // showq, run by us, reads the same configuration.
  if (!options->directory.empty()) ::setenv("MAIL_CONFIG", directory->c_str(), 1);
  if (::chdir(params->queue_directory.c_str()) < 0) {
    give_up("chdir " + params->queue_directory + ": " + errno_text(errno));
  }
  const bool lists = options->action == Action::list_text || options->action == Action::list_json;
  if (lists) {
    require_user(*config, "authorized_mailq_users", "view the mail queue");
    list_queue(*params, options->action);
  } else {
    require_user(*config, "authorized_flush_users", "flush the mail queue");
    if (options->action == Action::flush_all) flush_all(*params);
    if (options->action == Action::flush_id) flush_id(*params, options->argument);
    if (options->action == Action::flush_site) flush_site(*params, options->argument);
  }
  log::finish();
  return 0;
}

}  // namespace

}  // namespace postern::postqueue

int main(int argc, char** argv) { return postern::postqueue::main_program(argc, argv); }
