// SPDX-License-Identifier: Apache-2.0
// OpenSSL's error queue, as text. The queue is per thread and survives the call that filled it, so whoever makes a
// call that can fail either takes the errors or clears them; otherwise the next session reports them as its own.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"

namespace postern::openssl {

// Oldest first, each "error:0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:354:".
[[nodiscard]] std::vector<std::string> take_errors();
void clear_errors();

// "WHAT: error:..." with the oldest error; the rest of the queue is dropped.
[[nodiscard]] std::unexpected<Error> fail_library(std::string what);

}  // namespace postern::openssl
