// SPDX-License-Identifier: Apache-2.0
// What a client's certificate allows: permit_tls_clientcerts, permit_tls_all_clientcerts, check_ccert_access.
//
// A digest that is listed says who the client is, whoever signed the certificate; without a list only a trusted chain
// counts. All of them are for naught unless clients are asked for a certificate.
#include "lib/table/address_keys.h"
#include "smtpd/access_action.h"
#include "smtpd/evaluation.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

// The certificate that was presented; nullptr: none. Says so in the log where there cannot be any.
const tls::TlsReport* certificate(const Evaluation& e, const Rule& rule) {
  const tls::TlsReport* report = e.state.tls.get();
  if (report == nullptr) return nullptr;
  if (!e.settings.tls.ask_certificate) {
    e.state.log.warning("{} is requested, but \"smtpd_tls_ask_ccert = no\"", rule.name);
    return nullptr;
  }
  return report->peer_certificate() ? report : nullptr;
}

std::vector<table::AddressKey> keys_of(const TlsAttributes& tls, const std::vector<CertificateFeature>& order) {
  std::vector<table::AddressKey> keys;
  for (const CertificateFeature feature : order) {
    const std::string& digest =
        feature == CertificateFeature::key_digest ? tls.key_fingerprint : tls.certificate_fingerprint;
    if (!digest.empty()) keys.push_back({.key = digest, .whole = true});
  }
  return keys;
}

async::Task<Verdict> permit_tls_all_clientcerts(Evaluation& e, const Rule& rule) {
  const tls::TlsReport* const report = certificate(e, rule);
  const bool trusted = report != nullptr && report->trust_level() >= tls::Trust::trusted;
  co_return trusted ? Verdict::permit : Verdict::dunno;
}

async::Task<Verdict> permit_tls_clientcerts(Evaluation& e, const Rule& rule) {
  const tls::TlsReport* const report = certificate(e, rule);
  if (report == nullptr || e.settings.relay_certificates.empty()) co_return Verdict::dunno;
  const TlsAttributes tls = tls_attributes(report);
  const table::Answer found =
      co_await e.settings.relay_certificates.find_first(keys_of(tls, CertificateLookup{}.order));
  if (found) co_return *found ? Verdict::permit : Verdict::dunno;
  e.state.log.warning("relay_clientcerts: lookup error for fingerprint '{}', pkey fingerprint {}",
                      tls.certificate_fingerprint, tls.key_fingerprint);
  co_return e.lookup_error(e.subject);
}

async::Task<Verdict> check_ccert_access(Evaluation& e, const Rule& rule) {
  const tls::TlsReport* const report = certificate(e, rule);
  if (report == nullptr) co_return Verdict::dunno;
  Subject about{report->peer_cn, what::kCertificate};
  const std::vector<table::AddressKey> keys = keys_of(tls_attributes(report), rule.certificate_order);
  std::size_t index = 0;
  const table::Answer found = co_await rule.maps->find_first(keys, &index);
  if (!found) co_return e.table_error(about);
  if (!*found) co_return Verdict::dunno;
  co_return co_await apply_access_action(e, AccessEntry{rule.table, keys[index].key, **found}, std::move(about));
}

}  // namespace

void register_certificate_restrictions(RestrictionTable& table) {
  table.add("permit_tls_clientcerts", {.run = permit_tls_clientcerts, .permits = PermitSubject::certificate});
  table.add("permit_tls_all_clientcerts", {.run = permit_tls_all_clientcerts, .permits = PermitSubject::certificate});
  table.add("check_ccert_access", {.run = check_ccert_access,
                                   .takes_table = true,
                                   .takes_certificate_order = true,
                                   .permits = PermitSubject::table});
}

}  // namespace postern::smtpd
