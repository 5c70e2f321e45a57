// SPDX-License-Identifier: Apache-2.0
// The one skeleton of all services that master starts.
//
//   int main(int argc, char** argv) { smtpd::Server server; return service::run(argc, argv, server); }
//
// run() reads the command line that master builds, loads main.cf with the line's -o settings, opens the log, calls
// before_jail() as the user it was started with, changes root and identity as the line says (-c, -u), calls
// after_jail(), reports "ready" and serves: each accepted connection is a root task made by serve(), at most -L of them
// at a time. It retires when master says so or is gone, after max_idle without a session (event workers and isolated
// ones, unless the program is `single`), and, with one session at a time, after max_use sessions: it stops accepting,
// and exits when its last session has ended. SIGTERM ends a worker at once.
//
// With -S a command runs the program by itself: one session on standard input and output, no master.
//
// Sockets of master.cf are SOCK_STREAM, or SOCK_SEQPACKET where the program declares packets, or bound
// SOCK_DGRAM, which a program reads itself through Worker::listeners().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/service/load_meter.h"
#include "lib/service/master_link.h"
#include "lib/service/session_board.h"

namespace postern::service {

// One accepted connection. Addresses are text without brackets, IPv4-mapped IPv6 as IPv4; empty for UNIX sockets.
struct Connection {
  Fd fd;  // non-blocking; TCP_NODELAY where it is TCP
  // For log lines: number above pid_max, unique within a day; 0 (= the pid) with one session per process.
  std::uint64_t number = 0;
  std::string peer_address;
  std::string peer_port;
  std::string local_address;
  std::string local_port;
  bool ipv6 = false;
  // The line of `postfix sessions`: programs say what the session does.
  SessionNote note;
  // What the worker that gave this session away had read from it.
  std::string request;
  [[nodiscard]] bool internet() const { return !peer_address.empty(); }
};

struct Traits {
  std::string_view name;    // program name: log tag, $process_name
  bool single = false;      // one process that sees everything; never idles away
  bool privileged = false;  // keeps root (delivers as users): its line must not say unprivileged
  bool packets = false;     // its UNIX sockets are SOCK_SEQPACKET
  // How long a loop turn may take before the process is ended.
  std::string_view watchdog_parameter = "daemon_timeout";
  bool datagrams = false;  // it reads its sockets itself
};

class Worker;

class Program {
 public:
  virtual ~Program() = default;
  [[nodiscard]] virtual Traits traits() const = 0;
  // With the privileges the process was started with; working directory is queue_directory. No threads.
  virtual void before_jail(Worker&) {}
  // With the final root and identity. Threads may start from here on.
  virtual void after_jail(Worker&) {}
  virtual async::Task<> serve(Worker& worker, Connection connection) = 0;
  // What to suspect when workers crash again and again: sessions of one client, deliveries of one message.
  [[nodiscard]] virtual SuspectKind suspects() const { return SuspectKind::none; }
  // The worker has stopped accepting; persistent connections should end after what is under way.
  virtual void retiring(Worker&) {}
  // Asked before the process leaves; false keeps it (work that belongs to no connection).
  [[nodiscard]] virtual bool idle() const { return true; }
};

class Worker {
 public:
  Worker(async::Loop& loop, config::Config config, Program& program);

  [[nodiscard]] async::Loop& loop() { return loop_; }
  [[nodiscard]] const config::Config& config() const { return config_; }
  [[nodiscard]] const std::string& service_name() const { return service_name_; }         // as in master.cf
  [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }  // behind the options
  [[nodiscard]] bool jailed() const { return chroot_; }
  // Started by root: identities can be changed.
  [[nodiscard]] bool rootful() const { return rootful_; }
  [[nodiscard]] bool stress() const { return stress_; }
  // Run by a command (-S), with the rights of a user.
  [[nodiscard]] bool stand_alone() const { return stand_alone_; }
  [[nodiscard]] bool retiring() const { return retiring_; }
  [[nodiscard]] std::size_t sessions() const { return sessions_; }
  // 1: one session at a time in this process; 0: no limit but descriptors.
  [[nodiscard]] std::size_t session_limit() const { return session_limit_; }
  [[nodiscard]] const std::vector<int>& listeners() const { return listeners_; }
  [[nodiscard]] MasterLink& master() { return *master_; }
  // A program whose connections are not its sessions (tlsproxy) says when it can take no more of those: while it is
  // full no connection is accepted, and master may start another worker for those that wait.
  void set_full(bool full);
  // And lists them itself; the note goes back with end_note().
  [[nodiscard]] SessionNote begin_note(std::string_view peer);
  void end_note(SessionNote note);
  void retire();
  // Of a `single` program that retires: what is left to do disturbs no other process, so the next one may start.
  void step_aside() { master_->send("aside"); }
  // idle() of the program may have become true outside of a session.
  void work_ended() { maybe_leave(); }
  // A file that was loaded and whose change wants a new generation. It may be called before the jail.
  void report_file(const std::string& path);
  // This client address or queue id was under way in two crashed workers, and this process has other sessions to lose.
  [[nodiscard]] bool is_suspect(const std::string& key) const;
  // Hands a session to master, for a process of its own; the caller closes its descriptor. `request` is what was read
  // from it. False: it stays here.
  bool give_away(const std::string& key, int fd, const std::string& request);
  [[nodiscard]] std::uint64_t next_session_number();

 private:
  friend int run(int argc, char** argv, Program& program);
  void parse(int argc, char** argv);
  void open_log();
  void enter_jail();
  void prepare_to_serve(int status_fd);
  void start_serving();
  void serve_stand_alone();
  async::Task<> only_session(Connection connection);
  void accept_from(int listener);
  void accept_all(int listener);
  void begin_session(Fd fd);
  void begin_alone();
  async::Task<> session(Connection connection);
  void on_master(std::string_view message);
  void await_welcome();
  void end_session(std::uint64_t number);
  void measure_load();
  void give_memory_back();
  void update_watches();
  void report_room();
  void maybe_leave();
  void start_watchdog();

  async::Loop& loop_;
  config::Config config_;
  Program& program_;
  std::string service_name_;
  std::string transport_ = "unix";
  std::vector<std::string> arguments_;
  bool unprivileged_ = false;
  bool chroot_ = false;
  bool rootful_ = false;
  bool stress_ = false;
  bool stand_alone_ = false;
  bool retiring_ = false;
  bool full_ = false;  // as the program says
  bool reported_full_ = false;
  bool reported_empty_ = true;
  bool session_numbers_ = true;
  bool welcome_ = false;
  bool alone_ = false;  // this process is for one session that another worker gave away
  std::size_t session_limit_ = 0;
  std::size_t room_ = 0;  // sessions that fit, by limit and descriptors
  std::size_t sessions_ = 0;
  std::size_t busiest_ = 0;  // most sessions since memory was last given back
  std::size_t reported_sessions_ = 0;
  std::uint64_t served_ = 0;
  std::uint64_t session_counter_ = 0;
  std::uint64_t max_use_ = 0;
  Duration max_idle_{0};
  int listener_count_ = 1;
  std::vector<int> listeners_;
  std::vector<std::unique_ptr<async::IoWatch>> watches_;
  std::unique_ptr<async::Timer> idle_timer_;
  std::unique_ptr<async::Timer> log_timer_;
  std::unique_ptr<async::Timer> accept_pause_;  // after the kernel refused a descriptor
  std::unique_ptr<async::Timer> watchdog_;
  std::unique_ptr<async::Timer> first_turn_;
  std::unique_ptr<MasterLink> master_;
  std::vector<std::string> files_;  // reports that wait for master_
  std::optional<SessionBoard> board_;
  std::unique_ptr<LoadMeter> meter_;
  std::set<std::string, std::less<>> suspects_;
  std::unordered_map<std::uint64_t, async::TaskId> tasks_;  // by session number; by pid when there is one session
};

int run(int argc, char** argv, Program& program);

// The bytes of a trigger (wake-up) connection; "" when nothing came in time.
async::Task<std::string> read_trigger(async::Loop& loop, Fd fd);

}  // namespace postern::service
