// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/dnssec.h"

#include <algorithm>

#include "lib/config/service_view.h"
#include "lib/dns/resolver.h"

namespace postern::postfix {

namespace {

// What one service may expect; nullopt: it does not ask.
Result<std::optional<DnssecNote>> note_of(const config::ServiceView& view, const std::string& resolv_conf) {
  const std::string& program = view.entry.command;
  if (program != "smtp" && program != "lmtp") return std::nullopt;
  const auto level = view.config.get(program + "_dns_support_level");
  if (!level) return std::unexpected(level.error());
  if (*level != "dnssec") return std::nullopt;
  const auto trust = view.config.get("dns_trust");
  if (!trust) return std::unexpected(trust.error());
  const auto anchors = view.config.get("dns_trust_anchor_file");
  if (!anchors) return std::unexpected(anchors.error());
  const auto source = dns::parse_dns_trust(*trust);
  if (!source) return std::unexpected(source.error());
  const auto options = dns::Options::load(dns::Trust::secure, *source, resolv_conf, *anchors);
  if (!options) return DnssecNote{"DNSSEC does not work: " + options.error().text, false};
  return DnssecNote{"DNSSEC: " + options->trust_text() + " (dns_trust = " + *trust + ")", true};
}

}  // namespace

Result<std::vector<DnssecNote>> dnssec_notes(const config::MasterCf& master_cf, const config::Config& main_cf,
                                             const std::string& resolv_conf) {
  const auto views = config::service_view(master_cf, main_cf);
  if (!views) return std::unexpected(views.error());
  std::vector<DnssecNote> notes;
  for (const auto& view : *views) {
    auto note = note_of(view, resolv_conf);
    if (!note) return std::unexpected(note.error());
    if (!*note) continue;
    const bool known = std::ranges::any_of(notes, [&](const DnssecNote& n) { return n.text == (*note)->text; });
    if (!known) notes.push_back(std::move(**note));
  }
  return notes;
}

}  // namespace postern::postfix
