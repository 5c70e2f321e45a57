// SPDX-License-Identifier: Apache-2.0
#include "lib/service/master_link.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/passed_fds.h"

namespace postern::service {

bool send_status(int socket, std::string_view text, const std::vector<int>& fds) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  PassedFds passed;
  if (!passed.attach(message, fds)) return false;
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

std::optional<StatusPacket> receive_status(int socket) {
  StatusPacket packet;
  packet.text.resize(kStatusPacket);
  iovec part{packet.text.data(), packet.text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  PassedFds passed;
  passed.make_room(message);
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return std::nullopt;
  if (n > 0) packet.fds = PassedFds::take(message);
  packet.text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return packet;
}

std::string file_report(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) < 0) return {};
  return fmt::format("file {} {} {} {} {}", st.st_dev, st.st_ino, st.st_size,
                     st.st_ctim.tv_sec * 1000000000LL + st.st_ctim.tv_nsec, path);
}

MasterLink::MasterLink(async::Loop& loop, int fd, std::function<void(std::string_view)> on_message)
    : fd_(fd), on_message_(std::move(on_message)) {
  watch_ = std::make_unique<async::IoWatch>(loop, fd_, async::IoWatch::What::read, [this] { read(); });
  watch_->enable();
}

bool MasterLink::send(const std::string& text, const std::vector<int>& fds) {
  if (closed_) return false;
  // The buffer holds hundreds of these; a master that is too busy to read them loses an update, not a session.
  if (send_status(fd_, text, fds)) return true;
  if (errno != EAGAIN) log::debug("status to master: {}", errno_text(errno));
  return false;
}

void MasterLink::read() {
  std::array<char, kStatusPacket> buffer{};
  while (!closed_) {
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      closed_ = true;
      watch_->disable();
      on_message_("retire");
      return;
    }
    on_message_(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
  }
}

}  // namespace postern::service
