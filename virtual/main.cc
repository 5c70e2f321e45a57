// SPDX-License-Identifier: Apache-2.0
// virtual(8): delivers to the mailboxes of virtual_mailbox_domains; every address has a path, a uid and a gid in
// tables.
//
// SECURITY: it starts with root's privileges because it delivers as many users, one delivery at a time; while it
// touches a mailbox it has that user's effective uid and gid. Paths come from the administrator's tables below
// virtual_mailbox_base, never from a message; uids below virtual_minimum_uid are refused. No commands, no aliases.
// Opens: queue files in active/, mailboxes. Serves: private/virtual. Calls: private/bounce|defer|trace, proxymap.
#include <memory>

#include "lib/base/identity.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/mailbox.h"
#include "lib/service/agent.h"
#include "lib/service/tables.h"
#include "lib/table/maps.h"
#include "virtual/params.h"

namespace postern::virtual_delivery {

namespace {

struct Mailbox {
  std::string path;  // below the base; ends with '/' for a maildir
  uid_t uid = 0;
  gid_t gid = 0;
};

class Server final : public service::Agent {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "virtual", .privileged = true}; }

  void before_jail(service::Worker& worker) override {
    Agent::before_jail(worker);
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    auto locks = mail::parse_lock_methods(params_.virtual_mailbox_lock);
    if (!locks) log::fatal("{}", locks.error().text);
    mbox_ = *locks;
    mbox_.check_owner = params_.strict_mailbox_ownership;
    mbox_.lock_attempts = params_.deliver_lock_attempts;
    mbox_.lock_delay = params_.deliver_lock_delay;
    mbox_.stale_lock = params_.stale_lock_time;
    check_size_limit();
    tables_ = std::make_unique<service::Tables>(worker, nullptr, service::Waits::yes);
    mailboxes_ =
        std::make_unique<table::Maps>("virtual_mailbox_maps", params_.virtual_mailbox_maps, tables_->context());
    uids_ = std::make_unique<table::Maps>("virtual_uid_maps", params_.virtual_uid_maps, tables_->context());
    gids_ = std::make_unique<table::Maps>("virtual_gid_maps", params_.virtual_gid_maps, tables_->context());
  }

  void after_jail(service::Worker& worker) override {
    Agent::after_jail(worker);
    // Deliveries block (locks, fsync): there is no other session that could suffer.
    worker.loop().set_slow_turn_handler(nullptr);
  }

  async::Task<> deliver(service::Delivery& delivery) override {
    for (std::size_t i = 0; i < delivery.size(); ++i) {
      if (delivery.settled(i)) continue;
      service::Outcome outcome = co_await deliver_one(&delivery, i);
      outcome.relay = "virtual";
      co_await delivery.settle(i, std::move(outcome));
    }
  }

 private:
  static service::Outcome outcome(std::string status, std::string text) {
    service::Outcome out;
    out.status = std::move(status);
    out.text = std::move(text);
    return out;
  }

  void check_size_limit() const {
    if (params_.virtual_mailbox_limit <= 0) return;
    if (params_.virtual_mailbox_limit < params_.message_size_limit || params_.message_size_limit == 0) {
      log::fatal("main.cf configuration error: virtual_mailbox_limit is smaller than message_size_limit");
    }
  }

  async::Task<service::Outcome> deliver_one(service::Delivery* delivery, std::size_t i) {
    const service::RequestRecipient& recipient = delivery->recipient(i);
    Result<std::optional<Mailbox>> mailbox = co_await find_mailbox(recipient.address);
    if (!mailbox) co_return outcome("4.3.5", "mail system configuration error");
    if (!*mailbox) co_return outcome("5.1.1", "unknown user: \"" + text::lower(recipient.address) + "\"");
    if (delivery->probe()) {
      co_return outcome("2.0.0", (**mailbox).path.ends_with('/') ? "delivers to maildir" : "delivers to mailbox");
    }
    mail::MessageCopy copy;
    copy.queue_file = delivery->fd();
    copy.data_offset = delivery->request().data_offset;
    copy.sender = delivery->request().sender;
    copy.original_to = params_.enable_original_recipient ? recipient.original : "";
    copy.delivered_to = recipient.address;
    co_return put(**mailbox, copy);
  }

  static service::Outcome failed(const mail::MailboxError& error) {
    service::Outcome out = outcome(error.status, error.text);
    if (!error.diagnostic.empty()) out.diag_type = "x-unix";
    out.diag_text = error.diagnostic;
    return out;
  }

  service::Outcome put(const Mailbox& mailbox, const mail::MessageCopy& copy) const {
    const auto as_user = Identity::assume(mailbox.uid, mailbox.gid);
    if (!as_user) return outcome("4.3.5", as_user.error().text);
    const std::string path = params_.virtual_mailbox_base + "/" + mailbox.path;
    const bool maildir = path.ends_with('/');
    const mail::FileSizeLimit size_limit(params_.virtual_mailbox_limit);
    const auto done =
        maildir ? mail::deliver_maildir(path, copy, params_.myhostname) : mail::deliver_mbox(path, copy, mbox_);
    if (!done) return failed(done.error());
    return outcome("2.0.0", maildir ? "delivered to maildir" : "delivered to mailbox");
  }

  // A numeric id of the recipient; nullopt when there is none, Error when it is unusable.
  async::Task<Result<std::optional<std::uint64_t>>> find_id(const table::Maps& maps, std::string address,
                                                            std::int64_t minimum, std::string_view kind) {
    table::Answer answer = co_await maps.find_first(keys(address));
    if (!answer) co_return std::unexpected(answer.error());
    if (!*answer) {
      log::warning("recipient {}: not found in {}", address, maps.title());
      co_return fail("no id");
    }
    const auto id = text::to_u64(**answer);
    if (!id || static_cast<std::int64_t>(*id) < minimum || *id >= UINT32_MAX) {
      log::warning("recipient {}: bad {} {} in {}", address, kind, **answer, maps.title());
      co_return fail("bad id");
    }
    co_return id;
  }

  [[nodiscard]] std::vector<table::AddressKey> keys(const std::string& address) const {
    return table::address_keys(address, {table::AddressForm::address, table::AddressForm::at_domain},
                               {.delimiters = params_.recipient_delimiter});
  }

  async::Task<Result<std::optional<Mailbox>>> find_mailbox(std::string address) {
    table::Answer path = co_await mailboxes_->find_first(keys(address));
    if (!path) co_return std::unexpected(path.error());
    if (!*path) co_return std::optional<Mailbox>();
    if ((**path).find("..") != std::string::npos && ("/" + **path + "/").find("/../") != std::string::npos) {
      log::warning("recipient {}: \"..\" in mailbox path {}", address, **path);
      co_return fail("bad path");
    }
    Mailbox out;
    out.path = **path;
    Result<std::optional<std::uint64_t>> uid = co_await find_id(*uids_, address, params_.virtual_minimum_uid, "uid");
    if (!uid) co_return std::unexpected(uid.error());
    Result<std::optional<std::uint64_t>> gid = co_await find_id(*gids_, address, 1, "gid");
    if (!gid) co_return std::unexpected(gid.error());
    out.uid = static_cast<uid_t>(**uid);
    out.gid = static_cast<gid_t>(**gid);
    co_return std::optional<Mailbox>(std::move(out));
  }

  Params params_;
  mail::MboxOptions mbox_;
  std::unique_ptr<service::Tables> tables_;
  std::unique_ptr<table::Maps> mailboxes_;
  std::unique_ptr<table::Maps> uids_;
  std::unique_ptr<table::Maps> gids_;
};

}  // namespace

}  // namespace postern::virtual_delivery

int main(int argc, char** argv) {
  postern::virtual_delivery::Server server;
  return postern::service::run(argc, argv, server);
}
