// SPDX-License-Identifier: Apache-2.0
// postkick: sends a wake-up request to a service of the mail system, for scripts.
//
//   postkick [-v] [-c config_dir] class service request
//
// SECURITY. Runs with the rights of its caller, who has to be able to reach the socket.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "lib/base/log.h"
#include "lib/config/command_log.h"
#include "lib/config/config.h"
#include "lib/ipc/local.h"
#include "lib/mail/queue_id.h"

namespace postern::postkick {

namespace {

constexpr Duration kLimit{10000};
constexpr int kArguments = 3;

int main_program(int argc, char** argv) {
  log::open("postkick", {});
  // getopt(3) complains under this name.
  if (argc > 0) argv[0] = ::basename(argv[0]);
  std::string directory;
  for (int c = 0; (c = ::getopt(argc, argv, "c:v")) != -1;) {
    if (c == 'c') directory = optarg;
    if (c == 'v') log::set_debug(true);
    if (c == '?') config::end_command("usage: postkick [-c config_dir] [-v] class service request");
  }
  if (argc - optind != kArguments) config::end_command("usage: postkick [-c config_dir] [-v] class service request");
  const auto config = config::Config::load(directory.empty() ? config::Config::default_directory() : directory,
                                           {.process_name = "postkick", .service_name = {}, .overrides = {}});
  if (!config) config::end_command(config.error().text);
  const auto queue = config->get("queue_directory");
  if (!queue) config::end_command(queue.error().text);
  const std::string kind = argv[optind];
  const std::string service = argv[optind + 1];
  if (!mail::valid_queue_name(kind)) config::end_command("bad service class: " + kind);
  if (service.empty() || service.find('/') != std::string::npos) config::end_command("bad service name: " + service);
  if (::chdir(queue->c_str()) < 0) config::end_command("chdir " + *queue + ": " + errno_text(errno));
  const auto woken = ipc::wake_service(kind + "/" + service, argv[optind + 2], kLimit);
  if (!woken) {
    log::warning("unable to look up {}/{}: {}", kind, service, errno_text(woken.error().code));
    log::warning("Cannot contact class {} service {} - perhaps the mail system is down", kind, service);
  }
  return woken ? 0 : 1;
}

}  // namespace

}  // namespace postern::postkick

int main(int argc, char** argv) { return postern::postkick::main_program(argc, argv); }
