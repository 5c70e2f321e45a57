// SPDX-License-Identifier: Apache-2.0
// What two smtpd services say to each other about a session that goes from one to the other (smtpd/switch.h): one
// packet each way, then one with the descriptor.
#pragma once

#include <cstdint>
#include <string>

#include "lib/ipc/attr.h"
#include "lib/tls/report.h"

namespace postern::smtpd {

inline constexpr std::string_view kSwitchProtocol = "tlsswitch_protocol";
inline constexpr std::int64_t kSwitchVersion = 1;
// Bytes that the client sent behind its handshake and the source has read already. A client that has more to say
// before it has seen a reply to EHLO does not speak SMTP.
inline constexpr std::size_t kSwitchInputLimit = 32UL << 10;

struct SwitchOffer {
  std::string protocol = std::string(kSwitchProtocol);
  std::int64_t version = kSwitchVersion;
  std::string service;  // the source, as in master.cf
  std::string address, port, server_address, server_port;
  std::string name, reverse_name;
  std::int64_t name_status = 0;  // dns::NameStatus
  std::int64_t reverse_status = 0;
  bool greeted = false;  // the client has had a greeting and expects no other
  std::string helo;      // what it said before the handshake; empty: nothing
  std::uint32_t errors = 0;
  std::uint32_t junk = 0;
  tls::TlsReport tls;
  void visit(this auto& self, auto& v) {
    v("protocol", self.protocol);
    v("version", self.version);
    v("service", self.service);
    v("client_address", self.address);
    v("client_port", self.port);
    v("server_address", self.server_address);
    v("server_port", self.server_port);
    v("client_name", self.name);
    v("reverse_client_name", self.reverse_name);
    v("client_name_status", self.name_status);
    v("reverse_client_name_status", self.reverse_status);
    v("greeted", self.greeted);
    v("helo_name", self.helo);
    v("errors", self.errors);
    v("junk", self.junk);
    self.tls.visit(v);
  }
};

struct SwitchAnswer {
  bool granted = false;
  std::string reason;  // for the source's log
  void visit(this auto& self, auto& v) {
    v("granted", self.granted);
    v("reason", self.reason);
  }
};

// With one descriptor: the plaintext end of the session.
struct SwitchTake {
  ipc::Bytes input;
  void visit(this auto& self, auto& v) { v("input", self.input); }
};

// Bounded and of this version. A status beyond the enumeration is an error, too.
[[nodiscard]] Result<SwitchOffer> decode_offer(std::string_view packet);

}  // namespace postern::smtpd
