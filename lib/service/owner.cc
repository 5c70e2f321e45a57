// SPDX-License-Identifier: Apache-2.0
#include "lib/service/owner.h"

#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/log.h"

namespace postern::service {

Result<AsOwner> AsOwner::become(const std::string& mail_owner) {
  if (::geteuid() != 0) return AsOwner(false);
  const passwd* pw = ::getpwnam(mail_owner.c_str());
  if (pw == nullptr) return fail(fmt::format("unknown user name value: {}", mail_owner));
  if (::setegid(pw->pw_gid) < 0 || ::seteuid(pw->pw_uid) < 0) return fail_errno("become " + mail_owner);
  return AsOwner(true);
}

AsOwner::~AsOwner() {
  if (!changed_) return;
  if (::seteuid(0) < 0 || ::setegid(0) < 0) log::fatal("cannot become root again: {}", errno_text(errno));
}

}  // namespace postern::service
