// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/local.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

namespace postern::ipc {

namespace {

constexpr std::size_t kReadSize = std::size_t{64} << 10;

Result<> set_limit(int fd, Duration limit) {
  const auto count = limit.count();
  const timeval value{.tv_sec = static_cast<time_t>(count / 1000),
                      .tv_usec = static_cast<suseconds_t>(count % 1000 * 1000)};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) < 0) return fail_errno("setsockopt");
  }
  return {};
}

}  // namespace

Result<Fd> connect_local(const std::string& path, Duration limit) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(path + ": name is too long", ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  if (const auto set = set_limit(fd.get(), limit); !set) return std::unexpected(set.error());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return fail_errno("connect to " + path);
  }
  return fd;
}

Result<> wake_service(const std::string& path, std::string_view request, Duration limit) {
  const auto fd = connect_local(path, limit);
  if (!fd && fd.error().code == EAGAIN) return {};
  if (!fd) return std::unexpected(fd.error());
  if (::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return fail_errno("write to " + path);
  return {};
}

std::string_view value_of(const AttrList& list, std::string_view name) {
  for (const auto& [key, value] : list) {
    if (key == name) return value;
  }
  return {};
}

Result<std::string> ListReader::text() {
  std::size_t searched = at_;
  for (;;) {
    const auto end = buffer_.find('\0', searched);
    if (end != std::string::npos) {
      std::string out = buffer_.substr(at_, end - at_);
      at_ = end + 1;
      return out;
    }
    searched = buffer_.size();
    if (at_ > 0) {
      buffer_.erase(0, at_);
      searched -= at_;
      at_ = 0;
    }
    if (buffer_.size() > limit_) return fail("attribute is too long", EMSGSIZE);
    const auto have = buffer_.size();
    buffer_.resize(have + kReadSize);
    ssize_t n = 0;
    do {
      n = ::read(fd_, buffer_.data() + have, kReadSize);
    } while (n < 0 && errno == EINTR);
    const int error = errno;
    buffer_.resize(have + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0) return fail_errno("read", error == EAGAIN ? ETIMEDOUT : error);
    if (n == 0) return fail("connection closed", ECONNRESET);
  }
}

Result<AttrList> ListReader::next() {
  AttrList out;
  std::size_t size = 0;
  for (;;) {
    auto name = text();
    if (!name) return std::unexpected(name.error());
    if (name->empty()) return out;
    auto value = text();
    if (!value) return std::unexpected(value.error());
    size += name->size() + value->size();
    if (size > limit_) return fail("attribute list is too long", EMSGSIZE);
    out.emplace_back(std::move(*name), std::move(*value));
  }
}

Result<> expect_protocol(ListReader& reader, std::string_view protocol) {
  const auto greeting = reader.next();
  if (!greeting) return std::unexpected(greeting.error());
  const auto found = value_of(*greeting, "protocol");
  if (found == protocol) return {};
  return fail("expected protocol " + std::string(protocol) + ", got \"" + std::string(found) + "\"", EPROTO);
}

}  // namespace postern::ipc
