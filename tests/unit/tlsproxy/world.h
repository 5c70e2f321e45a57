// SPDX-License-Identifier: Apache-2.0
// A tlsproxy without its process: its control connections are served on this loop, programs are coroutines on the same
// loop, and remote peers are threads with a TLS engine of their own on a real TCP connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <functional>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "lib/async/loop.h"
#include "lib/openssl/engine.h"
#include "lib/service/tls_client.h"
#include "tests/unit/lib/openssl/pki.h"
#include "tlsproxy/control.h"

namespace postern::tlsproxy::test {

namespace pki = openssl::test;

inline constexpr Duration kLong{20000};

// Two ends of a TCP connection over the loopback interface, both nonblocking.
inline std::pair<Fd, Fd> tcp_pair() {
  const Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (!listener || ::bind(listener.get(), raw, size) != 0 || ::listen(listener.get(), 1) != 0) return {};
  ::getsockname(listener.get(), raw, &size);
  Fd client(::socket(AF_INET, SOCK_STREAM, 0));
  if (!client || ::connect(client.get(), raw, size) != 0) return {};
  Fd server(::accept(listener.get(), nullptr, nullptr));
  if (!set_nonblocking(client.get()) || !set_nonblocking(server.get())) return {};
  return {std::move(server), std::move(client)};
}

// The remote end, in a thread of its own. Every wait ends after some seconds, so that a failure is no hang.
class Peer {
 public:
  Peer(openssl::Engine engine, int fd) : engine_(std::move(engine)), fd_(fd) {}

  bool shake() {
    return repeat([this] { return engine_.handshake(); });
  }
  bool write(std::string_view bytes) {
    return repeat([&] {
      const openssl::Transfer put = engine_.write(bytes);
      bytes.remove_prefix(put.bytes);
      return put.status;
    });
  }
  bool close_notify() { return engine_.shutdown() == openssl::Io::done; }
  // Reads until `end` has come, or the other side has ended its direction.
  std::string read_until(std::string_view end) {
    std::string got;
    std::string chunk(64UL << 10, '\0');
    while (end.empty() || got.find(end) == std::string::npos) {
      const openssl::Transfer transfer = engine_.read(chunk);
      got.append(chunk, 0, transfer.bytes);
      clean_end_ = transfer.status == openssl::Io::closed;
      if (transfer.status == openssl::Io::done || transfer.bytes > 0) continue;
      if (transfer.status == openssl::Io::closed || transfer.status == openssl::Io::lost) break;
      if (!wait(transfer.status)) break;
    }
    return got;
  }
  [[nodiscard]] bool clean_end() const { return clean_end_; }
  [[nodiscard]] tls::TlsReport report() { return engine_.report(); }

 private:
  bool repeat(const std::function<openssl::Io()>& step) {
    for (;;) {
      const openssl::Io io = step();
      if (io == openssl::Io::done) return true;
      if (io == openssl::Io::closed || io == openssl::Io::lost || !wait(io)) return false;
    }
  }
  bool wait(openssl::Io io) const {
    pollfd wanted{fd_, static_cast<short>(io == openssl::Io::want_write ? POLLOUT : POLLIN), 0};
    return ::poll(&wanted, 1, static_cast<int>(kLong.count())) > 0;
  }
  openssl::Engine engine_;
  int fd_;
  bool clean_end_ = false;
};

class World {
 public:
  World() {
    ca_ = pki::make_identity({.name = "CA", .authority = true});
    const pki::Identity mx = pki::make_identity({.name = "mx.test", .issuer = &ca_});
    const std::string chain = directory_.write("mx.pem", pki::key_pem(mx) + pki::certificate_pem(mx));
    const std::string trust = directory_.write("ca.pem", pki::certificate_pem(ca_));
    server_view_.entry.command = "smtpd";
    server_view_.entry.service = "smtp";
    client_view_.entry.command = "smtp";
    set(server_view_, "smtpd_tls_security_level=may");
    set(server_view_, "smtpd_tls_chain_files=" + chain);
    set(client_view_, "smtp_tls_security_level=may");
    set(client_view_, "smtp_tls_CAfile=" + trust);
    keys_.add_service(server_view_);
    keys_.add_service(client_view_);
    shared_.reservation_limit = Duration(2000);
    listen();
  }
  ~World() {
    for (std::thread& thread : threads_) thread.join();
  }

  [[nodiscard]] tls::ServerSettings server_settings() const {
    return *tls::server_settings(server_view_.config, "smtpd_tls_", tls::Level::may);
  }
  [[nodiscard]] tls::ClientSettings client_settings() const {
    tls::Policy policy;
    policy.level = tls::Level::may;
    return *tls::client_settings(client_view_.config, "smtp_tls_", policy);
  }
  [[nodiscard]] std::string socket_path() const { return directory_.path() + "/tlsproxy"; }

  // Runs `talk` in a thread as the TLS client of a connection; returns the other end of it.
  Fd remote_client(std::function<void(Peer&)> talk) {
    return remote(std::move(talk), [this](int fd) {
      const tls::ClientSettings settings = client_settings();
      auto context = openssl::Context::client(*keys_.find(settings.identity()), settings);
      return openssl::Engine::client(*context, fd, settings);
    });
  }
  Fd remote_server(std::function<void(Peer&)> talk) {
    return remote(std::move(talk), [this](int fd) {
      const tls::ServerSettings settings = server_settings();
      auto context = openssl::Context::server(*keys_.find(settings.identity()), settings, nullptr);
      return openssl::Engine::server(*context, fd);
    });
  }
  // Runs `talk` in a thread with the bare connection.
  Fd remote_bare(std::function<void(int fd)> talk) {
    auto [near, far] = tcp_pair();
    threads_.emplace_back([talk = std::move(talk), fd = std::move(far)] { talk(fd.get()); });
    return std::move(near);
  }

  // Runs the loop until the task has ended.
  void run(async::Task<> task) {
    bool done = false;
    loop_.spawn(finish(std::move(task), &done));
    const Deadline limit = deadline_in(kLong * 2);
    while (!done && Clock::now() < limit) loop_.run_once();
  }
  // Runs it until no session or reservation is left.
  bool settle() {
    const Deadline limit = deadline_in(kLong);
    while (shared_.slots > 0 && Clock::now() < limit) idle(Duration(10));
    return shared_.slots == 0;
  }
  void idle(Duration time) { run(pause(time)); }

  async::Loop& loop() { return loop_; }
  Shared& shared() { return shared_; }
  Contexts& contexts() { return contexts_; }
  void retire() {
    shared_.retiring = true;
    for (Control* control : controls_) control->retire();
  }
  [[nodiscard]] std::size_t controls() const { return controls_.size(); }

 private:
  static void set(config::ServiceView& view, const std::string& setting) {
    [[maybe_unused]] const auto done = view.config.override_with(setting);
  }
  static async::Task<> finish(async::Task<> task, bool* done) {
    co_await task;
    *done = true;
  }
  async::Task<> pause(Duration time) { co_await async::sleep(loop_, time); }

  Fd remote(std::function<void(Peer&)> talk, const std::function<Result<openssl::Engine>(int)>& make) {
    auto [near, far] = tcp_pair();
    auto engine = make(far.get());
    if (!engine) return {};
    const int raw = far.get();
    threads_.emplace_back(
        [talk = std::move(talk), fd = std::move(far), peer = Peer(std::move(*engine), raw)]() mutable { talk(peer); });
    return std::move(near);
  }

  void listen() {
    listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path().copy(address.sun_path, sizeof address.sun_path - 1);
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(listener_.get(), raw, sizeof address) != 0 || ::listen(listener_.get(), 64) != 0) return;
    accepting_ = std::make_unique<async::IoWatch>(loop_, listener_.get(), async::IoWatch::What::read, [this] {
      Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd) loop_.spawn(serve(std::move(fd)));
    });
    accepting_->enable();
  }
  async::Task<> serve(Fd fd) {
    Control control(shared_, std::move(fd));
    controls_.push_back(&control);
    co_await control.serve();
    controls_.remove(&control);
  }

  pki::Directory directory_;
  pki::Identity ca_;
  async::Loop loop_;
  config::ServiceView server_view_{{}, *config::Config::from_text("")};
  config::ServiceView client_view_{{}, *config::Config::from_text("")};
  KeyStore keys_;
  Contexts contexts_{keys_, nullptr};
  Shared shared_{loop_, contexts_, 1000, "/nonexistent/tlsmgr"};
  Fd listener_;
  std::unique_ptr<async::IoWatch> accepting_;
  std::list<Control*> controls_;
  std::vector<std::thread> threads_;
};

}  // namespace postern::tlsproxy::test
