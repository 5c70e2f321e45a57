// SPDX-License-Identifier: Apache-2.0
// The configuration of one smtpd service, ready to use: lists parsed, tables named, restrictions compiled.
//
// A process has two of them: for normal operation and for sessions that begin under stress, where
// ${stress?...} has another value. Both are made before the jail and never change.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/config/config.h"
#include "lib/mail/from_header.h"
#include "lib/service/dns_filter.h"
#include "lib/service/tls_log_level.h"
#include "lib/smtp/keywords.h"
#include "lib/smtp/line_end.h"
#include "lib/table/maps.h"
#include "lib/table/match_list.h"
#include "lib/tls/policy.h"
#include "lib/tls/settings.h"
#include "smtpd/journal.h"
#include "smtpd/params.h"
#include "smtpd/rules.h"

namespace postern::smtpd {

enum class BareLf { accept, normalize, note, reject };
enum class OnTempfail { defer_if_permit, defer };

class Settings {
 public:
  // Error: what is wrong with which parameter.
  [[nodiscard]] static Result<std::unique_ptr<Settings>> load(const config::Config& config,
                                                              const table::Context& context);

  Settings(const config::Config& config, Params parameters, const table::Context& context);

  Params p;
  AddressFormat address_format = AddressFormat::external;
  BareLf bare_lf = BareLf::normalize;
  OnTempfail address_tempfail = OnTempfail::defer_if_permit;
  OnTempfail helo_tempfail = OnTempfail::defer_if_permit;
  smtp::KeywordMask discarded = 0;
  tls::Level tls_level = tls::Level::none;
  bool musttls = false;   // channel_keywords say so
  std::string switch_to;  // tlsswitchchannel; empty: nowhere
  tls::ServerSettings tls;
  // What cleanup is not to do (receive_override_options), as cleanup flags; and the check that smtpd leaves out.
  std::int64_t cleanup_without = 0;
  bool no_unknown_recipient_checks = false;
  unsigned notice_classes = 0;
  OnTempfail recipient_tempfail = OnTempfail::defer_if_permit;  // of address verification
  OnTempfail sender_tempfail = OnTempfail::defer_if_permit;
  std::string verify_sender;  // local part of the sender of probes, without its time
  mail::FromFormat from_format = mail::FromFormat::standard;
  [[nodiscard]] bool sends_probes(std::string_view local) const;
  std::string content_filter;
  std::string expansion_filter;
  bool access_parents = false;  // smtpd_access_maps is in parent_domain_matches_subdomains
  std::vector<std::string> own_addresses;

  table::MatchList mynetworks;
  table::MatchList limit_exceptions;
  table::MatchList bare_lf_exclusions;
  table::MatchList noop_commands;
  table::MatchList forbidden_commands;
  table::MatchList verp_clients;
  table::MatchList logged_permits;
  table::MatchList backup_networks;
  table::MatchList own_names;  // mydestination
  table::Maps command_filter;
  table::Maps discard_maps;
  table::Maps footer_maps;
  service::TlsLogLevels tls_log_levels;
  table::Maps relay_certificates;
  table::Maps reject_filter;
  service::DnsFilter dns_filter;
  table::Maps local_recipients;
  table::Maps relay_recipients;
  table::Maps virtual_mailboxes;
  table::Maps virtual_aliases;
  table::Maps canonical;
  table::Maps sender_canonical;
  table::Maps recipient_canonical;

  // Restriction lists.
  mutable RuleBook book;
  RuleListPtr client;
  RuleListPtr helo;
  RuleListPtr sender;
  RuleListPtr relay;
  RuleListPtr recipient;
  RuleListPtr data;
  RuleListPtr end_of_data;
  RuleListPtr etrn;
  bool bars_strangers = true;  // relay or recipient list keeps strangers from relaying

  // local_header_rewrite_clients, item by item.
  struct LocalClients {
    enum class Kind { interfaces, networks, table } kind = Kind::interfaces;
    std::unique_ptr<table::MatchList> map;
  };
  std::vector<LocalClients> local_clients;

 private:
  [[nodiscard]] Result<> finish(const config::Config& config, const table::Context& context);
  [[nodiscard]] Result<> read_tls(const config::Config& config);
  [[nodiscard]] Result<> read_overrides(const config::Config& config);
  [[nodiscard]] Result<> read_local_clients(const table::Context& context);
};

}  // namespace postern::smtpd
