// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/entropy.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/files.h"
#include "lib/openssl/tickets.h"

namespace postern::tlsmgr {

namespace {

constexpr std::size_t kExchangeSize = 1024;
constexpr std::size_t kSourceLimit = 1024;

Result<std::string> read_some(int fd, std::size_t count, bool from_start) {
  std::string bytes(count, '\0');
  const ssize_t n = from_start ? ::pread(fd, bytes.data(), count, 0) : ::read(fd, bytes.data(), count);
  if (n < 0) return fail_errno("read random bytes");
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

}  // namespace

Result<> Entropy::open_source(const std::string& source, std::size_t bytes) {
  std::string path = source;
  if (path.empty()) return {};
  if (path.starts_with("egd:")) return fail(fmt::format("random source {}: not supported by the TLS library", source));
  rewind_ = !path.starts_with("dev:");
  if (!rewind_) path.erase(0, 4);
  auto fd = files::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return std::unexpected(fd.error());
  source_ = std::move(*fd);
  bytes_ = std::min(bytes, kSourceLimit);
  return {};
}

Result<> Entropy::open_exchange(const std::string& path) {
  auto fd = files::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!fd) return std::unexpected(fd.error());
  exchange_ = std::move(*fd);
  return {};
}

Result<> Entropy::reseed() {
  if (!source_) return {};
  const auto bytes = read_some(source_.get(), bytes_, rewind_);
  if (!bytes) return std::unexpected(bytes.error());
  openssl::add_randomness(*bytes);
  return {};
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
