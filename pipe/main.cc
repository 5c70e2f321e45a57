// SPDX-License-Identifier: Apache-2.0
// pipe(8): delivers to a command that the master.cf line names, with values of the delivery in its words.
//
// SECURITY: it starts with root's privileges because the command runs as the user of the line; that is never root, nor
// the owner of the mail system. One process does one delivery at a time and has no threads. No shell looks at the
// words; what the message says reaches the command as separate words and on standard input. The command gets its own
// process group, an environment of PATH and export_environment, no other descriptors; at its time limit the group is
// killed. Opens: queue files in active/. Runs: the command. Serves: private/NAME of its line. Calls:
// private/bounce|defer|trace.
#include "lib/base/require.h"
#include "lib/base/text.h"
#include "lib/mail/delivered_to.h"
#include "lib/service/agent.h"
#include "lib/service/command.h"
#include "lib/service/command_user.h"
#include "pipe/arguments.h"
#include "pipe/attributes.h"
#include "pipe/message_text.h"
#include "pipe/params.h"

namespace postern::pipe {

namespace {

// How much of what a successful command said is told.
constexpr std::size_t kSuccessOutput = 100;

std::string refusal_text(const service::UserError& error) {
  constexpr std::string_view kSays = "user= command-line attribute specifies ";
  const std::string group = " group id " + std::to_string(error.gid);
  switch (error.refusal) {
    case service::Refusal::unknown_user: return "get_service_attr: unknown username: " + error.name;
    case service::Refusal::unknown_group: return "get_service_attr: unknown group: " + error.name;
    case service::Refusal::root: return std::string(kSays) + "root privileges";
    case service::Refusal::owner: return std::string(kSays) + "mail system owner " + error.name;
    case service::Refusal::root_group: return std::string(kSays) + "privileged" + group;
    case service::Refusal::owner_group: return std::string(kSays) + "mail system owner " + error.name + group;
    case service::Refusal::postdrop_group: return std::string(kSays) + "mail system " + error.name + group;
    case service::Refusal::unavailable: break;
  }
  return error.name;
}

class Server final : public service::Agent {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "pipe", .privileged = true}; }

  void before_jail(service::Worker& worker) override {
    Agent::before_jail(worker);
    params_ = require(Params::load(worker.config()));
    read_attributes(worker.arguments());
    service_ = worker.service_name();
    master_cf_ = worker.config().directory() + "/master.cf";
    time_limit_ = require(worker.config().service_time(service_, "time_limit"));
    loop_ = &worker.loop();
  }

  void after_jail(service::Worker& worker) override {
    Agent::after_jail(worker);
    // Reading the queue file blocks: there is no other session that could suffer.
    worker.loop().set_slow_turn_handler(nullptr);
  }

  async::Task<> deliver(service::Delivery& delivery) override {
    std::vector<std::size_t> recipients;
    for (std::size_t i = 0; i < delivery.size(); ++i) {
      if (!delivery.settled(i)) recipients.push_back(i);
    }
    if (recipients.empty()) co_return;
    if (!problem_.empty()) {
      // Ending the process would leave the mail waiting for the next one, out of sight.
      log::write(log::Level::fatal, problem_);
      service::Outcome outcome = misconfigured();
      outcome.relay = service_;
      co_await delivery.settle_rest(std::move(outcome));
      co_return;
    }
    service::Outcome outcome = co_await attempt(&delivery, recipients);
    outcome.relay = service_;
    if (!attributes_.final_delivery) outcome.action = "relayed";
    co_await delivery.settle_rest(std::move(outcome));
  }

 private:
  // What is wrong with the line is said when there is mail for it.
  void read_attributes(const std::vector<std::string>& words) {
    auto attributes = parse_attributes(words);
    if (!attributes) {
      problem_ = attributes.error().text;
      return;
    }
    attributes_ = std::move(*attributes);
    const auto user = service::find_command_user(
        attributes_.user, {.owner = params_.mail_owner, .submission_group = params_.setgid_group});
    if (user) {
      user_ = *user;
    } else {
      problem_ = refusal_text(user.error());
    }
  }

  static service::Outcome make_outcome(std::string status, std::string text) {
    service::Outcome out;
    out.status = std::move(status);
    out.text = std::move(text);
    return out;
  }

  static service::Outcome misconfigured() { return make_outcome("4.3.5", "mail system configuration error"); }

  [[nodiscard]] bool too_many(const std::vector<std::size_t>& recipients) const {
    if (recipients.size() == 1 || !attributes_.one_recipient()) return false;
    log::warning("pipe flag `{}' requires {}_destination_recipient_limit = 1", attributes_.delivered_to ? 'D' : 'O',
                 service_);
    return true;
  }

  // Whether the message went through here for this recipient before. An unreadable message is found out later.
  [[nodiscard]] bool loops(const service::Delivery& delivery, const std::string& address) const {
    if (!attributes_.delivered_to) return false;
    const auto headers = mail::delivered_to_headers(delivery.fd(), delivery.request().data_offset);
    return headers && headers->contains(text::lower(address));
  }

  async::Task<service::Outcome> attempt(service::Delivery* delivery, std::vector<std::size_t> recipients) {
    const service::DeliveryRequest& request = delivery->request();
    const service::RequestRecipient& first = delivery->recipient(recipients[0]);
    if (too_many(recipients)) co_return misconfigured();
    if (attributes_.size_limit > 0 && request.data_size > attributes_.size_limit) {
      co_return make_outcome("5.2.3", "message too large");
    }
    if (loops(*delivery, first.address)) co_return make_outcome("5.4.6", "mail forwarding loop for " + first.address);
    if (delivery->probe()) co_return make_outcome("2.0.0", "delivers to command: " + attributes_.argv[0]);
    auto words = expand_arguments({attributes_, request, params_.recipient_delimiter}, recipients);
    if (!words) {
      log::warning("file {}: service {}: {}", master_cf_, service_, words.error().text);
      co_return misconfigured();
    }
    MessageText message(
        attributes_,
        message_head(attributes_, request.sender, first, params_.enable_original_recipient, wall_now().seconds),
        delivery->fd(), request.data_offset);
    service::CommandInput input = [&message](std::string& out) { return message.next(out); };
    Result<service::CommandResult> result =
        co_await service::run_command(*loop_, make_command(std::move(*words)), std::move(input));
    if (!result) co_return make_outcome("4.3.0", result.error().text);
    co_return verdict(*result);
  }

  [[nodiscard]] service::Command make_command(std::vector<std::string> words) const {
    service::Command command;
    command.arguments = std::move(words);
    command.environment = service::exported_environment(params_.export_environment);
    command.chroot = attributes_.chroot;
    command.directory = attributes_.directory;
    command.uid = user_.uid;
    command.gid = user_.gid;
    command.time_limit = time_limit_;
    command.patience = {params_.fork_attempts, params_.fork_delay};
    command.complaint = "pipe_command: ";
    command.speaker = "pipe: fatal: ";
    return command;
  }

  [[nodiscard]] service::Outcome verdict(const service::CommandResult& result) const {
    service::Outcome outcome = service::command_outcome(result, attributes_.argv[0]);
    if (!outcome.status.starts_with('2')) return outcome;
    outcome.text = "delivered via " + service_ + " service";
    const std::string said = service::command_output_text(std::string_view(result.output).substr(0, kSuccessOutput));
    if (!text::trim(said).empty()) outcome.text += " (" + std::string(text::trim(said)) + ")";
    return outcome;
  }

  Params params_;
  Attributes attributes_;
  std::string problem_;  // with the attributes; empty: none
  service::CommandUser user_;
  std::string service_;
  std::string master_cf_;
  Duration time_limit_{0};
  async::Loop* loop_ = nullptr;
};

}  // namespace

}  // namespace postern::pipe

int main(int argc, char** argv) {
  postern::pipe::Server server;
  return postern::service::run(argc, argv, server);
}
