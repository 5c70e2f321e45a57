// SPDX-License-Identifier: Apache-2.0
// Acting as another user for a while: effective uid and gid of the whole process (so: no threads, one session).
//
//   auto as_user = Identity::assume(uid, gid);   // Error: not possible
//   ... create files ...
// The former identity comes back when the object goes. A process that is not root can only be what it is.
#pragma once

#include <sys/types.h>

#include "lib/base/error.h"

namespace postern {

class Identity {
 public:
  [[nodiscard]] static Result<Identity> assume(uid_t uid, gid_t gid);
  Identity(Identity&& other) noexcept : changed_(other.changed_) { other.changed_ = false; }
  Identity& operator=(Identity&&) = delete;
  ~Identity();

 private:
  explicit Identity(bool changed) : changed_(changed) {}
  bool changed_;
};

}  // namespace postern
