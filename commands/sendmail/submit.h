// SPDX-License-Identifier: Apache-2.0
// Hands a message to postdrop(1): one process, its standard input a stream of records, its standard output the answer.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "commands/sendmail/options.h"
#include "commands/sendmail/params.h"
#include "lib/base/fd.h"
#include "lib/base/fork.h"

namespace postern::sendmail {

class Postdrop {
 public:
  Postdrop() = default;
  Postdrop(const Postdrop&) = delete;
  Postdrop& operator=(const Postdrop&) = delete;
  ~Postdrop() { abandon(); }

  [[nodiscard]] Result<> start(const std::string& path, const ForkPatience& patience);
  // An error means that postdrop is gone; finish() then knows why.
  [[nodiscard]] Result<> record(char type, std::string_view payload);
  [[nodiscard]] Result<> attribute(std::string_view name, std::string_view value);
  // After the end record: waits until the message is safe. Error text: why it is not.
  [[nodiscard]] Result<> finish();
  // Without the end record nothing is kept.
  void abandon();

 private:
  Result<> write_out();
  int wait();
  pid_t pid_ = -1;
  Fd to_;
  Fd from_;
  std::string buffer_;
};

// Reads the message from standard input and submits it. Error text: what stands behind "USER(UID): ".
[[nodiscard]] Result<> submit(const Params& params, const Options& options);

}  // namespace postern::sendmail
