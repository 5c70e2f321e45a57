// SPDX-License-Identifier: Apache-2.0
// The two files that say that a mail system runs: queue_directory/PID_DIRECTORY/master.pid and
// data_directory/master.lock. Only the lock (flock) counts; the files stay when the system stops.
// Content of both: the pid in 32 columns and a newline.
#pragma once

#include <sys/types.h>

#include <string>

#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::master {

struct LockPaths {
  std::string pid_file;
  std::string lock_file;
};

struct Locks {
  Fd pid_file;
  Fd lock_file;
};

// True when a running master holds the lock. A file that is not there is held by nobody.
[[nodiscard]] Result<bool> is_running(const LockPaths& paths);
// Error text for a lock that is taken: "the mail system is already running: lock file PATH". The lock file is made
// with the rights of mail_owner (a root caller), whose directory it is in.
[[nodiscard]] Result<Locks> take_locks(const LockPaths& paths, uid_t owner_uid, gid_t owner_gid);
// Writes the caller's pid into both.
[[nodiscard]] Result<> write_pid(const Locks& locks);

}  // namespace postern::master
