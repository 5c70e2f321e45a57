// SPDX-License-Identifier: Apache-2.0
#include "smtp/dnssec_probe.h"

#include <array>
#include <optional>

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace postern::smtp_client {

namespace {

std::optional<dns::Type> type_of(std::string_view word) {
  using dns::Type;
  for (const Type type :
       {Type::a, Type::aaaa, Type::cname, Type::mx, Type::ns, Type::ptr, Type::soa, Type::srv, Type::tlsa, Type::txt}) {
    if (text::iequals(dns::type_name(type), word)) return type;
  }
  return std::nullopt;
}

}  // namespace

Result<DnssecProbe> DnssecProbe::make(std::string_view value, dns::SecureLookup lookup) {
  if (value.empty()) {
    DnssecProbe none({}, {}, dns::Type::ns, std::move(lookup));
    none.known_ = true;
    return none;
  }
  const auto pair = text::cut(value, ':');
  const auto type = pair ? type_of(pair->first) : std::nullopt;
  if (!type || pair->second.empty()) {
    return fail("malformed dnssec_probe value: " + std::string(value) + " format is qtype:qname");
  }
  return DnssecProbe(std::string(value), std::string(pair->second), *type, std::move(lookup));
}

async::Task<> DnssecProbe::consider(bool secure, Deadline deadline) {
  if (known_) co_return;
  known_ = true;
  if (secure) co_return;
  const dns::Answer answer = co_await lookup_(name_, type_, deadline);
  if (answer.secure) co_return;
  const std::string what = answer.status == dns::Status::temporary
                               ? "received no response: " + dns::failure_text(answer)
                               : "received a response that is not DNSSEC validated";
  log::warning("DNSSEC validation may be unavailable");
  log::warning("reason: dnssec_probe '{}' {}", value_, what);
}

}  // namespace postern::smtp_client
