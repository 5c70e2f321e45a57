// SPDX-License-Identifier: Apache-2.0
#include "lib/base/error.h"

#include <cerrno>
#include <system_error>

namespace postern {

std::string errno_text(int code) { return std::generic_category().message(code); }

std::unexpected<Error> fail_errno(std::string what, int code) {
  return fail(std::move(what) + ": " + errno_text(code), code);
}

std::unexpected<Error> fail_errno(std::string what) { return fail_errno(std::move(what), errno); }

}  // namespace postern
