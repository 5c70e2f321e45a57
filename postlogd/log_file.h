// SPDX-License-Identifier: Apache-2.0
// The file behind maillog_file: opened for appending, each batch of lines one write.
//
// rotated() is true when another file, or none any more, stands at the path now (postfix logrotate renames the old one
// away); the caller opens anew. Standard output has no path and is never rotated.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::postlogd {

class LogFile {
 public:
  // A path, or /dev/stdout: descriptor 1.
  [[nodiscard]] static Result<LogFile> open(std::string path, unsigned mode);

  [[nodiscard]] Result<> append(std::string_view lines);
  [[nodiscard]] bool rotated();
  // Opens what stands at the path now. On failure the old file stays in use.
  [[nodiscard]] Result<> reopen();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  LogFile(std::string path, unsigned mode, Fd fd) : path_(std::move(path)), mode_(mode), fd_(std::move(fd)) {}
  std::string path_;
  unsigned mode_;
  Fd fd_;
  bool visible_ = false;  // the path has been seen to be our file: we are in no jail
};

// One datagram as one line of the file: control bytes masked, one newline behind it. Empty for an empty datagram.
[[nodiscard]] std::string log_line(std::string_view datagram);

}  // namespace postern::postlogd
