// SPDX-License-Identifier: Apache-2.0
#include "smtpd/settings.h"

#include "lib/base/log.h"
#include "lib/config/interfaces.h"
#include "lib/config/value.h"
#include "lib/mail/address.h"
#include "lib/mail/verify_sender.h"
#include "lib/service/receive_overrides.h"
#include "lib/tls/channels.h"
#include "smtpd/footer.h"
#include "smtpd/transcript.h"

namespace postern::smtpd {

namespace {

// The text of a parameter that other programs declare; its absence is no error here.
std::string text_of(const config::Config& config, std::string_view name) {
  auto value = config.get(name);
  return value ? std::move(*value) : std::string();
}

bool listed(std::string_view list, std::string_view word) {
  for (const auto& item : config::split_list(list)) {
    if (text::iequals(item, word)) return true;
  }
  return false;
}

std::unexpected<Error> bad_value(std::string_view name, std::string_view value) {
  return fail(fmt::format("bad parameter value: '{} = {}'", name, value));
}

Result<OnTempfail> tempfail_action(std::string_view name, std::string_view value) {
  if (value == "defer_if_permit") return OnTempfail::defer_if_permit;
  if (value == "defer") return OnTempfail::defer;
  return bad_value(name, value);
}

Result<BareLf> bare_lf_mode(std::string_view value) {
  if (text::iequals(value, "no")) return BareLf::accept;
  if (text::iequals(value, "yes") || text::iequals(value, "normalize")) return BareLf::normalize;
  if (text::iequals(value, "note")) return BareLf::note;
  if (text::iequals(value, "reject")) return BareLf::reject;
  return bad_value("smtpd_forbid_bare_newline", value);
}

}  // namespace

Result<std::unique_ptr<Settings>> Settings::load(const config::Config& config, const table::Context& context) {
  auto params = Params::load(config);
  if (!params) return std::unexpected(params.error());
  auto out = std::make_unique<Settings>(config, std::move(*params), context);
  if (auto ok = out->finish(config, context); !ok) return std::unexpected(ok.error());
  return out;
}

Settings::Settings(const config::Config& config, Params parameters, const table::Context& context)
    : p(std::move(parameters)),
      mynetworks("mynetworks", table::MatchKind::network, p.mynetworks, false, context),
      limit_exceptions("smtpd_client_event_limit_exceptions", table::MatchKind::name_or_network,
                       p.smtpd_client_event_limit_exceptions,
                       listed(p.parent_domain_matches_subdomains, "smtpd_client_event_limit_exceptions"), context),
      bare_lf_exclusions("smtpd_forbid_bare_newline_exclusions", table::MatchKind::name_or_network,
                         p.smtpd_forbid_bare_newline_exclusions, false, context),
      noop_commands("smtpd_noop_commands", table::MatchKind::string, p.smtpd_noop_commands, false, context),
      forbidden_commands("smtpd_forbidden_commands", table::MatchKind::string, p.smtpd_forbidden_commands, false,
                         context),
      verp_clients("smtpd_authorized_verp_clients", table::MatchKind::name_or_network, p.smtpd_authorized_verp_clients,
                   listed(p.parent_domain_matches_subdomains, "smtpd_authorized_verp_clients"), context),
      logged_permits("smtpd_log_access_permit_actions", table::MatchKind::string, p.smtpd_log_access_permit_actions,
                     false, context),
      backup_networks("permit_mx_backup_networks", table::MatchKind::network, p.permit_mx_backup_networks, false,
                      context),
      own_names("mydestination", table::MatchKind::string, text_of(config, "mydestination"), false, context),
      command_filter("smtpd_command_filter", p.smtpd_command_filter, context),
      discard_maps("smtpd_discard_ehlo_keyword_address_maps", p.smtpd_discard_ehlo_keyword_address_maps, context),
      footer_maps("smtpd_reject_footer_maps", p.smtpd_reject_footer_maps, context),
      tls_log_levels(p.smtpd_tls_loglevel, "smtpd_tls_loglevel_maps", p.smtpd_tls_loglevel_maps, context),
      relay_certificates("relay_clientcerts", p.relay_clientcerts, context),
      reject_filter("smtpd_reject_filter_maps", p.smtpd_reject_filter_maps, context),
      dns_filter("smtpd_dns_reply_filter", p.smtpd_dns_reply_filter, context),
      local_recipients("local_recipient_maps", p.local_recipient_maps, context),
      relay_recipients("relay_recipient_maps", p.relay_recipient_maps, context),
      virtual_mailboxes("virtual_mailbox_maps", p.virtual_mailbox_maps, context),
      virtual_aliases("virtual_alias_maps", p.virtual_alias_maps, context),
      canonical("canonical_maps", text_of(config, "canonical_maps"), context),
      sender_canonical("sender_canonical_maps", text_of(config, "sender_canonical_maps"), context),
      recipient_canonical("recipient_canonical_maps", text_of(config, "recipient_canonical_maps"), context),
      book(config, context),
      client(book.compile(p.smtpd_client_restrictions, "check_client_access")),
      helo(book.compile(p.smtpd_helo_restrictions, "check_helo_access")),
      sender(book.compile(p.smtpd_sender_restrictions, "check_sender_access")),
      relay(book.compile(p.smtpd_relay_restrictions, "check_recipient_access")),
      recipient(book.compile(p.smtpd_recipient_restrictions, "check_recipient_access")),
      data(book.compile(p.smtpd_data_restrictions, "check_recipient_access")),
      end_of_data(book.compile(p.smtpd_end_of_data_restrictions, "check_recipient_access")),
      etrn(book.compile(p.smtpd_etrn_restrictions, "check_etrn_access")) {}

Result<> Settings::finish(const config::Config& config, const table::Context& context) {
  if (p.info_log_address_format == "internal") address_format = AddressFormat::internal;
  const auto mode = bare_lf_mode(p.smtpd_forbid_bare_newline);
  if (!mode) return std::unexpected(mode.error());
  bare_lf = *mode;
  const auto address = tempfail_action("unknown_address_tempfail_action", p.unknown_address_tempfail_action);
  const auto name = tempfail_action("unknown_helo_hostname_tempfail_action", p.unknown_helo_hostname_tempfail_action);
  if (!address) return std::unexpected(address.error());
  if (!name) return std::unexpected(name.error());
  const auto recipient_trouble =
      tempfail_action("unverified_recipient_tempfail_action", p.unverified_recipient_tempfail_action);
  const auto sender_trouble = tempfail_action("unverified_sender_tempfail_action", p.unverified_sender_tempfail_action);
  const auto classes = parse_notify_classes(p.notify_classes);
  if (!recipient_trouble) return std::unexpected(recipient_trouble.error());
  if (!sender_trouble) return std::unexpected(sender_trouble.error());
  if (!classes) return std::unexpected(classes.error());
  recipient_tempfail = *recipient_trouble;
  sender_tempfail = *sender_trouble;
  notice_classes = *classes;
  verify_sender = mail::split_address(mail::unquote_address(p.address_verify_sender)).local;
  address_tempfail = *address;
  helo_tempfail = *name;
  const smtp::DiscardList discard = smtp::parse_discard_keywords(p.smtpd_discard_ehlo_keywords);
  for (const auto& unknown : discard.unknown)
    log::warning("unknown EHLO keyword \"{}\" in smtpd_discard_ehlo_keywords", unknown);
  discarded = discard.mask;
  access_parents = listed(p.parent_domain_matches_subdomains, "smtpd_access_maps");
  bars_strangers = book.bars_strangers(*relay) || book.bars_strangers(*recipient);
  if (!bars_strangers) {
    log::warning(
        "in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at least one working instance "
        "of: reject_unauth_destination, defer_unauth_destination, reject, defer or defer_if_permit");
  }
  expansion_filter = unescape_filter(p.smtpd_expansion_filter);
  content_filter = text_of(config, "content_filter");
  auto own = config::own_addresses(config);
  if (!own) return std::unexpected(own.error());
  own_addresses = std::move(*own);
  if (auto ok = read_overrides(config); !ok) return ok;
  if (auto ok = read_local_clients(context); !ok) return ok;
  return read_tls(config);
}

Result<> Settings::read_tls(const config::Config& config) {
  const auto level = tls::service_server_level(config);
  if (!level) return fail(fmt::format("service {}: {}", p.service_name, level.error().text));
  tls_level = *level;
  if (const auto keywords = tls::channel_keywords(config); keywords) {
    musttls = keywords->server == tls::Level::encrypt;
    switch_to = keywords->switch_to;
  }
  if (tls_level == tls::Level::none) return {};
  auto settings = tls::server_settings(config, "smtpd_tls_", tls_level);
  if (!settings) return std::unexpected(settings.error());
  tls = std::move(*settings);
  tls.service = p.service_name;
  // Said of the settings for normal operation only: those for stress differ in other things.
  const bool says = p.stress.empty();
  if (says && p.smtpd_tls_req_ccert && !tls::mandatory(tls_level)) {
    log::warning("Can't require client certs unless TLS is required");
  }
  if (tls.files.has_certificate() || tls::wants_no_certificate(config, "smtpd_tls_")) return {};
  if (says) log::warning("no server certificate is configured (smtpd_tls_chain_files), so that no client can use TLS");
  if (tls_level == tls::Level::may) tls_level = tls::Level::none;
  return {};
}

bool Settings::sends_probes(std::string_view local) const {
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(p.address_verify_sender_ttl).count();
  return mail::is_verify_sender(local, verify_sender, ttl, wall_now().seconds);
}

Result<> Settings::read_overrides(const config::Config& config) {
  const auto format = mail::parse_from_format(p.header_from_format);
  if (!format) return std::unexpected(format.error());
  from_format = *format;
  const auto overrides = service::parse_receive_overrides(text_of(config, "receive_override_options"));
  if (!overrides) return std::unexpected(overrides.error());
  no_unknown_recipient_checks = overrides->no_unknown_recipient_checks;
  cleanup_without = overrides->cleanup_without;
  return {};
}

Result<> Settings::read_local_clients(const table::Context& context) {
  const auto items = config::split_list_braces(p.local_header_rewrite_clients);
  if (!items) return std::unexpected(items.error());
  for (std::size_t i = 0; i < items->size(); ++i) {
    const std::string& item = (*items)[i];
    if (item == "permit_inet_interfaces") {
      local_clients.push_back({LocalClients::Kind::interfaces, nullptr});
    } else if (item == "permit_mynetworks") {
      local_clients.push_back({LocalClients::Kind::networks, nullptr});
    } else if (item == "permit_sasl_authenticated") {
      continue;  // nobody is
    } else if (item == "check_address_map" && i + 1 < items->size()) {
      const std::string& spec = (*items)[++i];
      local_clients.push_back(
          {LocalClients::Kind::table,
           std::make_unique<table::MatchList>("local_header_rewrite_clients", table::MatchKind::name_or_network, spec,
                                              false, context)});
    } else {
      return fail(fmt::format("local_header_rewrite_clients: \"{}\" is not supported", item));
    }
  }
  return {};
}

}  // namespace postern::smtpd
