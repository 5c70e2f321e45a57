// SPDX-License-Identifier: Apache-2.0
// The delivery of one recipient, with everything that it expands to.
//
// Methods in order (the first that applies decides): mail loop by Delivered-To:; alias by full local part, then without
// the extension; members of lists, and other users that a .forward file names, go back into the queue; ~/.forward;
// mailbox_transport(_maps); mailbox_command(_maps); home_mailbox or mail_spool_directory; fallback_transport(_maps);
// luser_relay; unknown user. Each final delivery is logged and reported under its own address. The recipient is
// finished when all of them are; otherwise all of it is tried again later, so that a member may get two copies rather
// than none.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/service/cleanup_client.h"
#include "lib/service/command.h"
#include "lib/service/delivery.h"
#include "lib/service/rewrite_client.h"
#include "lib/table/maps.h"
#include "local/alias.h"
#include "local/destinations.h"
#include "local/mailbox.h"
#include "local/params.h"
#include "local/resubmit.h"
#include "local/target.h"

namespace postern::local {

// What all deliveries of the process share.
struct Shared {
  async::Loop& loop;
  const Params& params;
  std::string transport;  // of this service: addresses that resolve to it are delivered here
  Rights default_rights;
  const AliasMaps& aliases;
  const Mailboxes& mailboxes;
  const table::Maps& mailbox_transports;
  const table::Maps& mailbox_commands;
  const table::Maps& fallback_transports;
  service::RewriteClient& rewrite;
  service::CleanupPool& cleanup;
};

class Attempt {
 public:
  Attempt(const Shared& shared, service::Delivery& delivery, std::size_t index);
  // Settles the recipient.
  async::Task<> run();

 private:
  // True everywhere below: finished, nothing of it has to be tried again.
  // attempt.cc: addresses
  async::Task<bool> deliver(Target target);
  async::Task<Result<std::optional<Alias>>> find_alias(const Target* target) const;
  async::Task<bool> expand_alias(Target target, Alias alias);
  async::Task<Result<std::string>> owner_of(const Target* target, std::string name);
  async::Task<bool> to_all(Target named, std::vector<Destination> destinations, std::string added_extension);
  async::Task<bool> to_address(Target named, Destination destination, std::string added_extension);
  async::Task<bool> to_include(Target named, std::string path);
  async::Task<bool> resubmit(Target named, std::string address);
  async::Task<bool> send_resubmitted(Target top);
  // recipient.cc: people
  async::Task<bool> to_user(Target target);
  async::Task<std::optional<bool>> try_forward(const Target* target, const User* user);
  async::Task<bool> to_mailbox(Target target, User user);
  async::Task<bool> to_unknown(Target target);
  async::Task<std::optional<bool>> try_transport(const Target* target, const table::Maps* maps, std::string fallback);
  async::Task<bool> to_luser_relay(Target target);
  // external.cc: files and commands
  async::Task<bool> to_file(Target target, std::string path);
  async::Task<bool> to_command(Target target, std::string command, std::optional<User> user, Rights rights);
  [[nodiscard]] std::vector<std::string> environment(const Target& target, const std::optional<User>& user) const;
  [[nodiscard]] mail::MessageCopy copy_for(const Target& target, std::string_view context) const;

  [[nodiscard]] bool loops(const Target& target);
  // False when this delivery of the recipient has been there already.
  [[nodiscard]] bool first_time(const std::string& what);
  [[nodiscard]] std::string relayed_extension(std::string_view context, const Target& target) const;
  async::Task<bool> tell(const Target* target, service::Outcome outcome);

  const Shared& shared_;
  const Params& params_;
  service::Delivery& delivery_;
  std::size_t index_;
  Resubmission resubmission_;
  std::set<std::string> seen_;
  std::optional<std::set<std::string>> delivered_to_;  // folded, of the message's headers
};

// Whether a comma list (allow_mail_to_commands, prepend_delivered_header ...) holds the word.
[[nodiscard]] bool list_has(std::string_view list, std::string_view word);

}  // namespace postern::local
