// SPDX-License-Identifier: Apache-2.0
// spawn(8): runs a command for each connection, with the connection as its standard input, output and error.
//
// SECURITY: it starts with root's privileges because the command runs as the user of the master.cf line; that is never
// root, nor the owner of the mail system. One process runs one command at a time and has no threads. It never looks at
// what the client sends. The command gets its own process group, an environment of PATH and export_environment, and no
// descriptors but the connection; at its time limit the group is killed. Runs: the command. Serves: the socket of its
// line.
#include <sys/wait.h>

#include "lib/base/require.h"
#include "lib/base/text.h"
#include "lib/service/command.h"
#include "lib/service/command_user.h"
#include "lib/service/worker.h"
#include "spawn/params.h"

namespace postern::spawn {

namespace {

std::string refusal_text(const service::UserError& error) {
  std::string group = "request to use privileged group id " + std::to_string(error.gid);
  switch (error.refusal) {
    case service::Refusal::unknown_user: return "unknown user name: " + error.name;
    case service::Refusal::unknown_group: return "unknown group name: " + error.name;
    case service::Refusal::root: return "request to deliver as root";
    case service::Refusal::owner: return "request to deliver as mail system owner";
    case service::Refusal::root_group:
    case service::Refusal::postdrop_group: return group;
    case service::Refusal::owner_group: return "request to use mail system owner group id " + std::to_string(error.gid);
    case service::Refusal::unavailable: break;
  }
  return error.name;
}

struct Attributes {
  std::string user;
  std::vector<std::string> argv;
};

Result<Attributes> parse_attributes(const std::vector<std::string>& words) {
  Attributes out;
  for (std::size_t i = 0; i < words.size() && out.argv.empty(); ++i) {
    const auto pair = text::cut(words[i], '=');
    if (pair && pair->first == "user") {
      out.user = pair->second;
    } else if (pair && pair->first == "argv") {
      out.argv.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      out.argv[0] = std::string(pair->second);
    } else {
      return fail("unknown attribute name: " + words[i]);
    }
  }
  if (out.user.empty()) return fail("missing user= attribute");
  if (out.argv.empty() || out.argv[0].empty()) return fail("missing argv= attribute");
  return out;
}

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "spawn", .privileged = true}; }

  void before_jail(service::Worker& worker) override {
    const Params params = require(Params::load(worker.config()));
    read_attributes(worker.arguments(), params.mail_owner);
    command_.environment = service::exported_environment(params.export_environment);
    command_.time_limit = require(worker.config().service_time(worker.service_name(), "time_limit"));
    command_.patience = {params.fork_attempts, params.fork_delay};
    command_.complaint = "cannot execute command: ";
    // That is nothing that a client should hear.
    command_.speaker.clear();
    command_.failure_status = 1;
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    if (!problem_.empty()) {
      // The client is told at once that nothing will come; another one may come when the line has been corrected.
      log::write(log::Level::fatal, problem_);
      co_return;
    }
    const std::string name = command_.arguments[0];
    Result<service::CommandResult> result =
        co_await service::run_attached(worker.loop(), command_, std::move(connection.fd));
    if (!result) {
      log::warning("command {}: {}", name, result.error().text);
    } else if (result->timed_out) {
      log::warning("{}: pid {}: command time limit exceeded", name, result->pid);
    } else if (WIFSIGNALED(result->wait_status)) {
      log::warning("command {} killed by signal {}", name, WTERMSIG(result->wait_status));
    } else if (WEXITSTATUS(result->wait_status) != 0) {
      log::warning("command {} exit status {}", name, WEXITSTATUS(result->wait_status));
    }
  }

 private:
  // What is wrong with the line is said to those who need it.
  void read_attributes(const std::vector<std::string>& words, const std::string& mail_owner) {
    auto attributes = parse_attributes(words);
    if (!attributes) {
      problem_ = attributes.error().text;
      return;
    }
    const auto user = service::find_command_user(attributes->user, {.owner = mail_owner, .submission_group = {}});
    if (!user) {
      problem_ = refusal_text(user.error());
      return;
    }
    command_.arguments = std::move(attributes->argv);
    command_.uid = user->uid;
    command_.gid = user->gid;
  }

  service::Command command_;
  std::string problem_;  // empty: none
};

}  // namespace

}  // namespace postern::spawn

int main(int argc, char** argv) {
  postern::spawn::Server server;
  return postern::service::run(argc, argv, server);
}
