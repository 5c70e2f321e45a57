// SPDX-License-Identifier: Apache-2.0
#include "local/biff.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"

namespace postern::local {

namespace {
constexpr std::uint16_t kBiffPort = 512;
}

std::uint16_t biff_port() {
  const servent* known = ::getservbyname("biff", "udp");
  return known != nullptr ? ntohs(static_cast<std::uint16_t>(known->s_port)) : kBiffPort;
}

void tell_biff(const std::string& user, std::int64_t offset, std::uint16_t port) {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  const std::string text = user + "@" + std::to_string(offset);
  if (!fd || ::sendto(fd.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
    log::debug("biff: {}", errno_text(errno));
  }
}

}  // namespace postern::local
