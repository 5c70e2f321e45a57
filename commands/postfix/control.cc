// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/control.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "commands/postfix/certificates.h"
#include "commands/postfix/dnssec.h"
#include "commands/postfix/layout.h"
#include "commands/postfix/tls_check.h"
#include "lib/base/clock.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/command_log.h"
#include "lib/config/malformed.h"
#include "lib/config/master_cf.h"
#include "lib/config/unsupported.h"
#include "lib/tls/channels.h"

namespace postern::postfix {

namespace {

using namespace std::chrono_literals;

constexpr const char* kNotRunning = "the Postfix mail system is not running";
constexpr int kStopTries = 5;
constexpr Duration kStopLook = 20ms;

// A problem that somebody must see who has no log open: standard error and the log.
void complain(log::Level level, const std::string& text) {
  if (::isatty(STDERR_FILENO) == 0) {
    const std::string line =
        "postfix: " + std::string(level == log::Level::fatal ? "fatal: " : "warning: ") + text + "\n";
    [[maybe_unused]] const auto told = files::write_all(STDERR_FILENO, line);
  }
  log::write(level, text);
}

bool is_gone(const Context& context, Duration limit) {
  for (const auto end = deadline_in(limit); Clock::now() < end; std::this_thread::sleep_for(kStopLook)) {
    if (!is_running(context)) return true;
  }
  return !is_running(context);
}

// Services of master.cf whose program is not installed: master goes on without them.
void name_missing_programs(const Context& context) {
  const auto master_cf = config::load_master_cf(context.config.directory());
  if (!master_cf) return;
  for (const auto& entry : master_cf->entries) {
    const std::string program = context.daemon(entry.command);
    if (files::exists(program)) continue;
    log::warning("service \"{}\" ({}) is not available: there is no program {}", entry.service, entry.endpoint(),
                 program);
  }
}

void tell_dnssec(const Context& context) {
  const auto master_cf = config::load_master_cf(context.config.directory());
  if (!master_cf) return;
  const auto notes = dnssec_notes(*master_cf, context.config);
  if (!notes) return log::warning("{}", notes.error().text);
  for (const DnssecNote& note : *notes) log::write(note.works ? log::Level::info : log::Level::warning, note.text);
}

// What can make a start fail before anything has been touched.
int prepare(const Context& context) {
  if (is_running(context)) return fatal("the Postfix mail system is already running");
  if (!configuration_is_sound(context)) return 1;
  if (auto made = create_missing(context); !made) {
    complain(log::Level::warning, made.error().text);
    return fatal("Postfix integrity check failed!");
  }
  // What an earlier life left behind: incomplete files, files in the wrong place.
  if (const auto postsuper = context.command("postsuper"); files::exists(postsuper)) {
    if (run(postsuper, {"-c", context.config.directory()}) != 0) log::warning("{} failed", postsuper);
  }
  name_missing_programs(context);
  tell_dnssec(context);
  log::info("starting the Postfix mail system");
  return 0;
}

std::vector<std::string> master_arguments(const Context& context, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-c", context.config.directory()});
  for (int i = 0; i < context.verbose; ++i) arguments.emplace_back("-v");
  if (context.debug) arguments.emplace_back("-D");
  return arguments;
}

int signal_master(const Context& context, int signal) {
  log::finish();
  const auto pid = master_pid(context);
  if (!pid || ::kill(*pid, signal) < 0) return fatal("cannot signal the master process");
  return 0;
}

}  // namespace

bool configuration_is_sound(const Context& context) {
  const auto master_cf = config::load_master_cf(context.config.directory());
  if (!master_cf) {
    complain(log::Level::fatal, master_cf.error().text);
    return false;
  }
  if (auto allowed = config::check_maillog_file(context.config); !allowed) {
    complain(log::Level::fatal, allowed.error().text);
    return false;
  }
  const auto malformed = config::malformed_settings(context.config, *master_cf);
  if (!malformed) {
    complain(log::Level::fatal, malformed.error().text);
    return false;
  }
  for (const auto& text : *malformed) complain(log::Level::fatal, text);
  if (!malformed->empty()) return false;
  const auto problems = tls::channel_problems(*master_cf, context.config);
  if (!problems) {
    complain(log::Level::fatal, problems.error().text);
    return false;
  }
  for (const auto& text : *problems) complain(log::Level::fatal, text);
  if (!problems->empty()) return false;
  const auto unsupported = config::unsupported_settings(context.config, *master_cf);
  if (!unsupported) {
    complain(log::Level::fatal, unsupported.error().text);
    return false;
  }
  for (const auto& setting : *unsupported) {
    complain(log::Level::fatal, "not supported by this version: " + setting.name + " (" + setting.service + ")" +
                                    (setting.why.empty() ? "" : ": " + setting.why));
  }
  return unsupported->empty();
}

int start(const Context& context) {
  if (const int failed = prepare(context); failed != 0) return failed;
  if (run(context.daemon("master"), master_arguments(context, {"-w"})) != 0) return fatal("mail system startup failed");
  return 0;
}

int start_foreground(const Context& context) {
  if (const int failed = prepare(context); failed != 0) return failed;
  std::vector<std::string> arguments{::getpid() == 1 ? "-i" : "-d"};
  if (context.main.maillog_file == "/dev/stdout") arguments.emplace_back("-s");
  become(context.daemon("master"), master_arguments(context, std::move(arguments)));
  return fatal("mail system startup failed");
}

int stop(const Context& context) {
  if (!is_running(context)) return fatal(kNotRunning);
  log::info("stopping the Postfix mail system");
  const auto pid = master_pid(context);
  if (const int failed = signal_master(context, SIGTERM); failed != 0) return failed;
  for (int i = 0; i < kStopTries; ++i) {
    if (is_gone(context, 1s)) return 0;
    log::info("waiting for the Postfix mail system to terminate");
  }
  log::warning("stopping the Postfix mail system with force");
  ::kill(-*pid, SIGKILL);
  ::kill(*pid, SIGKILL);
  return 0;
}

int abort(const Context& context) {
  if (!is_running(context)) return fatal(kNotRunning);
  log::info("aborting the Postfix mail system");
  return signal_master(context, SIGTERM);
}

int drain(const Context& context) {
  if (!is_running(context)) return fatal(kNotRunning);
  log::info("stopping the Postfix mail system");
  return signal_master(context, SIGKILL);
}

int reload(const Context& context) {
  if (!is_running(context)) return fatal(kNotRunning);
  // master would keep the old configuration; the administrator is to hear why.
  if (!configuration_is_sound(context)) return 1;
  // Its workers would leave, and no new ones would take their place.
  if (master_is_of_another_build(context)) {
    complain(log::Level::fatal,
             fmt::format("the programs in {} are of another build than the mail system that runs: "
                         "nothing was changed; use \"{}\" and \"{}\"",
                         context.main.daemon_directory, command_line(context, "stop"), command_line(context, "start")));
    return 1;
  }
  log::info("refreshing the Postfix mail system");
  if (const int failed = signal_master(context, SIGHUP); failed != 0) return failed;
  // hash_queue_depth may have changed.
  if (const auto postsuper = context.command("postsuper"); files::exists(postsuper)) {
    run_detached(postsuper, {"-c", context.config.directory()});
  }
  return 0;
}

int flush(const Context& context) {
  const auto postqueue = context.command("postqueue");
  become(postqueue, {"-c", context.config.directory(), "-f"});
  return fatal("cannot execute " + postqueue);
}

int status(const Context& context) {
  if (!is_running(context)) {
    log::info("{}", kNotRunning);
    return 1;
  }
  log::info("the Postfix mail system is running: PID: {}", master_pid(context).value_or(0));
  return 0;
}

int check(const Context& context) {
  if (!configuration_is_sound(context)) return 1;
  if (auto made = create_missing(context); !made) return fatal(made.error().text);
  for (const auto& finding : findings(context)) log::warning("{}", finding);
  if (const auto master_cf = config::load_master_cf(context.config.directory())) {
    for (const auto& text : tls_warnings(*master_cf, context.config, OpenSsl(context.main.openssl_path))) {
      log::warning("{}", text);
    }
    const auto files = certificate_files(*master_cf, context.config);
    for (const auto& text :
         expiring_certificates(files, context.main.openssl_path, context.main.tls_expiry_warning_time)) {
      log::warning("{}", text);
    }
  }
  return 0;
}

int fix_permissions(const Context& context) {
  if (auto done = set_permissions(context); !done) return fatal(done.error().text);
  return 0;
}

int upgrade_configuration(const Context&) {
  log::info("nothing to do: services that master.cf does not list are built in");
  return 0;
}

int rotate_log(const Context& context) {
  const auto& file = context.main.maillog_file;
  if (file.empty() || file == "/dev/stdout") return fatal("'postfix logrotate' needs a file name in maillog_file");
  if (auto allowed = config::check_maillog_file(context.config); !allowed) return fatal(allowed.error().text);
  const std::time_t now = wall_now().seconds;
  std::tm local{};
  ::localtime_r(&now, &local);
  std::string suffix(256, '\0');
  suffix.resize(std::strftime(suffix.data(), suffix.size(), context.main.maillog_file_rotate_suffix.c_str(), &local));
  const std::string old = file + "." + suffix;
  if (suffix.empty() || suffix.contains('/')) return fatal("bad maillog_file_rotate_suffix value");
  if (files::exists(old)) return fatal(old + " exists");
  if (::rename(file.c_str(), old.c_str()) < 0) return fatal(fail_errno("rename " + file).error().text);
  auto fresh = files::open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (!fresh) return fatal(fresh.error().text);
  // postlogd finds the new file with its next line, and leaves the old one then.
  log::info("rotated the maillog file to {}", old);
  log::finish();
  std::this_thread::sleep_for(500ms);
  const auto& compressor = context.main.maillog_file_compressor;
  if (::system((compressor + " '" + text::replace_all(old, "'", "'\\''") + "'").c_str()) != 0) {
    return fatal(compressor + " " + old + " failed");
  }
  return 0;
}

}  // namespace postern::postfix
