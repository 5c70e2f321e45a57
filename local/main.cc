// SPDX-License-Identifier: Apache-2.0
// local(8): delivers to the users of this host: aliases, ~/.forward, commands, mailboxes. The order of methods is in
// attempt.h.
//
// SECURITY: it starts with root's privileges because it delivers as many users, one recipient at a time, in a process
// that serves one delivery at a time and has no threads. A mailbox or file is touched, and a .forward file opened, with
// the effective rights of the user; a command runs in a process that has those rights for good. What an alias file
// names is served with the rights of the file's owner, or with default_privs where that is root; nothing outside is
// ever executed or written as root on behalf of a message. allow_mail_to_commands and allow_mail_to_files say who may
// name commands and files; pattern tables whose results are built from the address may not at all. Text from the
// message reaches commands in their environment only, censored. Without root it delivers to its own uid and defers the
// rest. Opens: queue files in active/, alias databases, .forward and :include: files, mailboxes. Runs: commands.
// Serves: private/local. Calls: private/bounce|defer|trace, private/rewrite, public/cleanup, private/proxymap, other
// delivery agents (mailbox_transport, fallback_transport).
#include <memory>

#include "lib/service/agent.h"
#include "lib/service/tables.h"
#include "lib/table/fold.h"
#include "local/attempt.h"

namespace postern::local {

namespace {

Rights default_rights(const Params& params) {
  const auto user = find_user(params.default_privs);
  if (!user) log::fatal("default_privs: {}", user.error().text);
  if (!*user) log::fatal("default_privs: unknown user: {}", params.default_privs);
  if ((*user)->uid == 0) log::fatal("default_privs: user {} has superuser privileges", params.default_privs);
  if (params.default_privs == params.mail_owner && ::geteuid() == 0) {
    log::fatal("default_privs: user {} is the owner of the mail system", params.default_privs);
  }
  return {(*user)->uid, (*user)->gid};
}

class Server final : public service::Agent {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "local", .privileged = true}; }

  void before_jail(service::Worker& worker) override {
    Agent::before_jail(worker);
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    tables_ = std::make_unique<service::Tables>(worker, params_.smtputf8_enable ? table::fold_utf8 : nullptr,
                                                service::Waits::yes);
    const table::Context& context = tables_->context();
    default_rights_ = default_rights(params_);
    aliases_ = std::make_unique<AliasMaps>(params_.alias_maps, context, default_rights_);
    mailboxes_ = std::make_unique<Mailboxes>(params_);
    mailbox_transports_ = maps("mailbox_transport_maps", params_.mailbox_transport_maps);
    mailbox_commands_ = maps("mailbox_command_maps", params_.mailbox_command_maps);
    fallback_transports_ = maps("fallback_transport_maps", params_.fallback_transport_maps);
  }

  void after_jail(service::Worker& worker) override {
    Agent::after_jail(worker);
    // Deliveries block (locks, fsync, NSS): there is no other session that could suffer.
    worker.loop().set_slow_turn_handler(nullptr);
    rewrite_ = std::make_unique<service::RewriteClient>(worker.loop(), "private/" + params_.rewrite_service_name,
                                                        params_.ipc_timeout);
    cleanup_ = std::make_unique<service::CleanupPool>(worker.loop(), "public/" + params_.cleanup_service_name);
    shared_ = std::make_unique<Shared>(Shared{worker.loop(), params_, worker.service_name(), default_rights_, *aliases_,
                                              *mailboxes_, *mailbox_transports_, *mailbox_commands_,
                                              *fallback_transports_, *rewrite_, *cleanup_});
  }

  async::Task<> deliver(service::Delivery& delivery) override {
    for (std::size_t i = 0; i < delivery.size(); ++i) {
      if (delivery.settled(i)) continue;
      Attempt attempt(*shared_, delivery, i);
      co_await attempt.run();
    }
  }

 private:
  [[nodiscard]] std::unique_ptr<table::Maps> maps(std::string name, const std::string& list) const {
    return std::make_unique<table::Maps>(std::move(name), list, tables_->context());
  }

  Params params_;
  Rights default_rights_;
  std::unique_ptr<service::Tables> tables_;
  std::unique_ptr<AliasMaps> aliases_;
  std::unique_ptr<Mailboxes> mailboxes_;
  std::unique_ptr<table::Maps> mailbox_transports_;
  std::unique_ptr<table::Maps> mailbox_commands_;
  std::unique_ptr<table::Maps> fallback_transports_;
  std::unique_ptr<service::RewriteClient> rewrite_;
  std::unique_ptr<service::CleanupPool> cleanup_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace

}  // namespace postern::local

int main(int argc, char** argv) {
  postern::local::Server server;
  return postern::service::run(argc, argv, server);
}
