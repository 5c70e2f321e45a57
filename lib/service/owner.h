// SPDX-License-Identifier: Apache-2.0
// Files in data_directory are opened as the mail system's owner: the directory is his, and what he could put there
// (a symbolic link, say) must not be followed with root's rights. Before the jail only, while there is one thread.
#pragma once

#include <string>

#include "lib/base/error.h"

namespace postern::service {

class AsOwner {
 public:
  // Does nothing when the process is not root's.
  [[nodiscard]] static Result<AsOwner> become(const std::string& mail_owner);
  AsOwner(AsOwner&& other) noexcept : changed_(other.changed_) { other.changed_ = false; }
  AsOwner& operator=(AsOwner&&) = delete;
  ~AsOwner();

 private:
  explicit AsOwner(bool changed) : changed_(changed) {}
  bool changed_;
};

}  // namespace postern::service
