// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/entropy.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/async/stream.h"
#include "lib/base/files.h"
#include "lib/openssl/tickets.h"

namespace postern::tlsmgr {

namespace {

constexpr std::size_t kExchangeSize = 1024;
constexpr std::size_t kSourceLimit = 1024;
constexpr std::size_t kDaemonLimit = 255;  // one byte of the protocol says how many

Result<std::string> read_some(int fd, std::size_t count, bool from_start) {
  std::string bytes(count, '\0');
  const ssize_t n = from_start ? ::pread(fd, bytes.data(), count, 0) : ::read(fd, bytes.data(), count);
  if (n < 0) return fail_errno("read random bytes");
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

Result<> connect_daemon(const std::string& path, Fd& fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail("socket name too long: " + path);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  Fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made || ::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_errno("connect to " + path);
  }
  fd = std::move(made);
  return {};
}

}  // namespace

Result<> Entropy::open_source(const std::string& source, std::size_t bytes) {
  std::string path = source;
  if (path.empty()) return {};
  bytes_ = std::min(bytes, kSourceLimit);
  daemon_ = path.starts_with("egd:");
  if (daemon_) return connect_daemon(path.substr(4), source_);
  rewind_ = !path.starts_with("dev:");
  if (!rewind_) path.erase(0, 4);
  auto fd = files::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return std::unexpected(fd.error());
  source_ = std::move(*fd);
  return {};
}

Result<> Entropy::open_exchange(const std::string& path) {
  auto fd = files::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!fd) return std::unexpected(fd.error());
  exchange_ = std::move(*fd);
  return {};
}

async::Task<Result<>> Entropy::reseed(async::Loop& loop, Deadline deadline) {
  if (!source_) co_return Result<>();
  Result<std::string> bytes = fail("");
  if (daemon_) {
    bytes = co_await ask_daemon(loop, deadline);
  } else {
    bytes = read_some(source_.get(), bytes_, rewind_);
  }
  if (!bytes) co_return std::unexpected(bytes.error());
  if (bytes->empty()) co_return fail("no random bytes");
  openssl::add_randomness(*bytes);
  co_return Result<>();
}

// Command 1: up to so many bytes, at once. The answer says how many there are.
async::Task<Result<std::string>> Entropy::ask_daemon(async::Loop& loop, Deadline deadline) {
  Fd copy(::fcntl(source_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) co_return fail_errno("copy the daemon's socket");
  async::Stream stream(loop, std::move(copy));
  const std::size_t wanted = std::min(bytes_, kDaemonLimit);
  const char request[] = {1, static_cast<char>(wanted)};
  stream.put(std::string_view(request, sizeof request));
  async::Io io = co_await stream.flush(deadline);
  if (io == async::Io::ok) io = co_await async::fill_to(stream, 1, deadline);
  if (io != async::Io::ok) co_return fail(async::describe(io, stream.error_code()));
  const std::size_t count = static_cast<unsigned char>(stream.input().front());
  io = co_await async::fill_to(stream, 1 + count, deadline);
  if (io != async::Io::ok) co_return fail(async::describe(io, stream.error_code()));
  co_return std::string(stream.input().substr(1, count));
}

Result<> Entropy::exchange() {
  if (!exchange_) return {};
  const auto old = read_some(exchange_.get(), kExchangeSize, true);
  if (!old) return std::unexpected(old.error());
  openssl::add_randomness(*old);
  const auto fresh = openssl::random_bytes(kExchangeSize);
  if (!fresh) return std::unexpected(fresh.error());
  return files::pwrite_all(exchange_.get(), *fresh, 0);
}

}  // namespace postern::tlsmgr
