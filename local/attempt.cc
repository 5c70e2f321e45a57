// SPDX-License-Identifier: Apache-2.0
#include "local/attempt.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/delivered_to.h"
#include "local/forward.h"

namespace postern::local {

namespace {

// An alias of an alias of an alias ... is taken for a loop.
constexpr int kMaxDepth = 100;
// Whom mail to the empty address goes to.
constexpr std::string_view kNobody = "MAILER-DAEMON";
constexpr std::string_view kBadConfiguration = "mail system configuration error";

}  // namespace

bool list_has(std::string_view list, std::string_view word) {
  const auto words = text::words(list, ", \t\r\n");
  return std::ranges::find(words, word) != words.end();
}

Attempt::Attempt(const Shared& shared, service::Delivery& delivery, std::size_t index)
    : shared_(shared),
      params_(shared.params),
      delivery_(delivery),
      index_(index),
      resubmission_(shared.params, shared.cleanup) {}

async::Task<bool> Attempt::tell(const Target* target, service::Outcome outcome) {
  outcome.relay = "local";
  co_return co_await delivery_.tell(target->shown, std::move(outcome));
}

bool Attempt::first_time(const std::string& what) {
  const auto limit = static_cast<std::size_t>(params_.duplicate_filter_limit);
  if (limit > 0 && seen_.size() >= limit && !seen_.contains(what)) return true;
  return seen_.insert(what).second;
}

bool Attempt::loops(const Target& target) {
  if (!delivered_to_) {
    auto headers = mail::delivered_to_headers(delivery_.fd(), delivery_.request().data_offset);
    delivered_to_ = headers ? std::move(*headers) : std::set<std::string>{};
  }
  return delivered_to_->contains(text::lower(target.delivered_to));
}

std::string Attempt::relayed_extension(std::string_view context, const Target& target) const {
  if (target.delimiter == 0 || !list_has(params_.propagate_unmatched_extensions, context)) return {};
  return std::string(1, target.delimiter) + target.extension;
}

async::Task<> Attempt::run() {
  Target top;
  top.shown = delivery_.recipient(index_);
  if (top.shown.original.empty()) top.shown.original = top.shown.address;
  top.sender = delivery_.request().sender;
  top.delivered_to = top.shown.address;
  top.rights = shared_.default_rights;
  split_target(top, params_.recipient_delimiter, params_.owner_request_special);
  bool finished = false;
  if (loops(top)) {
    finished = co_await tell(&top, make_outcome("5.4.6", "mail forwarding loop for " + top.shown.address));
  } else {
    finished = co_await deliver(top);
  }
  if (!resubmission_.empty()) {
    const bool sent = co_await send_resubmitted(top);
    finished = finished && sent;
  }
  delivery_.conclude(index_, finished);
}

async::Task<bool> Attempt::send_resubmitted(Target top) {
  std::vector<service::Outcome> outcomes = co_await resubmission_.send(&delivery_);
  bool finished = true;
  for (auto& outcome : outcomes) {
    // Whoever delivers it in the end reports that.
    outcome.confirm = false;
    const bool done = co_await tell(&top, std::move(outcome));
    finished = finished && done;
  }
  co_return finished;
}

async::Task<bool> Attempt::deliver(Target target) {
  if (target.depth > kMaxDepth) {
    log::warning("alias database loop for {}", target.local);
    co_return co_await tell(&target, make_outcome("5.4.6", "alias database loop for " + target.local));
  }
  if (target.depth > 0 && !params_.frozen_delivered_to) {
    target.delivered_to = target.shown.address;
    if (loops(target)) {
      co_return co_await tell(&target, make_outcome("5.4.6", "mail forwarding loop for " + target.shown.address));
    }
  }
  if (!target.direct) {
    Result<std::optional<Alias>> alias = co_await find_alias(&target);
    if (!alias) co_return co_await tell(&target, make_outcome("4.3.0", alias.error().text));
    if (*alias) co_return co_await expand_alias(std::move(target), std::move(**alias));
  }
  // What one user's .forward file sends to another one is new mail to that one.
  const bool other_user = target.context && target.context->name != target.user;
  if ((target.resubmit || other_user) && !target.direct) {
    co_return co_await resubmit(target, target.shown.address);
  }
  co_return co_await to_user(std::move(target));
}

async::Task<bool> Attempt::resubmit(Target named, std::string address) {
  if (!first_time("new " + text::lower(address))) co_return true;
  if (!delivery_.probe()) {
    resubmission_.add(address, named);
    co_return true;
  }
  named.shown.address = named.shown.original = address;
  co_return co_await tell(&named, make_outcome("2.0.0", "forwards to " + address));
}

async::Task<Result<std::optional<Alias>>> Attempt::find_alias(const Target* target) const {
  std::vector<std::string> names = {target->local};
  if (target->user != target->local) names.push_back(target->user);
  for (auto& name : names) {
    // "alice: alice, archive" means the user this time.
    if (name.empty() || name == target->parent_alias) continue;
    Result<std::optional<Alias>> alias = co_await shared_.aliases.find(name);
    if (!alias || *alias) co_return alias;
  }
  co_return std::optional<Alias>();
}

// The envelope sender of a mailing list; the Error says that the tables gave no answer. Empty: no owner alias.
async::Task<Result<std::string>> Attempt::owner_of(const Target* target, std::string name) {
  const std::string owner = "owner-" + name;
  Result<std::optional<Alias>> alias = co_await shared_.aliases.find(owner);
  if (!alias) co_return std::unexpected(alias.error());
  if (!*alias) co_return std::string();
  std::string address = mail::join_address(owner, target->domain);
  if (params_.expand_owner_alias) {
    const auto members = parse_destinations((*alias)->value);
    if (members.size() == 1 && members[0].kind == Destination::Kind::address) address = members[0].text;
  }
  Result<std::string> complete = co_await shared_.rewrite.rewrite("local", address);
  co_return complete;
}

async::Task<bool> Attempt::expand_alias(Target target, Alias alias) {
  Result<std::string> owner = co_await owner_of(&target, alias.name);
  if (!owner) co_return co_await tell(&target, make_outcome("4.3.0", "alias database unavailable"));
  co_await delivery_.report_expanded(target.shown);
  target.shown.notify = notify_of_members(target.shown.notify);
  if (!owner->empty()) {
    target.resubmit = target.owned = true;
    // What was sent by nobody must not make anybody answer to the owner.
    if (!target.sender.empty()) target.sender = *owner;
  } else if (target.owned && params_.reset_owner_alias) {
    target.resubmit = target.owned = false;
    target.sender = delivery_.request().sender;
  }
  const std::string extension = alias.name == target.local ? "" : relayed_extension("alias", target);
  target.source = Source::alias;
  target.parent_alias = alias.name;
  target.context.reset();
  target.forward_user.clear();
  target.rights = alias.rights;
  auto destinations = parse_destinations(alias.value);
  if (destinations.empty()) {
    log::warning("no recipient in alias lookup result for {}", alias.name);
    co_return co_await tell(&target, make_outcome("4.3.0", "alias database unavailable"));
  }
  co_return co_await to_all(std::move(target), std::move(destinations), extension);
}

async::Task<bool> Attempt::to_all(Target named, std::vector<Destination> destinations, std::string added_extension) {
  bool finished = true;
  for (const auto& destination : destinations) {
    bool done = false;
    switch (destination.kind) {
      case Destination::Kind::address: done = co_await to_address(named, destination, added_extension); break;
      case Destination::Kind::file: done = co_await to_file(named, destination.text); break;
      case Destination::Kind::command:
        done = co_await to_command(named, destination.text, named.context, named.rights);
        break;
      case Destination::Kind::include: done = co_await to_include(named, destination.text); break;
    }
    finished = finished && done;
  }
  co_return finished;
}

async::Task<bool> Attempt::to_address(Target named, Destination destination, std::string added_extension) {
  std::string address = std::move(destination.text);
  if (address.empty()) address = std::string(kNobody) + "@" + params_.myhostname;
  if (!added_extension.empty()) {
    const auto parts = mail::split_address(address);
    address = mail::join_address(std::string(parts.local) + added_extension, parts.domain);
  }
  Result<std::string> complete = co_await shared_.rewrite.rewrite("local", address);
  if (!complete) co_return co_await tell(&named, make_outcome("4.3.0", "address resolver failure"));
  Result<service::ResolveReply> route = co_await shared_.rewrite.resolve(named.sender, *complete);
  if (!route || (route->flags & service::resolve_flag::kFail) != 0) {
    co_return co_await tell(&named, make_outcome("4.3.0", "address resolver failure"));
  }
  if ((route->flags & service::resolve_flag::kError) != 0) {
    co_return co_await tell(&named, make_outcome("5.1.3", "bad recipient address syntax: " + *complete));
  }
  if (route->transport != shared_.transport) {
    co_return co_await resubmit(std::move(named), *complete);
  }
  Target child = named;
  child.shown.address = route->recipient;
  child.direct = destination.direct;
  ++child.depth;
  split_target(child, params_.recipient_delimiter, params_.owner_request_special);
  co_return co_await deliver(std::move(child));
}

async::Task<bool> Attempt::to_include(Target named, std::string path) {
  if (!path.starts_with('/')) {
    log::warning(":include:{} uses a relative path", path);
    co_return co_await tell(&named, make_outcome("5.3.5", std::string(kBadConfiguration)));
  }
  if (!first_time("include " + path)) co_return true;
  auto file = read_include(path, named.rights);
  if (!file) {
    if (file.error().code == kUnusableFile) {
      log::warning(":include: {}", file.error().text);
    } else {
      log::warning("unable to lookup :include: file {}: {}", path, file.error().text);
    }
    co_return co_await tell(&named, make_outcome("5.3.5", std::string(kBadConfiguration)));
  }
  if (named.source != Source::forward) {
    // On nobody's behalf: the list's owner answers for the files and commands in it.
    named.rights = shared_.default_rights;
    const auto owner = file->owner == 0 ? std::optional<User>() : find_user(file->owner).value_or(std::nullopt);
    if (owner) named.rights = {owner->uid, owner->gid};
  }
  named.source = Source::include;
  named.resubmit = true;
  co_return co_await to_all(std::move(named), std::move(file->members), "");
}

}  // namespace postern::local
