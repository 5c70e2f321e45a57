// SPDX-License-Identifier: Apache-2.0
#include "lib/async/stream.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "lib/base/log.h"

namespace postern::async {

namespace {

constexpr std::size_t kChunk = 64UL << 10;
// A session that is idle keeps no larger buffer than this.
constexpr std::size_t kIdleBuffer = 1024;

// One read buffer serves all streams of the process: it is used between two instructions of one thread.
std::array<char, kChunk>& chunk() {
  static std::array<char, kChunk> buffer;
  return buffer;
}

void release_if_large(std::string& s) {
  s.clear();
  if (s.capacity() > kIdleBuffer) s.shrink_to_fit();
}

}  // namespace

std::string describe(Io io, int code) {
  switch (io) {
    case Io::ok: return "ok";
    case Io::eof: return "lost connection";
    case Io::timeout: return "timed out";
    case Io::error: return errno_text(code);
  }
  return {};
}

Stream::Stream(Loop& loop, Fd fd, std::size_t input_limit)
    : loop_(loop), fd_(std::move(fd)), input_limit_(input_limit) {}

Stream::~Stream() { release().reset(); }

void Stream::consume(std::size_t count) {
  in_start_ += count;
  if (in_start_ >= in_.size()) {
    release_if_large(in_);
    in_start_ = 0;
  }
}

Fd Stream::release() {
  if (readable_ != nullptr) event_free(std::exchange(readable_, nullptr));
  if (writable_ != nullptr) event_free(std::exchange(writable_, nullptr));
  reading_ = false;
  in_.clear();
  out_.clear();
  in_start_ = out_start_ = 0;
  return std::move(fd_);
}

bool Stream::input_waiting() {
  if (!input().empty()) return true;
  pollfd p{fd_.get(), POLLIN, 0};
  return ::poll(&p, 1, 0) > 0 && (p.revents & POLLIN) != 0;
}

Io Stream::read_some() {
  if (in_start_ > 0) {
    in_.erase(0, in_start_);
    in_start_ = 0;
  }
  if (in_.size() >= input_limit_) {
    error_ = ENOBUFS;
    return Io::error;
  }
  const std::size_t room = std::min(kChunk, input_limit_ - in_.size());
  for (;;) {
    const ssize_t n = ::read(fd_.get(), chunk().data(), room);
    if (n > 0) {
      in_.append(chunk().data(), static_cast<std::size_t>(n));
      drained_ = static_cast<std::size_t>(n) < room;
      return Io::ok;
    }
    if (n == 0) return Io::eof;
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      drained_ = true;
      return Io::timeout;
    }
    error_ = errno;
    return errno == ECONNRESET || errno == EPIPE ? Io::eof : Io::error;
  }
}

Io Stream::write_some() {
  while (out_start_ < out_.size()) {
    const ssize_t n = ::send(fd_.get(), out_.data() + out_start_, out_.size() - out_start_, MSG_NOSIGNAL);
    if (n >= 0) {
      out_start_ += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return Io::timeout;
    if (errno == ENOTSOCK) {
      const ssize_t m = ::write(fd_.get(), out_.data() + out_start_, out_.size() - out_start_);
      if (m >= 0) {
        out_start_ += static_cast<std::size_t>(m);
        continue;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return Io::timeout;
    }
    error_ = errno;
    return errno == EPIPE || errno == ECONNRESET ? Io::eof : Io::error;
  }
  release_if_large(out_);
  out_start_ = 0;
  return Io::ok;
}

void Stream::on_readable() {
  if (filling_ == nullptr) {
    // Data nobody waits for: stay out of the loop until somebody does.
    event_del(readable_);
    reading_ = false;
    drained_ = false;
    return;
  }
  const Io io = read_some();
  if (io == Io::timeout) return;
  Fill* fill = std::exchange(filling_, nullptr);
  fill->result_ = io;
  fill->done_ = true;
  fill->finish();
}

void Stream::on_writable() {
  const Io io = flushing_ == nullptr ? Io::ok : write_some();
  if (io == Io::timeout) return;
  event_del(writable_);
  if (flushing_ == nullptr) return;
  Flush* flush = std::exchange(flushing_, nullptr);
  flush->result_ = io;
  flush->done_ = true;
  flush->finish();
}

Stream::Fill::~Fill() {
  if (stream_.filling_ == this) stream_.filling_ = nullptr;
}

bool Stream::Fill::await_ready() {
  if (!stream_.fd_) {
    result_ = Io::eof;
    done_ = true;
    return true;
  }
  // After a short read the kernel has nothing: asking it again would only cost a system call.
  if (stream_.drained_) return false;
  const Io io = stream_.read_some();
  if (io == Io::timeout) return false;
  result_ = io;
  done_ = true;
  return true;
}

void Stream::Fill::await_suspend(std::coroutine_handle<> h) {
  if (stream_.filling_ != nullptr) log::panic("two tasks read one stream");
  stream_.filling_ = this;
  arm(h);
  if (stream_.readable_ == nullptr) {
    stream_.readable_ = event_new(
        stream_.loop_.base(), stream_.fd_.get(), EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* self) { static_cast<Stream*>(self)->on_readable(); }, &stream_);
  }
  if (!std::exchange(stream_.reading_, true)) event_add(stream_.readable_, nullptr);
}

Io Stream::Fill::await_resume() {
  if (stream_.filling_ == this) stream_.filling_ = nullptr;
  return done_ ? result_ : Io::timeout;
}

Stream::Flush::~Flush() {
  if (stream_.flushing_ == this) stream_.flushing_ = nullptr;
}

bool Stream::Flush::await_ready() {
  result_ = stream_.fd_ ? stream_.write_some() : Io::eof;
  done_ = result_ != Io::timeout;
  return done_;
}

void Stream::Flush::await_suspend(std::coroutine_handle<> h) {
  if (stream_.flushing_ != nullptr) log::panic("two tasks write one stream");
  stream_.flushing_ = this;
  arm(h);
  if (stream_.writable_ == nullptr) {
    stream_.writable_ = event_new(
        stream_.loop_.base(), stream_.fd_.get(), EV_WRITE | EV_PERSIST,
        [](evutil_socket_t, short, void* self) { static_cast<Stream*>(self)->on_writable(); }, &stream_);
  }
  event_add(stream_.writable_, nullptr);
}

Io Stream::Flush::await_resume() {
  if (stream_.flushing_ == this) {
    stream_.flushing_ = nullptr;
    event_del(stream_.writable_);
  }
  return done_ ? result_ : Io::timeout;
}

Task<Io> fill_to(Stream& stream, std::size_t count, Deadline deadline) {
  while (stream.input().size() < count) {
    const Io io = co_await stream.fill(deadline);
    if (io != Io::ok) co_return io;
  }
  co_return Io::ok;
}

// --- connecting --------------------------------------------------------------------------------------

namespace {

Task<Result<Fd>> finish_connect(Loop& loop, Fd fd, std::string address, Deadline deadline) {
  const auto* target = reinterpret_cast<const sockaddr*>(address.data());
  while (::connect(fd.get(), target, static_cast<socklen_t>(address.size())) < 0) {
    // A full backlog of a UNIX-domain socket says EAGAIN and gives no event: look again in a moment.
    if (errno == EAGAIN) {
      if (Clock::now() >= deadline) co_return fail(errno_text(ETIMEDOUT), ETIMEDOUT);
      co_await sleep(loop, Duration(10));
      continue;
    }
    // After EINTR the attempt goes on by itself, too.
    if (errno != EINPROGRESS && errno != EINTR) co_return fail(errno_text(errno), errno);
    const bool in_time = co_await ReadyWait(loop, fd.get(), IoWatch::What::write, deadline);
    if (!in_time) co_return fail(errno_text(ETIMEDOUT), ETIMEDOUT);
    int code = 0;
    socklen_t size = sizeof code;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &code, &size) < 0) code = errno;
    if (code != 0) co_return fail(errno_text(code), code);
    break;
  }
  co_return std::move(fd);
}

}  // namespace

Task<Result<Fd>> connect_unix(Loop& loop, std::string path, Deadline deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) co_return fail(path + ": name is too long", ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) co_return fail_errno("socket");
  std::string raw(reinterpret_cast<const char*>(&address), sizeof address);
  Result<Fd> connected = co_await finish_connect(loop, std::move(fd), std::move(raw), deadline);
  co_return std::move(connected);
}

Task<Result<Fd>> connect_inet(Loop& loop, std::string address, std::string bind_address, Deadline deadline) {
  sockaddr_storage storage{};
  std::memcpy(&storage, address.data(), std::min(address.size(), sizeof storage));
  Fd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) co_return fail_errno("socket");
  const int one = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!bind_address.empty() && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(bind_address.data()),
                                      static_cast<socklen_t>(bind_address.size())) < 0) {
    co_return fail_errno("bind");
  }
  Result<Fd> connected = co_await finish_connect(loop, std::move(fd), std::move(address), deadline);
  co_return std::move(connected);
}

}  // namespace postern::async
