// SPDX-License-Identifier: Apache-2.0
#include "lib/service/queue.h"

#include "lib/base/require.h"

namespace postern::service {

mail::QueueLayout queue_layout(const config::Config& config) {
  mail::QueueLayout out;
  out.root = ".";
  out.hash_names = require(config.get_list("hash_queue_names"));
  out.hash_depth = static_cast<unsigned>(require(config.get_int("hash_queue_depth")));
  out.long_ids = require(config.get_bool("enable_long_queue_ids"));
  return out;
}

}  // namespace postern::service
