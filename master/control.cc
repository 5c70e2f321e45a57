// SPDX-License-Identifier: Apache-2.0
#include "master/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>

#include "lib/base/text.h"
#include "lib/service/master_link.h"

namespace postern::master {

namespace {

constexpr std::size_t kClients = 8;
constexpr int kBacklog = 8;
constexpr Duration kClientMayTake{30000};

bool may_ask(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

class Control::Client {
 public:
  Client(Control& control, Fd fd)
      : control_(control),
        fd_(std::move(fd)),
        readable_(control.loop_, fd_.get(), async::IoWatch::What::read, [this] { read(); }),
        writable_(control.loop_, fd_.get(), async::IoWatch::What::write, [this] { write(); }),
        limit_(control.loop_, [this] { control_.forget(this); }) {
    readable_.enable();
    limit_.start(kClientMayTake);
  }

  void stop() {
    readable_.disable();
    writable_.disable();
    limit_.stop();
  }

 private:
  struct Answer {
    std::string text;
    Fd board;
  };

  void read() {
    std::array<char, 256> buffer{};
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return control_.forget(this);
    const auto words = text::words({buffer.data(), static_cast<std::size_t>(n)}, " ");
    if (words.size() == 1 && words[0] == "sessions" && answers_.empty()) return list();
    const auto pid = words.size() == 3 && words[0] == "end" ? text::to_u64(words[1]) : std::nullopt;
    const auto number = pid ? text::to_u64(words[2]) : std::nullopt;
    if (!number) return control_.forget(this);
    control_.actions_.end_session(static_cast<pid_t>(*pid), *number);
  }

  void list() {
    for (const auto& worker : control_.actions_.workers()) {
      // A worker may end while its answer waits.
      Fd copy(::fcntl(worker.board, F_DUPFD_CLOEXEC, 3));
      if (copy) answers_.push_back({"worker " + std::to_string(worker.pid) + " " + worker.service, std::move(copy)});
    }
    answers_.push_back({"end", Fd()});
    write();
  }

  void write() {
    while (!answers_.empty()) {
      const Answer& next = answers_.front();
      const bool sent = next.board ? service::send_status(fd_.get(), next.text, {next.board.get()})
                                   : service::send_status(fd_.get(), next.text);
      if (!sent && errno == EAGAIN) return writable_.enable();
      if (!sent) return control_.forget(this);
      answers_.pop_front();
    }
    writable_.disable();
  }

  Control& control_;
  Fd fd_;
  async::IoWatch readable_;
  async::IoWatch writable_;
  async::Timer limit_;
  std::deque<Answer> answers_;
};

Result<std::unique_ptr<Control>> Control::open(async::Loop& loop, const std::string& path, Actions actions) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(path + ": name is too long", ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  struct stat st{};
  if (::lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode)) ::unlink(path.c_str());
  // Our umask leaves nothing for others.
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(fd.get(), kBacklog) < 0) {
    return fail_errno("bind " + path);
  }
  return std::unique_ptr<Control>(new Control(loop, std::move(fd), std::move(actions)));
}

Control::Control(async::Loop& loop, Fd listener, Actions actions)
    : loop_(loop), listener_(std::move(listener)), actions_(std::move(actions)) {
  watch_ = std::make_unique<async::IoWatch>(loop_, listener_.get(), async::IoWatch::What::read, [this] { accept(); });
  watch_->enable();
}

Control::~Control() = default;

void Control::accept() {
  gone_.clear();
  Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd || clients_.size() >= kClients || !may_ask(fd.get())) return;
  clients_.push_back(std::make_unique<Client>(*this, std::move(fd)));
}

void Control::forget(Client* client) {
  const auto found = std::ranges::find(clients_, client, &std::unique_ptr<Client>::get);
  if (found == clients_.end()) return;
  client->stop();
  gone_.push_back(std::move(*found));
  clients_.erase(found);
}

}  // namespace postern::master
