// SPDX-License-Identifier: Apache-2.0
// posttls-finger: connects to a mail server as smtp(8) would, and tells what its TLS is like.
//
//   posttls-finger [options] [inet:]domain[:port] [match ...]
//   posttls-finger -S [options] unix:pathname [match ...]
//
// SECURITY. For any user; not set-id. It talks to a server that nobody needs to trust: replies are bounded, lines are
// masked before they are shown, and TLS runs in this process, which has nothing that is worth stealing but the keys
// that its user named with -H or -k. It reads main.cf, resolv.conf and the files of its options, and writes nowhere but
// to standard output. With -X it uses private/tlsproxy below queue_directory, for whoever may open that.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "commands/posttls-finger/destination.h"
#include "commands/posttls-finger/options.h"
#include "commands/posttls-finger/output.h"
#include "commands/posttls-finger/session.h"
#include "commands/posttls-finger/tls_side.h"
#include "lib/async/loop.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

namespace postern::posttls_finger {

namespace {

template <class T>
T or_give_up(Result<T> value) {
  if (!value) give_up(value.error().text);
  return std::move(*value);
}

int main_program(int argc, char** argv) {
  // A server may close while something is written to it; that is an outcome like others.
  std::signal(SIGPIPE, SIG_IGN);
  take_log();
  auto [options, usage] = or_give_up(parse_options(argc, argv));
  if (usage) {
    std::fputs(kUsage, stderr);
    return 1;
  }
  log::set_debug(options.verbose || std::getenv("MAIL_VERBOSE") != nullptr);
  auto config = or_give_up(
      config::Config::load(config::Config::default_directory(),
                           {.process_name = "posttls-finger", .service_name = {}, .overrides = options.overrides}));
  for (const std::string& warning : config.warnings()) warn(warning);
  for (const std::string& name : options.unknown_log_options) {
    warn("unknown -L option value \"" + name + "\" in \"" + options.log_text + "\"");
  }
  override_settings(config, options);
  const auto ports = or_give_up(config::TcpPorts::parse(or_give_up(config.get("known_tcp_ports"))));
  const Destination destination = or_give_up(parse_destination(options.destination, options.lmtp, ports));
  if (options.level < tls::Level::dane && !options.match.empty()) {
    warn("TLS level '" + std::string(tls::level_name(options.level)) + "' does not implement certificate matching");
  }
  if (options.through_tlsproxy && ::chdir(or_give_up(config.get("queue_directory")).c_str()) < 0) {
    give_up(fail_errno("chdir to queue_directory").error().text);
  }
  async::Loop loop;
  Finger(loop, config, options, destination).run();
  return 0;
}

}  // namespace

}  // namespace postern::posttls_finger

int main(int argc, char** argv) { return postern::posttls_finger::main_program(argc, argv); }
