// SPDX-License-Identifier: Apache-2.0
#include "smtp/generic.h"

#include "lib/base/log.h"
#include "lib/mail/address_list.h"

namespace postern::smtp_client {

async::Task<Result<std::string>> Generic::address(std::string queue_id, std::string address) const {
  auto found = co_await map_.find(address);
  if (!found) {
    log::warning("{}: {} map lookup problem for {} -- deferring delivery", queue_id, map_.title(), address);
    co_return std::unexpected(found.error());
  }
  if (!*found) co_return address;
  if ((*found)->size() > 1) log::warning("{}: multi-valued {} entry for {}", queue_id, map_.title(), address);
  co_return std::move((*found)->front());
}

async::Task<Result<std::string>> Generic::header(std::string queue_id, const mail::HeaderInfo* info,
                                                 std::string header) const {
  const auto field = mail::split_header(header);
  if (info == nullptr || !field || (!info->sender && !info->recipient)) co_return header;
  const std::string value(field->value);
  const auto list = mail::parse_address_list(value);
  std::vector<std::string> mapped;
  for (std::size_t i = 0; i < list.addresses.size(); ++i) {
    Result<std::string> one = co_await address(queue_id, list.addresses[i].address);
    if (!one) co_return one;
    mapped.push_back(std::move(*one));
  }
  co_return mail::rewrite_address_header(header, list, mapped);
}

}  // namespace postern::smtp_client
