// SPDX-License-Identifier: Apache-2.0
// The form of names and addresses: reject_invalid_..., reject_non_fqdn_...
#include "lib/mail/address.h"
#include "lib/parse/domain.h"
#include "smtpd/evaluation.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool is_fqdn(std::string_view name) {
  name = without_dot(name);
  return name.find('.') != std::string_view::npos && parse::is_hostname(name, parse::Utf8::yes);
}

async::Task<Verdict> reject_invalid_helo_hostname(Evaluation& e, const Rule&) {
  const std::string& name = e.state.helo;
  if (name.empty()) co_return Verdict::dunno;
  const int code = e.settings.p.invalid_hostname_reject_code;
  if (name.starts_with('[')) {
    if (parse::parse_address_literal(name)) co_return Verdict::dunno;
    co_return e.refuse_subject(code, "5.5.2", "invalid ip address", e.helo_subject());
  }
  if (parse::parse_ip(name) || parse::is_hostname(without_dot(name), parse::Utf8::yes)) co_return Verdict::dunno;
  co_return e.refuse_subject(code, "5.5.2", "Invalid name", e.helo_subject());
}

async::Task<Verdict> reject_non_fqdn_helo_hostname(Evaluation& e, const Rule&) {
  const std::string& name = e.state.helo;
  if (name.empty() || (name.starts_with('[') && name.ends_with(']')) || is_fqdn(name)) co_return Verdict::dunno;
  co_return e.refuse_subject(e.settings.p.non_fqdn_reject_code, "5.5.2", "need fully-qualified hostname",
                             e.helo_subject());
}

bool fqdn_address(std::string_view address) {
  const mail::AddressParts parts = mail::split_address(address);
  if (!parts.has_domain) return false;
  return (parts.domain.starts_with('[') && parts.domain.ends_with(']')) || is_fqdn(parts.domain);
}

Verdict need_fqdn(Evaluation& e, const Subject& about) {
  if (about.name.empty() || fqdn_address(about.name)) return Verdict::dunno;
  return e.refuse_subject(e.settings.p.non_fqdn_reject_code, "5.5.2", "need fully-qualified address", about);
}

async::Task<Verdict> reject_non_fqdn_sender(Evaluation& e, const Rule&) { co_return need_fqdn(e, e.sender_subject()); }

async::Task<Verdict> reject_non_fqdn_recipient(Evaluation& e, const Rule&) {
  const Subject about = e.recipient_subject();
  // RFC 5321 4.5.1: this one is complete without a domain.
  if (text::iequals(about.name, "postmaster")) co_return Verdict::dunno;
  co_return need_fqdn(e, about);
}

}  // namespace

void register_name_restrictions(RestrictionTable& table) {
  // Older names are the same restrictions.
  for (const auto* name : {"reject_invalid_helo_hostname", "reject_invalid_hostname"}) {
    table.add(name, {.run = reject_invalid_helo_hostname});
  }
  for (const auto* name : {"reject_non_fqdn_helo_hostname", "reject_non_fqdn_hostname"}) {
    table.add(name, {.run = reject_non_fqdn_helo_hostname});
  }
  table.add("reject_non_fqdn_sender", {.run = reject_non_fqdn_sender});
  table.add("reject_non_fqdn_recipient", {.run = reject_non_fqdn_recipient});
}

}  // namespace postern::smtpd
