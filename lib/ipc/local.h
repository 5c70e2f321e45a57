// SPDX-License-Identifier: Apache-2.0
// What commands need to talk to services of the running mail system: blocking, without an event loop.
//
//   auto fd = connect_local("public/flush", Duration(10000));   // the limit holds for each read and write, too
//   ListReader reader(fd->get());
//   auto list = reader.next();                                  // one attribute list, without its terminating NUL
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::ipc {

[[nodiscard]] Result<Fd> connect_local(const std::string& path, Duration limit);
// A wake-up call: a few bytes, no answer. A backlog that is full holds calls enough, so that is no error.
[[nodiscard]] Result<> wake_service(const std::string& path, std::string_view request, Duration limit);

using AttrList = std::vector<std::pair<std::string, std::string>>;
// "" when there is none of this name.
[[nodiscard]] std::string_view value_of(const AttrList& list, std::string_view name);

// Attribute lists as they come from a stream; memory is bounded by one list of at most `limit` bytes.
class ListReader {
 public:
  explicit ListReader(int fd, std::size_t limit = std::size_t{64} << 20) : fd_(fd), limit_(limit) {}
  // Error::code is ECONNRESET when the stream ends before a list is complete, EMSGSIZE for one that is too long.
  [[nodiscard]] Result<AttrList> next();

 private:
  [[nodiscard]] Result<std::string> text();  // up to the next NUL
  int fd_;
  std::size_t limit_;
  std::string buffer_;
  std::size_t at_ = 0;
};

// Reads the greeting; an error says which protocol came instead.
[[nodiscard]] Result<> expect_protocol(ListReader& reader, std::string_view protocol);

}  // namespace postern::ipc
