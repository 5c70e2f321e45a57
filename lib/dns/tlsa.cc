// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/tlsa.h"

#include <fmt/core.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/dns/resolver.h"

namespace postern::dns {

namespace {

constexpr int kTries = 2;  // a name server that stumbles once costs no delivery
constexpr std::uint8_t kTrustAnchor = 2;
constexpr std::uint8_t kEndEntity = 3;

bool is_alias(const TlsaHost& host) {
  return !host.canonical.empty() && !text::iequals(text::trim_right(host.canonical, "."), host.name);
}

// What a secure answer with records (or with nothing but broken ones) says.
void take_records(TlsaRecords& found, const std::string& name, const Answer& answer) {
  for (const Tlsa& record : answer.tlsa) {
    const std::string text = tlsa_text(record);
    if (record.usage == kTrustAnchor || record.usage == kEndEntity) {
      found.records.push_back(text);
    } else {
      found.warnings.push_back(fmt::format("{} unsupported TLSA certificate usage: {}", name, text));
    }
  }
  if (answer.dropped > 0) found.warnings.push_back(fmt::format("{} malformed TLSA RR", name));
  std::ranges::sort(found.records);
  const auto again = std::ranges::unique(found.records);
  found.records.erase(again.begin(), again.end());
  found.state = found.records.empty() ? TlsaState::unusable : TlsaState::usable;
}

}  // namespace

SecureLookup lookup_with(Resolver& resolver) {
  return [&resolver](std::string name, Type type, Deadline deadline) {
    return resolver.lookup(std::move(name), type, deadline);
  };
}

std::string tlsa_text(const Tlsa& record) {
  return fmt::format("{} {} {} {}", record.usage, record.selector, record.matching, text::hex(record.data, true));
}

async::Task<Answer> TlsaFinder::ask(std::string name, Type type, Deadline deadline, TlsaRecords* found) const {
  Answer answer;
  for (int i = 0; i < kTries; ++i) {
    answer = co_await lookup_(name, type, deadline);
    if (answer.status != Status::temporary) break;
    found->warnings.push_back("DANE TLSA lookup problem: " + failure_text(answer));
  }
  if (answer.status == Status::temporary) found->state = TlsaState::failed;
  co_return answer;
}

// In the order in which they are tried.
async::Task<std::vector<std::string>> TlsaFinder::base_domains(TlsaHost host, Deadline deadline,
                                                               TlsaRecords* found) const {
  std::vector<std::string> bases;
  const bool alias = is_alias(host);
  if (host.secure && alias) bases.emplace_back(text::trim_right(host.canonical, "."));
  if (host.secure || (insecure_hosts_ && !alias)) bases.push_back(host.name);
  if (host.secure || !alias) co_return bases;
  // Somewhere the chain leaves the signed part of DNS. Where it begins there it is the alias's owner who speaks.
  const Answer first = co_await ask(host.name, Type::cname, deadline, found);
  if (first.ok() && first.secure) bases.push_back(host.name);
  co_return bases;
}

async::Task<TlsaRecords> TlsaFinder::find(TlsaHost host, Deadline deadline) const {
  TlsaRecords found;
  const int port = host.port;
  host.name = text::trim_right(host.name, ".");
  const std::vector<std::string> bases = co_await base_domains(std::move(host), deadline, &found);
  for (const std::string& base : bases) {
    const std::string name = fmt::format("_{}._tcp.{}", port, base);
    const Answer answer = co_await ask(name, Type::tlsa, deadline, &found);
    if (found.state == TlsaState::failed) co_return found;
    // A name that cannot be asked for has no records either; broken records of a signed zone are records.
    if (!answer.secure || (!answer.ok() && answer.dropped == 0)) continue;
    found.base = base;
    take_records(found, name, answer);
    co_return found;
  }
  co_return found;
}

}  // namespace postern::dns
