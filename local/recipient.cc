// SPDX-License-Identifier: Apache-2.0
// An address that no alias knows: a user of the system, or nobody.
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/value.h"
#include "local/attempt.h"
#include "local/forward.h"
#include "local/pass.h"

namespace postern::local {

async::Task<bool> Attempt::to_user(Target target) {
  const auto user = find_user(target.user);
  if (!user) {
    log::warning("{}", user.error().text);
    co_return co_await tell(&target, make_outcome("4.3.0", "user lookup error"));
  }
  if (*user && !target.direct) {
    std::optional<bool> forwarded = co_await try_forward(&target, &**user);
    if (forwarded) co_return *forwarded;
  }
  std::optional<bool> passed = co_await try_transport(&target, &shared_.mailbox_transports, params_.mailbox_transport);
  if (passed) co_return *passed;
  if (*user) co_return co_await to_mailbox(std::move(target), **user);
  co_return co_await to_unknown(std::move(target));
}

// nullopt: the user keeps no .forward file (or is being forwarded already).
async::Task<std::optional<bool>> Attempt::try_forward(const Target* target, const User* user) {
  struct stat st{};
  if (params_.require_home_directory && ::stat(user->home.c_str(), &st) < 0) {
    const int code = errno;
    service::Outcome outcome =
        make_outcome("4.3.0", "cannot access home directory " + user->home + ": " + errno_text(code));
    co_return co_await tell(target, std::move(outcome));
  }
  if (user->name == target->forward_user || params_.forward_path.empty()) co_return std::nullopt;
  const auto list = config::split_list(params_.forward_path);
  std::vector<std::string> paths;
  for (const auto& item : list) {
    const auto path = expand_text(item, *target, *user, params_.recipient_delimiter, params_.forward_expansion_filter);
    if (!path) {
      log::warning("forward_path: {}", path.error().text);
      co_return co_await tell(target, make_outcome("4.3.5", "mail system configuration error"));
    }
    paths.push_back(*path);
  }
  auto destinations = read_forward(paths, *user);
  if (!destinations) co_return co_await tell(target, make_outcome("4.3.0", destinations.error().text));
  if (destinations->empty()) co_return std::nullopt;
  if (!first_time("forward " + user->name)) co_return true;
  Target named = *target;
  co_await delivery_.report_expanded(named.shown);
  named.shown.notify = notify_of_members(named.shown.notify);
  named.source = Source::forward;
  named.forward_user = user->name;
  named.parent_alias.clear();
  named.context = *user;
  named.rights = user->uid == 0 ? shared_.default_rights : Rights{user->uid, user->gid};
  const std::string extension = relayed_extension("forward", *target);
  co_return co_await to_all(std::move(named), std::move(*destinations), extension);
}

// A table entry of this user, or the parameter beside the table. nullopt: neither.
async::Task<std::optional<bool>> Attempt::try_transport(const Target* target, const table::Maps* maps,
                                                        std::string fallback) {
  table::Answer found = co_await maps->find(target->user);
  if (!found) co_return co_await tell(target, make_outcome("4.3.0", "table lookup failure"));
  std::string destination = *found ? **found : std::move(fallback);
  if (destination.empty()) co_return std::nullopt;
  if (!first_time("pass " + target->user)) co_return true;
  Result<bool> finished =
      co_await pass_on(shared_.loop, &delivery_, target, std::move(destination), params_.ipc_timeout);
  if (finished) co_return *finished;
  log::warning("{}", finished.error().text);
  co_return co_await tell(target, make_outcome("4.3.0", "mail transport unavailable"));
}

async::Task<bool> Attempt::to_mailbox(Target target, User user) {
  if (!first_time("mailbox " + user.name)) co_return true;
  table::Answer command = co_await shared_.mailbox_commands.find(user.name);
  if (!command) co_return co_await tell(&target, make_outcome("4.3.0", "mailbox_command_maps lookup failure"));
  const std::string line = *command ? **command : params_.mailbox_command;
  if (!line.empty()) {
    const Rights rights = user.uid == 0 ? shared_.default_rights : Rights{user.uid, user.gid};
    // The administrator's own command: allow_mail_to_commands is about others.
    target.source = Source::envelope;
    co_return co_await to_command(std::move(target), line, user, rights);
  }
  const bool maildir = mailbox_place(params_, user).path.ends_with('/');
  if (delivery_.probe()) {
    co_return co_await tell(&target, make_outcome("2.0.0", maildir ? "delivers to maildir" : "delivers to mailbox"));
  }
  service::Outcome outcome = shared_.mailboxes.to_user(user, copy_for(target, "file"));
  co_return co_await tell(&target, std::move(outcome));
}

async::Task<bool> Attempt::to_unknown(Target target) {
  std::optional<bool> passed =
      co_await try_transport(&target, &shared_.fallback_transports, params_.fallback_transport);
  if (passed) co_return *passed;
  if (!params_.luser_relay.empty() && !target.relayed) co_return co_await to_luser_relay(std::move(target));
  // Mail to the people who have to answer for the system must not bounce back and forth.
  for (const auto* required : {"postmaster", "mailer-daemon", "double-bounce"}) {
    if (target.user != required) continue;
    if (target.user != "double-bounce") log::warning("required alias not found: {}", required);
    co_return co_await tell(&target, make_outcome("2.0.0", "discarded"));
  }
  co_return co_await tell(&target, make_outcome("5.1.1", "unknown user: \"" + target.user + "\""));
}

async::Task<bool> Attempt::to_luser_relay(Target target) {
  if (!first_time("luser " + target.local)) co_return true;
  // No shell and no file name is made of it: nothing needs to be censored.
  const auto address =
      expand_text(params_.luser_relay, target, std::nullopt, params_.recipient_delimiter, std::nullopt);
  if (!address || text::trim(*address).empty()) {
    log::warning("luser_relay: an address is needed: {}", address ? *address : address.error().text);
    co_return co_await tell(&target, make_outcome("4.3.5", "mail system configuration error"));
  }
  // One address, whatever it looks like: strangers have a say in what a local part looks like.
  Destination relay{Destination::Kind::address, std::string(text::trim(*address)), false};
  target.relayed = true;
  co_return co_await to_address(std::move(target), std::move(relay), "");
}

}  // namespace postern::local
