// SPDX-License-Identifier: Apache-2.0
// check_*_access: access(5) tables asked by client, HELO name, sender or recipient.
#include "lib/table/address_keys.h"
#include "lib/table/fold.h"
#include "smtpd/access_action.h"
#include "smtpd/evaluation.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

using Keys = std::vector<table::AddressKey>;

table::Parents parents(const Evaluation& e) {
  return e.settings.access_parents ? table::Parents::bare : table::Parents::dotted;
}

void add_names(Keys& keys, std::string_view name, table::Parents how) {
  bool whole = true;
  for (auto& key : table::domain_keys(table::fold_utf8(name), how)) {
    keys.push_back({.key = std::move(key), .whole = whole});
    whole = false;
  }
}

void add_networks(Keys& keys, std::string_view address) {
  bool whole = true;
  for (auto& key : table::network_keys(address)) {
    keys.push_back({.key = std::move(key), .whole = whole});
    whole = false;
  }
}

// The first key that is there decides.
async::Task<Verdict> look_up(Evaluation& e, const Rule& rule, Keys keys, Subject about) {
  std::size_t index = 0;
  const std::vector<table::AddressKey> asked = keys;
  const table::Answer found = co_await rule.maps->find_first(std::move(keys), &index);
  if (!found) co_return e.table_error(about);
  if (!*found) co_return Verdict::dunno;
  co_return co_await apply_access_action(e, AccessEntry{rule.table, asked[index].key, **found}, std::move(about));
}

async::Task<Verdict> check_client_access(Evaluation& e, const Rule& rule) {
  Keys keys;
  add_names(keys, e.state.client.name, parents(e));
  add_networks(keys, e.state.client.address);
  co_return co_await look_up(e, rule, std::move(keys), e.client_subject());
}

async::Task<Verdict> check_reverse_client_hostname_access(Evaluation& e, const Rule& rule) {
  Keys keys;
  add_names(keys, e.state.client.reverse_name, parents(e));
  add_networks(keys, e.state.client.address);
  co_return co_await look_up(e, rule, std::move(keys), e.client_subject());
}

async::Task<Verdict> check_helo_access(Evaluation& e, const Rule& rule) {
  if (e.state.helo.empty()) co_return Verdict::dunno;
  Keys keys;
  add_names(keys, e.state.helo, parents(e));
  co_return co_await look_up(e, rule, std::move(keys), e.helo_subject());
}

Keys keys_of_address(const Evaluation& e, std::string_view address) {
  // Folded for pattern tables, too: "$1" is lower case in what they answer.
  return table::access_keys(table::fold_utf8(address),
                            {.delimiters = e.settings.p.recipient_delimiter, .parents = parents(e)});
}

async::Task<Verdict> check_sender_access(Evaluation& e, const Rule& rule) {
  if (!e.state.mail) co_return Verdict::dunno;
  const Subject about = e.sender_subject();
  if (about.name.empty()) {
    Keys null_key;
    null_key.push_back({.key = e.settings.p.smtpd_null_access_lookup_key, .whole = true});
    co_return co_await look_up(e, rule, std::move(null_key), about);
  }
  co_return co_await look_up(e, rule, keys_of_address(e, about.name), about);
}

async::Task<Verdict> check_recipient_access(Evaluation& e, const Rule& rule) {
  const bool only_one = e.state.mail && e.state.mail->recipients == 1;
  if (!e.state.recipient && !only_one) co_return Verdict::dunno;
  const Subject about{e.state.recipient ? *e.state.recipient : e.state.mail->recipient, what::kRecipient};
  co_return co_await look_up(e, rule, keys_of_address(e, about.name), about);
}

async::Task<Verdict> check_etrn_access(Evaluation& e, const Rule& rule) {
  if (e.subject.what != what::kEtrn) co_return Verdict::dunno;
  Keys keys;
  add_names(keys, e.subject.name, parents(e));
  co_return co_await look_up(e, rule, std::move(keys), e.subject);
}

}  // namespace

void register_access_restrictions(RestrictionTable& table) {
  table.add("check_client_access", {.run = check_client_access, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_reverse_client_hostname_access",
            {.run = check_reverse_client_hostname_access, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_helo_access", {.run = check_helo_access, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_sender_access", {.run = check_sender_access, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_recipient_access",
            {.run = check_recipient_access, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_etrn_access", {.run = check_etrn_access, .takes_table = true, .permits = PermitSubject::table});
}

}  // namespace postern::smtpd
