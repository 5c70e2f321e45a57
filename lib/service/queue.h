// SPDX-License-Identifier: Apache-2.0
// The queue as a worker sees it: its working directory is queue_directory, so the layout's root is ".".
#pragma once

#include "lib/config/config.h"
#include "lib/mail/queue_dir.h"

namespace postern::service {

// hash_queue_names, hash_queue_depth, enable_long_queue_ids; a bad value is fatal.
[[nodiscard]] mail::QueueLayout queue_layout(const config::Config& config);

}  // namespace postern::service
