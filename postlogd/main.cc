// SPDX-License-Identifier: Apache-2.0
// postlogd: writes the mail log to maillog_file for all programs of the mail system.
//
// SECURITY. Listens on a datagram socket below public/, which any program in that directory's group can reach: what it
// receives is text to be written, one line for each datagram, control bytes masked, nothing else. The file is opened
// before root and identity change; the process then needs no right but to append to it. Its own complaints go to
// syslog, never to itself.
//
// Opens: the file that maillog_file names (it must begin with one of maillog_file_prefixes), or uses descriptor 1.
//
// A log line accepted by the kernel is written before the process ends, however it is told to: SIGTERM and retirement
// first empty the socket.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>

#include "lib/base/log.h"
#include "lib/config/command_log.h"
#include "lib/service/worker.h"
#include "postlogd/log_file.h"
#include "postlogd/params.h"

namespace postern::postlogd {

namespace {

constexpr std::size_t kDatagramLimit = 65536;
// Bounds one turn of the loop, not the work: what is left makes the socket readable again.
constexpr int kBatch = 256;

// Ends the process, by the skeleton's SIGALRM, when one write takes too long: a file system that hangs, a reader of
// standard output that has stopped. master starts another, and what waits in the socket is not lost.
class Watchdog {
 public:
  explicit Watchdog(Duration limit) : seconds_(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGALRM;
    armed_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    if (!armed_) log::fatal("watchdog timer: {}", errno_text(errno));
  }
  ~Watchdog() {
    if (armed_) ::timer_delete(timer_);
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  void start() { set(seconds_); }
  void stop() { set(0); }

 private:
  void set(std::time_t seconds) {
    itimerspec time{};
    time.it_value.tv_sec = seconds;
    ::timer_settime(timer_, 0, &time, nullptr);
  }
  std::time_t seconds_;
  timer_t timer_{};
  bool armed_ = false;
};

class Server : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override {
    return {.name = "postlogd", .single = true, .datagrams = true};
  }

  void before_jail(service::Worker& worker) override {
    // postlogd cannot log through postlogd.
    log::open(config::log_tag(worker.config(), "postlogd"),
              {.kind = log::Destination::Kind::syslog, .path = {}, .host = {}});
    const auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    if (params->maillog_file.empty()) log::fatal("maillog_file is not set: nothing to write to");
    if (auto allowed = config::check_maillog_file(worker.config()); !allowed) log::fatal("{}", allowed.error().text);
    auto file = LogFile::open(params->maillog_file, mode(params->maillog_file_permissions));
    if (!file) log::fatal("{}", file.error().text);
    file_ = std::make_unique<LogFile>(std::move(*file));
    write_limit_ = params->postlogd_watchdog_timeout;
  }

  void after_jail(service::Worker& worker) override {
    worker_ = &worker;
    watchdog_ = std::make_unique<Watchdog>(write_limit_);
    buffer_.resize(kDatagramLimit);
    for (const int fd : worker.listeners()) {
      watches_.push_back(std::make_unique<async::IoWatch>(worker.loop(), fd, async::IoWatch::What::read,
                                                          [this, fd] { (void)receive(fd); }));
      watches_.back()->enable();
    }
    terminate_ = std::make_unique<async::SignalWatch>(worker.loop(), SIGTERM, [&worker] { worker.retire(); });
  }

  void retiring(service::Worker&) override {
    for (const auto& watch : watches_) watch->disable();
    if (leaving_behind_) return;
    for (const int fd : worker_->listeners()) {
      while (receive(fd)) {
      }
    }
  }

  async::Task<> serve(service::Worker&, service::Connection) override { co_return; }

 private:
  static unsigned mode(const std::string& text) {
    if (text.empty() || text.find_first_not_of("01234567") != std::string::npos) {
      log::fatal("bad octal value: maillog_file_permissions = {}", text);
    }
    return static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, 8));
  }

  // One batch; false when the socket is empty.
  bool receive(int fd) {
    if (!follow_rotation()) return false;
    std::string lines;
    bool more = true;
    for (int i = 0; i < kBatch && more; ++i) {
      const ssize_t n = ::recv(fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      more = n >= 0 || errno == EINTR;
      if (n > 0) lines += log_line({buffer_.data(), static_cast<std::size_t>(n)});
    }
    if (!lines.empty()) write(lines);
    return more;
  }

  // After a rotation the file may only be opened with the rights of a new process: then this one leaves what waits
  // in the socket to it.
  bool follow_rotation() {
    if (leaving_behind_) return false;
    if (!file_->rotated() || file_->reopen()) return true;
    leaving_behind_ = true;
    worker_->retire();
    return false;
  }

  void write(std::string_view lines) {
    watchdog_->start();
    const auto written = file_->append(lines);
    watchdog_->stop();
    if (written) {
      complained_ = false;
      return;
    }
    if (!std::exchange(complained_, true)) log::warning("{}: {}", file_->path(), written.error().text);
  }

  service::Worker* worker_ = nullptr;
  std::unique_ptr<LogFile> file_;
  std::unique_ptr<Watchdog> watchdog_;
  Duration write_limit_{};
  std::string buffer_;
  std::vector<std::unique_ptr<async::IoWatch>> watches_;
  std::unique_ptr<async::SignalWatch> terminate_;
  bool complained_ = false;
  bool leaving_behind_ = false;
};

}  // namespace

}  // namespace postern::postlogd

int main(int argc, char** argv) {
  postern::postlogd::Server server;
  return postern::service::run(argc, argv, server);
}
