// SPDX-License-Identifier: Apache-2.0
#include "lib/base/identity.h"

#include <grp.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "lib/base/log.h"

namespace postern {

Result<Identity> Identity::assume(uid_t uid, gid_t gid) {
  if (::geteuid() != 0) {
    if (uid == ::geteuid()) return Identity(false);
    return fail("this mail system does not run as root: it cannot deliver as uid " + std::to_string(uid), EPERM);
  }
  if (::setgroups(1, &gid) < 0 || ::setegid(gid) < 0) return fail_errno("setegid");
  if (::seteuid(uid) < 0) {
    const int code = errno;
    if (::setegid(0) < 0) log::panic("cannot return to gid 0");
    return fail_errno("seteuid", code);
  }
  return Identity(true);
}

Identity::~Identity() {
  if (!changed_) return;
  const gid_t root = 0;
  // Going on with the wrong identity would be worse than ending.
  if (::seteuid(0) < 0 || ::setegid(0) < 0 || ::setgroups(1, &root) < 0) {
    log::panic("cannot return to the identity of root: {}", errno_text(errno));
  }
}

}  // namespace postern
