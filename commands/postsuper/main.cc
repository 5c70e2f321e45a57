// SPDX-License-Identifier: Apache-2.0
// postsuper: the queue for its superuser: delete, hold, release, requeue, expire, and put in order.
//
//   postsuper [-psSv] [-c config_dir] [-d|-e|-f|-h|-H|-r queue_id|ALL|-] ... [queue ...]
//
// Without options: -p and -s on all queues, as is done before the mail system starts. Each message named is reported,
// and each kind of action has a line with its count, on standard error and in the log.
//
// SECURITY. For root and for the mail system's owner; root becomes that owner before it looks into a directory, so that
// no name in the queue can lead it elsewhere.
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "commands/postsuper/params.h"
#include "commands/postsuper/queue_tool.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/command_log.h"
#include "lib/config/config.h"
#include "lib/mail/queue_id.h"

namespace postern::postsuper {

namespace {

constexpr std::string_view kUsage =
    "usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] [-f queue_id (expire and/or "
    "un-hold)] [-h queue_id (hold)] [-H queue_id (un-hold)] [-p (purge temporary files)] [-r queue_id (requeue)] [-s "
    "(structure fix)] [-S (redundant structure fix)][-v (verbose)] [queue...]";
const std::vector<std::string> kAllQueues{"maildrop", "incoming", "active", "deferred", "hold",
                                          "bounce",   "defer",    "trace",  "flush"};
constexpr int kStructureRounds = 5;

struct Request {
  Action action;
  std::string id;
};

struct Options {
  std::string directory;
  std::vector<Request> requests;
  std::vector<std::string> queues;
  bool purge = false;
  bool structure = false;
  bool long_names = false;
};

Options parse_options(int argc, char** argv) {
  Options out;
  const auto request = [&out](Action action) { out.requests.push_back({action, optarg}); };
  for (int c = 0; (c = ::getopt(argc, argv, "c:d:e:f:h:H:pr:sSv")) != -1;) {
    switch (c) {
      case 'c': out.directory = optarg; break;
      case 'd': request(Action::remove); break;
      case 'e': request(Action::expire); break;
      case 'f': request(Action::expire_release); break;
      case 'h': request(Action::hold); break;
      case 'H': request(Action::release); break;
      case 'r': request(Action::requeue); break;
      case 'p': out.purge = true; break;
      case 's': out.structure = true; break;
      case 'S':
        out.structure = true;
        out.long_names = true;
        break;
      case 'v': log::set_debug(true); break;
      default: config::end_command(kUsage);
    }
  }
  for (int i = optind; i < argc; ++i) out.queues.emplace_back(argv[i]);
  if (out.requests.empty() && !out.purge && !out.structure) out.purge = out.structure = true;
  return out;
}

struct Owner {
  uid_t uid;
  gid_t gid;
};

Owner require_owner(const std::string& name) {
  const passwd* pw = ::getpwnam(name.c_str());
  if (pw == nullptr) config::end_command("mail_owner: unknown user: " + name);
  if (::geteuid() != 0 && ::geteuid() != pw->pw_uid) {
    config::end_command("use of this command is reserved for the superuser");
  }
  return {pw->pw_uid, pw->pw_gid};
}

// Root goes on as the owner of the queue.
void become(const Owner& owner) {
  if (::geteuid() != 0) return;
  if (::setgroups(1, &owner.gid) < 0 || ::setgid(owner.gid) < 0 || ::setuid(owner.uid) < 0) {
    config::end_command("cannot become the owner of the queue: " + errno_text(errno));
  }
}

std::vector<std::string> queues_for(const Options& options, const std::vector<std::string>& defaults) {
  for (const auto& queue : options.queues) {
    if (std::ranges::find(kAllQueues, queue) == kAllQueues.end())
      config::end_command("invalid directory name: " + queue);
  }
  return options.queues.empty() ? defaults : options.queues;
}

void carry_out(QueueTool& tool, const Options& options) {
  if (options.purge) tool.purge(queues_for(options, kAllQueues));
  if (options.structure) {
    const auto queues = queues_for(options, kAllQueues);
    for (int round = 0; round < kStructureRounds && tool.check_structure(queues, options.long_names) > 0; ++round) {
    }
  }
  for (const auto& [action, id] : options.requests) {
    const auto queues = queues_for(options, QueueTool::default_queues(action));
    if (id == "ALL") {
      tool.apply_to_all(action, queues);
    } else if (id == "-") {
      for (std::string line; std::getline(std::cin, line);) {
        const auto name = text::trim(line);
        if (!name.empty()) tool.apply(action, std::string(name), queues);
      }
    } else {
      tool.apply(action, id, queues);
    }
  }
}

void report(const Counts& counts, const Options& options) {
  const auto asked = [&options](std::initializer_list<Action> actions) {
    return std::ranges::any_of(options.requests, [&actions](const Request& request) {
      return std::ranges::find(actions, request.action) != actions.end();
    });
  };
  const auto line = [](std::string_view what, std::uint64_t count, bool wanted) {
    if (count > 0 || wanted) log::info("{}: {} message{}", what, count, count == 1 ? "" : "s");
  };
  line("Requeued", counts.requeued, asked({Action::requeue}));
  line("Deleted", counts.removed, asked({Action::remove}));
  line("Force-expired", counts.expired, asked({Action::expire, Action::expire_release}));
  line("Placed on hold", counts.held, asked({Action::hold}));
  line("Released from hold", counts.released, asked({Action::release, Action::expire_release}));
  line("Renamed to match inode number", counts.renamed, false);
}

int main_program(int argc, char** argv) {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) ::_exit(1);
  }
  log::open("postsuper", {});
  std::string name = "postsuper";
  argv[0] = name.data();
  const auto options = parse_options(argc, argv);
  const auto directory = options.directory.empty() ? config::Config::default_directory() : options.directory;
  const auto config =
      config::Config::load(directory, {.process_name = "postsuper", .service_name = {}, .overrides = {}});
  if (!config) config::end_command(config.error().text);
  const auto params = Params::load(*config);
  if (!params) config::end_command(params.error().text);
  const Owner owner = require_owner(params->mail_owner);
  // The log file may be root's.
  config::open_command_log(*config, "postsuper", config::Copy::always);
  become(owner);
  if (::chdir(params->queue_directory.c_str()) < 0) {
    config::end_command("chdir " + params->queue_directory + ": " + errno_text(errno));
  }
  mail::QueueLayout layout;
  layout.root = ".";
  for (const auto queue : text::words(params->hash_queue_names, ", \t\r\n")) layout.hash_names.emplace_back(queue);
  layout.hash_depth = static_cast<unsigned>(params->hash_queue_depth);
  layout.long_ids = params->enable_long_queue_ids;
  QueueTool tool(std::move(layout));
  carry_out(tool, options);
  report(tool.counts(), options);
  log::finish();
  return 0;
}

}  // namespace

}  // namespace postern::postsuper

int main(int argc, char** argv) { return postern::postsuper::main_program(argc, argv); }
