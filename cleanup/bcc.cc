// SPDX-License-Identifier: Apache-2.0
#include "cleanup/bcc.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"

namespace postern::cleanup {

namespace {

async::Task<Result<std::optional<std::string>>> find_one(const service::AddressMap* map, std::string queue_id,
                                                         std::string address) {
  auto found = co_await map->find(address);
  if (!found) {
    log::warning("{}: {} map lookup problem for {} -- message not accepted, try again later", queue_id, map->title(),
                 address);
    co_return std::unexpected(found.error());
  }
  if (!*found) co_return std::nullopt;
  if ((*found)->size() > 1) log::warning("{}: multi-valued {} entry for {}", queue_id, map->title(), address);
  co_return std::optional(std::move((*found)->front()));
}

}  // namespace

AutoBcc::AutoBcc(const Params& params, const table::Context& context, const service::AddressMapSettings& settings)
    : always_(mail::unquote_address(text::trim(params.always_bcc))),
      senders_("sender_bcc_maps", params.sender_bcc_maps, context, settings, false),
      recipients_("recipient_bcc_maps", params.recipient_bcc_maps, context, settings, false) {}

async::Task<Result<std::optional<std::string>>> AutoBcc::of_sender(std::string queue_id, std::string address) const {
  return find_one(&senders_, std::move(queue_id), std::move(address));
}

async::Task<Result<std::optional<std::string>>> AutoBcc::of_recipient(std::string queue_id, std::string address) const {
  return find_one(&recipients_, std::move(queue_id), std::move(address));
}

}  // namespace postern::cleanup
