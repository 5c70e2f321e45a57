// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "smtpd/restrictions.h"
#include "smtpd/unlisted.h"

namespace postern::smtpd {

namespace {

namespace flag = service::resolve_flag;

constexpr int kPermanent = 550;
constexpr int kTemporary = 450;
constexpr std::string_view kRetryService = "retry";  // master.cf: all its deliveries are deferred

struct Class {
  const table::Maps* recipients;  // nullptr: only aliases count
  int code;
  std::string_view table;
  bool local = false;
};

std::optional<Class> class_of(const Settings& s, std::int64_t flags) {
  if ((flags & flag::kLocal) != 0) {
    return Class{&s.local_recipients, s.p.unknown_local_recipient_reject_code, "local recipient table", true};
  }
  if ((flags & flag::kAlias) != 0) return Class{nullptr, s.p.unknown_virtual_alias_reject_code, "virtual alias table"};
  if ((flags & flag::kVirtual) != 0) {
    return Class{&s.virtual_mailboxes, s.p.unknown_virtual_mailbox_reject_code, "virtual mailbox table"};
  }
  if ((flags & flag::kRelay) != 0) {
    return Class{&s.relay_recipients, s.p.unknown_relay_recipient_reject_code, "relay recipient table"};
  }
  return std::nullopt;
}

async::Task<Result<bool>> in_table(const table::Maps& maps, std::string address, std::string delimiters, bool local) {
  if (maps.empty()) co_return false;
  std::vector<table::AddressKey> keys =
      table::mapping_keys(address, {.delimiters = std::move(delimiters), .domain_is_local = local});
  const table::Answer found = co_await maps.find_first(std::move(keys));
  if (!found) co_return std::unexpected(found.error());
  co_return found->has_value();
}

async::Task<Result<bool>> is_known(const Settings& s, std::string address, Class owner, bool sender) {
  const auto parts = mail::split_address(address);
  if (owner.local && text::iequals(parts.local, "postmaster")) co_return true;
  // Others may want to know whether the sender of our notices and probes exists.
  const bool ours = text::iequals(parts.local, s.p.double_bounce_sender) || s.sends_probes(parts.local);
  if (owner.local && ours) co_return true;
  if (owner.recipients != nullptr && owner.recipients->empty()) co_return true;
  const std::string& delimiters = s.p.recipient_delimiter;
  const std::array<const table::Maps*, 4> tables = {
      &s.virtual_aliases, &s.canonical, sender ? &s.sender_canonical : &s.recipient_canonical, owner.recipients};
  for (const table::Maps* maps : tables) {
    if (maps == nullptr) continue;
    const Result<bool> there = co_await in_table(*maps, address, delimiters, owner.local);
    if (!there || *there) co_return there;
  }
  co_return false;
}

async::Task<Verdict> reject_unlisted_recipient(Evaluation& e, const Rule&) {
  if (!e.state.recipient) co_return Verdict::dunno;
  if (!e.warn_only) e.unlisted_checked = true;
  co_return co_await check_listed(e, e.recipient_subject());
}

async::Task<Verdict> reject_unlisted_sender(Evaluation& e, const Rule&) {
  if (!e.state.mail || e.state.mail->sender.empty()) co_return Verdict::dunno;
  co_return co_await check_listed(e, e.sender_subject());
}

// Where all mail fails anyway (transport_maps, relocated_maps), the client hears at once what the bounce would say.
std::optional<Verdict> refuse_failing(Evaluation& e, const service::ResolveReply& where, const Subject& about) {
  // The virtual alias class has the error transport for whoever is no alias.
  const bool fails = where.transport == e.settings.p.error_service_name && (where.flags & flag::kAlias) == 0;
  const bool waits = where.transport == kRetryService;
  if (!fails && !waits) return std::nullopt;
  const std::string_view fallback = about.what == what::kSender ? "5.1.0" : "5.1.1";
  const mail::DsnText why = mail::split_dsn(where.nexthop, fails ? fallback : "4.3.0");
  return e.refuse_subject(fails ? kPermanent : kTemporary, why.status, why.text, about, notice_class::kBounce);
}

}  // namespace

async::Task<Verdict> check_listed(Evaluation& e, Subject about) {
  const Settings& s = e.settings;
  const Result<service::ResolveReply> where = co_await e.resolve(about.name);
  if (!where || (where->flags & flag::kFail) != 0) co_return e.lookup_error(about);
  if (const auto refused = refuse_failing(e, *where, about)) co_return *refused;
  const auto owner = class_of(s, where->flags);
  if (!owner) co_return Verdict::dunno;
  const bool sender = about.what == what::kSender;
  const Result<bool> there = co_await is_known(s, where->recipient, *owner, sender);
  if (!there && there.error().code == table::kBadAnswer) co_return e.content_error(about);
  if (!there) co_return e.lookup_error(about);
  if (*there) co_return Verdict::dunno;
  const std::string text =
      s.p.show_user_unknown_table_name ? fmt::format("User unknown in {}", owner->table) : std::string("User unknown");
  co_return e.refuse_subject(owner->code, sender ? "5.1.0" : "5.1.1", text, about, notice_class::kBounce);
}

void register_unlisted_restrictions(RestrictionTable& table) {
  for (const auto* name : {"reject_unlisted_recipient", "check_recipient_maps"}) {
    table.add(name, {.run = reject_unlisted_recipient});
  }
  table.add("reject_unlisted_sender", {.run = reject_unlisted_sender});
}

}  // namespace postern::smtpd
