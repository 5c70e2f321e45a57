// SPDX-License-Identifier: Apache-2.0
// What one smtpd service tells another about a session that goes on there.
#include <cstdint>
#include <cstdlib>

#include "lib/dns/native.h"
#include "smtpd/switch_offer.h"

namespace {

using namespace postern;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto offer = smtpd::decode_offer(bytes)) {
    require(offer->version == smtpd::kSwitchVersion && offer->protocol == smtpd::kSwitchProtocol);
    require(dns::status_word(static_cast<dns::NameStatus>(offer->name_status)).size() >= 2);
    const std::string once = ipc::encode(*offer);
    const auto again = smtpd::decode_offer(once);
    require(again && ipc::encode(*again) == once);
  }
  if (const auto answer = ipc::decode<smtpd::SwitchAnswer>(bytes)) require(answer->reason.size() <= size);
  if (const auto take = ipc::decode<smtpd::SwitchTake>(bytes)) require(take->input.data.size() <= size);
  return 0;
}
