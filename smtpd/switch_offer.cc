// SPDX-License-Identifier: Apache-2.0
#include "smtpd/switch_offer.h"

#include "lib/dns/native.h"

namespace postern::smtpd {

Result<SwitchOffer> decode_offer(std::string_view packet) {
  auto offer = ipc::decode<SwitchOffer>(packet);
  if (!offer) return offer;
  if (offer->protocol != kSwitchProtocol || offer->version != kSwitchVersion) {
    return fail("peer speaks another version of the protocol");
  }
  const auto known = [](std::int64_t status) {
    return status >= 0 && status <= static_cast<std::int64_t>(dns::NameStatus::temporary);
  };
  if (!known(offer->name_status) || !known(offer->reverse_status)) return fail("unknown name status");
  return offer;
}

}  // namespace postern::smtpd
