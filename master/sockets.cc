// SPDX-License-Identifier: Apache-2.0
#include "master/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "lib/base/clock.h"

namespace postern::master {

namespace {

using config::ServiceType;

constexpr mode_t kSocketMode = 0666;
constexpr mode_t kFifoMode = 0622;
constexpr int kBindTries = 10;
constexpr Duration kBindPause{50};

// Files below directories of mail_owner are made with mail_owner's rights: what that user plants there as a link
// leads nowhere that the user could not go. Back to root when it goes out of scope.
class AsOwner {
 public:
  AsOwner(uid_t uid, gid_t gid) : active_(::geteuid() == 0) {
    if (active_ && (::setegid(gid) < 0 || ::seteuid(uid) < 0)) failed_ = true;
  }
  ~AsOwner() {
    if (active_ && (::seteuid(0) < 0 || ::setegid(0) < 0)) ::_exit(1);
  }
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  bool active_;
  bool failed_ = false;
};

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return fail("socket name is too long: " + path);
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return address;
}

// Removes a socket or fifo of an earlier instance.
Result<> clear_place(const std::string& path) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) < 0) {
    if (errno == ENOENT) return {};
    return fail_errno("stat " + path);
  }
  if (!S_ISSOCK(st.st_mode) && !S_ISFIFO(st.st_mode)) return fail(path + " exists and is neither a socket nor a fifo");
  if (::unlink(path.c_str()) < 0) return fail_errno("remove " + path);
  return {};
}

Result<Fd> open_unix(const std::string& path, int type) {
  auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  if (auto cleared = clear_place(path); !cleared) return std::unexpected(cleared.error());
  Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) < 0) {
    return fail_errno("bind " + path);
  }
  if (::chmod(path.c_str(), kSocketMode) < 0) return fail_errno("chmod " + path);
  if (type != SOCK_DGRAM && ::listen(fd.get(), SOMAXCONN) < 0) return fail_errno("listen " + path);
  return fd;
}

Result<Fd> open_fifo(const std::string& path) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) < 0 || !S_ISFIFO(st.st_mode)) {
    if (auto cleared = clear_place(path); !cleared) return std::unexpected(cleared.error());
    if (::mkfifo(path.c_str(), kFifoMode) < 0) return fail_errno("mkfifo " + path);
  }
  // Read and write: a reader that never sees the end of file when the last client goes.
  Fd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_errno("open " + path);
  if (::fchmod(fd.get(), kFifoMode) < 0) return fail_errno("chmod " + path);
  return fd;
}

Result<Fd> open_inet(const Endpoint& endpoint) {
  const bool v6 = endpoint.address.family == parse::IpAddress::Family::v6;
  Fd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // One socket per protocol, so that an IPv4 client never shows as ::ffff:a.b.c.d.
  if (v6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage address{};
  socklen_t size = 0;
  if (v6) {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(address);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(endpoint.port);
    std::memcpy(&in6.sin6_addr, endpoint.address.bytes.data(), 16);
    size = sizeof in6;
  } else {
    auto& in = reinterpret_cast<sockaddr_in&>(address);
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.address.bytes.data(), 4);
    size = sizeof in;
  }
  // Idle workers of a master that was killed let go of the port when they notice.
  for (int tries = kBindTries; ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0; --tries) {
    if (errno != EADDRINUSE || tries == 0) return fail_errno("bind " + endpoint.text());
    std::this_thread::sleep_for(kBindPause);
  }
  if (::listen(fd.get(), SOMAXCONN) < 0) return fail_errno("listen " + endpoint.text());
  return fd;
}

Result<Listeners> open_inet_service(const ServicePlan& plan, const SocketOptions& options, const Resolver& resolver) {
  const auto endpoints = listen_endpoints(plan.entry.service, options.interfaces, options.protocols, resolver);
  if (!endpoints) return std::unexpected(endpoints.error());
  Listeners out;
  for (const auto& endpoint : *endpoints) {
    auto fd = open_inet(endpoint);
    if (!fd) return std::unexpected(fd.error());
    out.sockets.push_back(std::move(*fd));
    out.public_address = out.public_address || !endpoint.address.is_loopback();
  }
  return out;
}

Result<Fd> open_local(const ServicePlan& plan, const SocketOptions& options) {
  const std::string path = plan.endpoint();
  const AsOwner owner(options.owner_uid, options.owner_gid);
  if (owner.failed()) return fail_errno("become mail_owner");
  switch (plan.entry.type) {
    case ServiceType::fifo: return open_fifo(path);
    case ServiceType::unix_dgram: return open_unix(path, SOCK_DGRAM);
    default: return open_unix(path, uses_packets(plan.entry) ? SOCK_SEQPACKET : SOCK_STREAM);
  }
}

}  // namespace

Result<Fd> open_switch_socket(const std::string& path, const SocketOptions& options) {
  const AsOwner owner(options.owner_uid, options.owner_gid);
  if (owner.failed()) return fail_errno("become mail_owner");
  return open_unix(path, SOCK_SEQPACKET);
}

Result<Listeners> open_listeners(const ServicePlan& plan, const SocketOptions& options, const Resolver& resolver) {
  if (plan.entry.type == ServiceType::inet) return open_inet_service(plan, options, resolver);
  auto fd = open_local(plan, options);
  if (!fd) return std::unexpected(fd.error());
  Listeners out;
  out.sockets.push_back(std::move(*fd));
  out.public_address = plan.entry.type == ServiceType::pass;
  return out;
}

void send_wakeup(const ServicePlan& plan, char byte) {
  if (plan.entry.type == ServiceType::inet || plan.entry.type == ServiceType::pass) return;
  if (plan.entry.type == ServiceType::fifo) {
    const Fd fd(::open(plan.endpoint().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (fd) [[maybe_unused]]
      const auto n = ::write(fd.get(), &byte, 1);
    return;
  }
  const auto address = unix_address(plan.endpoint());
  if (!address) return;
  const int type = plan.entry.type == ServiceType::unix_dgram ? SOCK_DGRAM
                   : uses_packets(plan.entry)                 ? SOCK_SEQPACKET
                                                              : SOCK_STREAM;
  const Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) < 0) return;
  ::send(fd.get(), &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace postern::master
