// SPDX-License-Identifier: Apache-2.0
#include "cleanup/masquerade.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"

namespace postern::cleanup {

std::optional<std::string> masqueraded(const std::vector<std::string>& domains, std::string_view address) {
  const auto parts = mail::split_address(address);
  const std::string domain = text::lower(parts.domain);
  for (std::string_view masquerade : domains) {
    const bool exempt = masquerade.starts_with('!');
    if (exempt) masquerade.remove_prefix(1);
    if (masquerade.empty() || !domain.ends_with(masquerade)) continue;
    const bool below = domain.size() > masquerade.size() && domain[domain.size() - masquerade.size() - 1] == '.';
    if (!below && domain.size() != masquerade.size()) continue;
    if (exempt || !below) return std::nullopt;
    return mail::join_address(parts.local, masquerade);
  }
  return std::nullopt;
}

Masquerade::Masquerade(const Params& params, const table::Context& context)
    : exceptions_("masquerade_exceptions", table::MatchKind::string, params.masquerade_exceptions, false, context) {
  for (const auto name : text::words(params.masquerade_domains, ", \t\r\n")) domains_.push_back(text::lower(name));
  const auto classes = parse_classes("masquerade_classes", params.masquerade_classes);
  if (!classes) log::fatal("{}", classes.error().text);
  classes_ = *classes;
}

async::Task<Result<std::string>> Masquerade::apply(std::string queue_id, std::string address) const {
  auto out = masqueraded(domains_, address);
  if (!out) co_return address;
  if (!exceptions_.empty()) {
    const Result<bool> excepted = co_await exceptions_.match(std::string(mail::split_address(address).local));
    if (!excepted) {
      log::warning("{}: masquerade_exceptions lookup problem for {} -- message not accepted, try again later", queue_id,
                   address);
      co_return std::unexpected(excepted.error());
    }
    if (*excepted) co_return address;
  }
  co_return std::move(*out);
}

}  // namespace postern::cleanup
