// SPDX-License-Identifier: Apache-2.0
#include "lib/service/address_map.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"
#include "lib/parse/local_part.h"

namespace postern::service {

namespace {

// The addresses of a table's value, in the place of `address` that was found under `key`.
std::vector<std::string> result_addresses(std::string value, std::string_view address, const table::AddressKey& key,
                                          const std::string& delimiters, bool propagate) {
  const auto given = mail::split_address(address);
  const auto split = parse::split_extension(given.local, delimiters);
  if (value.starts_with('@')) value.insert(0, std::string(key.stripped ? split.user : given.local));
  std::vector<std::string> out;
  for (auto& listed : mail::parse_address_list(value).addresses) {
    if (propagate && key.stripped && split.extended()) {
      const auto parts = mail::split_address(listed.address);
      const std::string extended = std::string(parts.local) + split.delimiter + std::string(split.extension);
      if (!parts.local.empty()) {
        listed.address = parts.has_domain ? mail::join_address(extended, parts.domain) : extended;
      }
    }
    out.push_back(std::move(listed.address));
  }
  return out;
}

}  // namespace

OwnDomains::OwnDomains(std::string myorigin, std::string_view mydestination, std::vector<std::string> addresses,
                       const table::Context& context)
    : myorigin_(std::move(myorigin)),
      addresses_(std::move(addresses)),
      mydestination_("mydestination", table::MatchKind::string, mydestination, false, context) {}

async::Task<Result<bool>> OwnDomains::contains(std::string domain) const {
  if (text::iequals(domain, myorigin_)) co_return true;
  if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']') {
    std::string address = domain.substr(1, domain.size() - 2);
    if (text::istarts_with(address, "ipv6:")) address.erase(0, 5);
    if (std::ranges::find(addresses_, address) != addresses_.end()) co_return true;
  }
  co_return co_await mydestination_.match(std::move(domain));
}

AddressMap::AddressMap(std::string title, std::string_view list, const table::Context& context,
                       const AddressMapSettings& settings, bool propagate)
    : maps_(std::move(title), list, context), settings_(settings), propagate_(propagate) {}

async::Task<Result<std::optional<std::vector<std::string>>>> AddressMap::find(std::string address) const {
  using Found = std::optional<std::vector<std::string>>;
  if (maps_.empty() || address.empty()) co_return Found();
  table::AddressKeyOptions options;
  options.delimiters = settings_.delimiters;
  const auto parts = mail::split_address(address);
  if (!parts.domain.empty()) {
    const Result<bool> own = co_await settings_.own.contains(std::string(parts.domain));
    if (!own) co_return std::unexpected(own.error());
    options.domain_is_local = *own;
  }
  const auto keys = table::mapping_keys(address, options);
  std::size_t index = 0;
  const table::Answer answer = co_await maps_.find_first(keys, &index);
  if (!answer) co_return std::unexpected(answer.error());
  if (!*answer) co_return Found();
  auto addresses = result_addresses(**answer, address, keys[index], settings_.delimiters, propagate_);
  if (addresses.empty()) {
    log::warning("{} lookup of {} returns non-address result \"{}\"", title(), address, **answer);
    co_return fail(title() + ": non-address result");
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (addresses[i].empty()) continue;
    Result<std::string> completed = co_await settings_.rewrite.rewrite("local", addresses[i]);
    if (!completed) {
      log::warning("address rewriting: {}", completed.error().text);
      co_return std::unexpected(completed.error());
    }
    addresses[i] = std::move(*completed);
  }
  co_return Found(std::move(addresses));
}

bool propagates(std::string_view list, std::string_view name) {
  const auto names = text::words(list, ", \t\r\n");
  return std::ranges::find(names, name) != names.end();
}

}  // namespace postern::service
