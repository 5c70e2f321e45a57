// SPDX-License-Identifier: Apache-2.0
// Whole reply packets (RFC 1035 4.1), where libunbound does not take them apart for us.
//
// read_reply() fills the answer from the records of answer.type in the answer section; `secure` is the header's AD
// bit; `canonical` is the owner of the first record. No length and no pointer in the packet is trusted.
#pragma once

#include <string_view>

#include "lib/dns/answer.h"

namespace postern::dns {

void read_reply(Answer& answer, std::string_view packet);

}  // namespace postern::dns
