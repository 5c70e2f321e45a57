// SPDX-License-Identifier: Apache-2.0
#include "lib/service/trigger.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/log.h"

namespace postern::service {

namespace {
constexpr Duration kPause{10};
}

Result<> send_trigger(const std::string& path, std::string_view request) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(path + ": name is too long", ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  // A full backlog holds wake-up calls enough.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    if (errno == EAGAIN) return {};
    return fail_errno("connect to " + path);
  }
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return fail_errno("write to " + path);
  return {};
}

Trigger::Trigger(async::Loop& loop, std::string path, std::string request)
    : path_(std::move(path)), request_(std::move(request)), timer_(loop, [this] { send(); }) {}

void Trigger::fire() {
  if (timer_.pending()) return;
  if (Clock::now() - last_ >= kPause) {
    send();
  } else {
    timer_.start(kPause);
  }
}

void Trigger::send() {
  last_ = Clock::now();
  const auto sent = send_trigger(path_, request_);
  if (!sent) log::debug("{}", sent.error().text);
}

}  // namespace postern::service
