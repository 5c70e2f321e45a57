// SPDX-License-Identifier: Apache-2.0
#include "lib/service/flow.h"

#include <unistd.h>

#include <array>
#include <string>

#include "lib/base/fd.h"
#include "lib/service/master_link.h"

namespace postern::service {

bool take_flow_token() {
  if (!set_nonblocking(kFlowRead)) return true;
  char token = 0;
  return ::read(kFlowRead, &token, 1) == 1;
}

void reset_flow_tokens(int count) {
  if (!set_nonblocking(kFlowRead) || !set_nonblocking(kFlowWrite)) return;
  std::array<char, 4096> old{};
  while (::read(kFlowRead, old.data(), old.size()) > 0) {
  }
  const std::string tokens(static_cast<std::size_t>(count), 't');
  [[maybe_unused]] const auto n = ::write(kFlowWrite, tokens.data(), tokens.size());
}

void put_flow_token() {
  // The pipe is everybody's: a writer that waited for room in it would wait for mail to come in.
  if (!set_nonblocking(kFlowWrite)) return;
  const char token = 't';
  // A full pipe means that input is far behind: no token is needed.
  [[maybe_unused]] const auto n = ::write(kFlowWrite, &token, 1);
}

}  // namespace postern::service
