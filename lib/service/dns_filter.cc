// SPDX-License-Identifier: Apache-2.0
#include "lib/service/dns_filter.h"

#include <fmt/core.h>

#include <cerrno>

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace postern::service {

namespace {

template <class T>
void keep(std::vector<T>& records, const std::vector<bool>& kept) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!kept[i]) continue;
    if (to != i) records[to] = std::move(records[i]);
    ++to;
  }
  records.resize(to);
}

void keep_records(dns::Answer& answer, const std::vector<bool>& kept) {
  switch (answer.type) {
    case dns::Type::a:
    case dns::Type::aaaa: return keep(answer.addresses, kept);
    case dns::Type::mx: return keep(answer.mx, kept);
    case dns::Type::txt: return keep(answer.texts, kept);
    case dns::Type::srv: return keep(answer.srv, kept);
    case dns::Type::tlsa: return keep(answer.tlsa, kept);
    default: return keep(answer.names, kept);
  }
}

}  // namespace

std::vector<std::string> record_texts(const dns::Answer& answer) {
  std::vector<std::string> out;
  const std::string& owner = answer.canonical.empty() ? answer.name : answer.canonical;
  const auto add = [&](const std::string& data) {
    out.push_back(fmt::format("{}. {} IN {} {}", owner, answer.ttl, dns::type_name(answer.type), data));
  };
  switch (answer.type) {
    case dns::Type::a:
    case dns::Type::aaaa:
      for (const auto& address : answer.addresses) add(address.text());
      break;
    case dns::Type::mx:
      for (const auto& mx : answer.mx) add(fmt::format("{} {}.", mx.preference, mx.host));
      break;
    case dns::Type::txt:
      for (const auto& one : answer.texts) add(one);
      break;
    case dns::Type::srv:
      for (const auto& s : answer.srv) add(fmt::format("{} {} {} {}.", s.priority, s.weight, s.port, s.host));
      break;
    case dns::Type::tlsa:
      for (const auto& t : answer.tlsa) {
        add(fmt::format("{} {} {} {}", t.usage, t.selector, t.matching, text::hex(t.data, true)));
      }
      break;
    default:
      for (const auto& name : answer.names) add(name + ".");
  }
  return out;
}

async::Task<Result<>> DnsFilter::apply(dns::Answer* answer) const {
  if (maps_.empty() || !answer->ok()) co_return Result<>{};
  const std::string about =
      fmt::format("Error looking up name={} type={}: ", answer->name, dns::type_name(answer->type));
  const std::vector<std::string> texts = record_texts(*answer);
  std::vector<bool> kept(texts.size(), true);
  std::size_t left = texts.size();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    table::Answer action = co_await maps_.find(texts[i]);
    const bool usable = action && (!*action || text::iequals(text::trim(**action), "ignore"));
    if (!usable) {
      if (action) log::warning("{}: unknown DNS filter action: \"{}\"", maps_.title(), **action);
      co_return fail(about + (action ? "Invalid DNS reply filter syntax" : "DNS reply filter lookup error"), EINVAL);
    }
    if (!*action) continue;
    log::info("ignoring DNS RR: {}", texts[i]);
    kept[i] = false;
    --left;
  }
  keep_records(*answer, kept);
  if (left == 0) co_return fail(about + "DNS reply filter drops all results", EPERM);
  co_return Result<>{};
}

}  // namespace postern::service
