// SPDX-License-Identifier: Apache-2.0
// The packets of tlsproxy's control connection, tlsmgr's calls and the TLS report, decoded from arbitrary bytes. What
// decodes must encode to something that decodes to the same; policies, protocol lists, fingerprints, keywords and trust
// anchors are parsed from its texts.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/service/tls_client.h"
#include "lib/service/tlsmgr_client.h"
#include "lib/tls/keywords.h"
#include "lib/tls/match.h"
#include "lib/tls/policy.h"
#include "lib/tls/protocols.h"
#include "lib/tls/report.h"
#include "lib/tls/trust_anchors.h"

namespace {

using namespace postern;

template <class M>
void round_trip(std::string_view bytes) {
  const auto message = ipc::decode<M>(bytes);
  if (!message) return;
  const std::string again = ipc::encode(*message);
  const auto second = ipc::decode<M>(again);
  if (!second || ipc::encode(*second) != again) std::abort();
}

// The outcome does not matter here, only that there is one.
template <class T>
void taken(const T&) {}

void judge(const tls::Options& options) { taken(tls::parse_protocols(options.protocols)); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string_view rest;
  const std::string_view name = service::packet_name(bytes, rest);
  round_trip<service::TlsHello>(rest);
  round_trip<service::TlsStart>(rest);
  round_trip<service::TlsAnswer>(rest);
  round_trip<service::TlsCancel>(rest);
  round_trip<service::TlsAskKeys>(rest);
  round_trip<service::TlsReserveDefault>(rest);
  round_trip<service::TicketKeysReply>(bytes);
  round_trip<service::SessionLookup>(bytes);
  round_trip<service::SessionReply>(bytes);
  round_trip<service::SessionStore>(bytes);
  round_trip<service::ExpiryNotice>(bytes);
  if (name == "server") {
    round_trip<service::TlsReserve<tls::ServerSettings>>(rest);
    if (const auto request = ipc::decode<service::TlsReserve<tls::ServerSettings>>(rest)) {
      judge(request->settings.options);
      taken(request->settings.identity());
    }
  }
  if (name == "client") {
    round_trip<service::TlsReserve<tls::ClientSettings>>(rest);
    if (const auto request = ipc::decode<service::TlsReserve<tls::ClientSettings>>(rest)) {
      judge(request->settings.options);
      taken(tls::parse_policy(request->settings.level));
    }
  }
  if (const auto report = ipc::decode<tls::TlsReport>(bytes)) {
    for (const auto role : {tls::Role::server, tls::Role::client}) {
      taken(tls::connection_line(*report, role, "peer"));
      taken(tls::certificate_line(*report, role, "peer"));
    }
    for (const std::string& line : tls::received_lines(*report)) {
      // Nothing in a report may begin a new header.
      if (line.find_first_of("\r\n") != std::string::npos) std::abort();
    }
  }
  taken(tls::parse_policy(bytes));
  taken(tls::parse_protocols(bytes));
  taken(tls::parse_fingerprint(bytes));
  taken(tls::parse_channel_keywords(bytes));
  if (const auto anchors = tls::parse_trust_anchors(bytes)) {
    for (const std::string& record : *anchors) {
      if (!record.starts_with("2 ") || record.find_first_of("\r\n") != std::string::npos) std::abort();
    }
  }
  return 0;
}
