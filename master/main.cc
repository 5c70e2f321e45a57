// SPDX-License-Identifier: Apache-2.0
// master: opens every socket of master.cf and starts the programs that serve them, as load comes.
//
//   master [-Ddistvw] [-c config_dir] [-e seconds]
//   -t  only look whether a mail system runs: exit 0 no, 1 yes
//   -w  return when everything is set up: exit 0, or 1 when it failed
//   -d  stay in the foreground     -s  keep standard output for postlogd (maillog_file = /dev/stdout)
//   -i  process 1 of a container   -e  end after that time
//
// SECURITY. Runs as root (or, wholly unprivileged, as mail_owner) and never talks to the network: it accepts
// connections only of its own user (pid/control, for `postfix sessions`), and reads nothing but main.cf, master.cf and
// its workers' short status packets, of which it believes only numbers, paths to look at with stat(2), and, when a
// worker has crashed, who its clients were. It trusts whoever can write its configuration. Set-uid use is refused.
//
// Opens: pid/control, pid/master.pid and data_directory/master.lock (both locked while it lives), the sockets and fifos
// of master.cf below public/ and private/ (made with mail_owner's rights) and the inet sockets.
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/command_log.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"
#include "lib/config/value.h"
#include "lib/tls/channels.h"
#include "master/environment.h"
#include "master/locks.h"
#include "master/supervisor.h"

namespace postern::master {

namespace {

constexpr int kStartMayTakeMs = 100'000;
constexpr int kFirstPrivateFd = 32;

struct Arguments {
  std::string directory;
  bool test = false;
  bool wait = false;
  bool foreground = false;
  bool keep_stdout = false;
  bool init = false;
  int verbose = 0;
  int end_after = 0;
};

Arguments parse_arguments(int argc, char** argv) {
  Arguments out;
  for (int c = ::getopt(argc, argv, "c:Dde:istvw"); c != -1; c = ::getopt(argc, argv, "c:Dde:istvw")) {
    switch (c) {
      case 'c': out.directory = optarg; break;
      case 'D': break;  // a debugger is asked for in master.cf, for one service
      case 'd': out.foreground = true; break;
      case 'e': out.end_after = static_cast<int>(text::to_u64(optarg).value_or(0)); break;
      case 'i': out.init = out.foreground = true; break;
      case 's': out.keep_stdout = true; break;
      case 't': out.test = true; break;
      case 'v': ++out.verbose; break;
      case 'w': out.wait = true; break;
      default:
        log::fatal(
            "usage: master [-c config_dir] [-D (debug)] [-d (don't detach)] [-e exit_time] [-i] [-s] "
            "[-t (test)] [-v] [-w (wait)]");
    }
  }
  if (out.directory.empty()) out.directory = config::Config::default_directory();
  // The working directory changes; a reload reads the files again.
  if (auto* absolute = ::realpath(out.directory.c_str(), nullptr)) {
    out.directory = absolute;
    std::free(absolute);
  }
  return out;
}

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
  bool rootless = false;
};

Result<Owner> find_owner(const Settings& settings) {
  const passwd* entry = ::getpwnam(settings.main.mail_owner.c_str());
  if (entry == nullptr) {
    return fail("file " + settings.config_directory +
                "/main.cf: parameter mail_owner: unknown user name value: " + settings.main.mail_owner);
  }
  const Owner owner{entry->pw_uid, entry->pw_gid, ::geteuid() != 0};
  if (owner.rootless && owner.uid != ::geteuid()) {
    return fail("the master program must be run by root, or by the user that mail_owner names (" +
                settings.main.mail_owner + ")");
  }
  return owner;
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// A core file of a worker would hold keys and mail.
void forbid_core_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) < 0) return;
  limit.rlim_cur = 0;
  ::setrlimit(RLIMIT_CORE, &limit);
}

bool is_program(const std::string& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// What workers find through import_environment.
void export_environment(const config::Config& config, const Settings& settings) {
  ::setenv("MAIL_CONFIG", settings.config_directory.c_str(), 1);
  if (settings.main.maillog_file.empty()) {
    ::unsetenv("POSTLOG_SERVICE");
    ::unsetenv("POSTLOG_HOSTNAME");
    return;
  }
  ::setenv("POSTLOG_SERVICE", config::postlog_socket(config).c_str(), 1);
  ::setenv("POSTLOG_HOSTNAME", config::log_host(config).c_str(), 1);
}

std::optional<std::string> environment_value(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<Setup> complete_setup(const config::Config& config, const Arguments& arguments) {
  Setup setup;
  auto settings = load_settings(config);
  if (!settings) return std::unexpected(settings.error());
  const auto owner = find_owner(*settings);
  if (!owner) return std::unexpected(owner.error());
  settings->rootless = owner->rootless;
  settings->detached = !arguments.foreground;
  settings->verbose = arguments.verbose;
  settings->cores = std::max(1U, std::thread::hardware_concurrency());
  settings->sessions_per_process = sessions_for_descriptors(settings->sessions_per_process, raise_descriptor_limit());
  const auto master_cf = config::load_master_cf(arguments.directory);
  if (!master_cf) return std::unexpected(master_cf.error());
  auto plan = make_plan(*master_cf, *settings, is_program);
  if (!plan) return std::unexpected(plan.error());
  const auto problems = tls::channel_problems(*master_cf, config);
  if (!problems) return std::unexpected(problems.error());
  if (!problems->empty()) return fail(problems->front());
  add_switch_sockets(*plan, tls::switch_targets(*master_cf, config));
  auto protocols = parse_protocols(settings->main.inet_protocols);
  if (!protocols) return std::unexpected(protocols.error());
  auto ports = config::TcpPorts::parse(settings->main.known_tcp_ports);
  if (!ports) return fail("known_tcp_ports: " + ports.error().text);
  const auto kernel = kernel_protocols();
  setup.sockets = {config::split_list(settings->main.inet_interfaces),
                   {protocols->v4 && kernel.v4, protocols->v6 && kernel.v6},
                   std::move(*ports),
                   owner->uid,
                   owner->gid};
  export_environment(config, *settings);
  auto environment = worker_environment(settings->main.import_environment, environment_value);
  if (!environment) return std::unexpected(environment.error());
  setup.environment = std::move(*environment);
  setup.plan = std::move(*plan);
  setup.plan.warnings.insert(setup.plan.warnings.begin(), config.warnings().begin(), config.warnings().end());
  setup.settings = std::move(*settings);
  return setup;
}

Result<config::Config> load_config(const Arguments& arguments) {
  return config::Config::load(arguments.directory, {.process_name = "master", .service_name = {}, .overrides = {}});
}

LockPaths lock_paths(const Settings& settings) {
  return {files::resolve(settings.main.queue_directory, settings.main.process_id_directory) + "/master.pid",
          settings.main.data_directory + "/master.lock"};
}

// Leaves this process to the child and waits for its word. Returns, in the child, the descriptor to give it on.
Fd wait_for_child() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) log::fatal("pipe: {}", errno_text(errno));
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) log::fatal("fork: {}", errno_text(errno));
  if (child == 0) return write_end;
  write_end.reset();
  pollfd wait{.fd = read_end.get(), .events = POLLIN, .revents = 0};
  char word = 0;
  if (::poll(&wait, 1, kStartMayTakeMs) != 1 || ::read(read_end.get(), &word, 1) != 1) ::_exit(1);
  ::_exit(0);
}

void detach(const Arguments& arguments) {
  if (!arguments.foreground) {
    if (!arguments.wait) {
      const pid_t child = ::fork();
      if (child < 0) log::fatal("fork: {}", errno_text(errno));
      if (child > 0) ::_exit(0);
    }
    ::setsid();
  } else if (::getpgrp() != ::getpid()) {
    // A group of our own, so that what workers start can be ended with it. Process 1 may be refused this.
    ::setpgid(0, 0);
  }
}

void close_standard_descriptors(bool foreground) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  ::dup2(null.get(), STDIN_FILENO);
  ::dup2(null.get(), STDOUT_FILENO);
  if (!foreground) ::dup2(null.get(), STDERR_FILENO);
}

bool has_postlog(const Setup& setup) {
  const auto& name = setup.settings.main.postlog_service_name;
  return std::ranges::any_of(setup.plan.services, [&name](const auto& s) { return s.endpoint() == "public/" + name; });
}

// From here on lines go through postlogd, which the first of them starts, or to syslog.
void open_daemon_log(const config::Config& config, bool maillog_file, bool postlog) {
  if (maillog_file) {
    // Without postlogd master goes on appending to the file itself.
    if (!postlog) return;
    log::set_sink(nullptr);
    const auto service = config.get("postlog_service_name");
    log::open(config::log_tag(config, "master"), {.kind = log::Destination::Kind::datagram,
                                                  .path = "public/" + service.value_or("postlog"),
                                                  .host = config::log_host(config)});
    return;
  }
  log::set_sink(nullptr);
  const auto facility = config::syslog_facility(config.get("syslog_facility").value_or("mail"));
  log::Destination destination{.kind = log::Destination::Kind::syslog, .path = {}, .host = {}};
  destination.facility = facility.value_or(destination.facility);
  log::open(config::log_tag(config, "master"), destination);
}

int test_running(const config::Config& config) {
  const auto settings = load_settings(config);
  if (!settings) log::fatal("{}", settings.error().text);
  const auto running = is_running(lock_paths(*settings));
  if (!running) log::fatal("{}", running.error().text);
  return *running ? 1 : 0;
}

void make_locks(const Setup& setup, Locks& locks) {
  auto taken = take_locks(lock_paths(setup.settings), setup.sockets.owner_uid, setup.sockets.owner_gid);
  if (!taken) log::fatal("{}", taken.error().text);
  locks = std::move(*taken);
  if (const auto written = write_pid(locks); !written) log::fatal("{}", written.error().text);
}

int finish(int signal, bool foreground) {
  log::finish();
  // Whoever waits for a foreground master sees an orderly end; process 1 could not die of a signal anyway.
  if (signal == 0 || foreground) return 0;
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  return 1;
}

int run(int argc, char** argv) {
  // Whatever the caller had open is not for workers.
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  config::open_early_log("master");
  const Arguments arguments = parse_arguments(argc, argv);
  if (::getuid() != ::geteuid()) log::fatal("this program must not be set-uid");
  log::set_debug(arguments.verbose > 0);
  Fd parent;
  if (arguments.wait && !arguments.test) parent = wait_for_child();
  const auto config = load_config(arguments);
  if (!config) log::fatal("{}", config.error().text);
  config::open_command_log(*config, "master");
  if (arguments.test) return test_running(*config);

  Fd output;
  if (arguments.keep_stdout) output.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, kFirstPrivateFd));
  detach(arguments);
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  forbid_core_files();

  auto setup = complete_setup(*config, arguments);
  if (!setup) log::fatal("{}", setup.error().text);
  const bool maillog_file = !setup->settings.main.maillog_file.empty();
  const bool postlog = has_postlog(*setup);
  if (::chdir(setup->settings.main.queue_directory.c_str()) < 0) {
    log::fatal("chdir {}: {}", setup->settings.main.queue_directory, errno_text(errno));
  }
  Locks locks;
  make_locks(*setup, locks);
  async::Loop loop;
  Supervisor supervisor(
      loop, std::move(*setup),
      [&arguments]() -> Result<Setup> {
        const auto fresh = load_config(arguments);
        if (!fresh) return std::unexpected(fresh.error());
        return complete_setup(*fresh, arguments);
      },
      output.get());
  if (const auto opened = supervisor.open(); !opened) log::fatal("{}", opened.error().text);
  open_daemon_log(*config, maillog_file, postlog);
  close_standard_descriptors(arguments.foreground);
  if (parent) {
    [[maybe_unused]] const auto told = files::write_all(parent.get(), "1");
    parent.reset();
  }
  if (arguments.end_after > 0) supervisor.stop_after(std::chrono::seconds(arguments.end_after));
  return finish(supervisor.run(), arguments.foreground);
}

}  // namespace

}  // namespace postern::master

int main(int argc, char** argv) { return postern::master::run(argc, argv); }
