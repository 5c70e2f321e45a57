// SPDX-License-Identifier: Apache-2.0
// Handing a recipient on to another delivery agent (mailbox_transport, fallback_transport): the same request that the
// queue manager would have made, for this one recipient.
#pragma once

#include <string>

#include "lib/service/delivery.h"
#include "local/target.h"

namespace postern::local {

// `destination` is "transport" or "transport:nexthop". True: the agent has finished the recipient; it has logged and
// reported whatever became of it. Error: it could not be asked.
async::Task<Result<bool>> pass_on(async::Loop& loop, const service::Delivery* delivery, const Target* target,
                                  std::string destination, Duration limit);

}  // namespace postern::local
