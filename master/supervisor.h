// SPDX-License-Identifier: Apache-2.0
// Runs the services: ties each Service (decisions) to its sockets, its workers' status pipes, timers and signals.
//
// Everything happens in callbacks of one loop. After every event of a service update() asks it again whether its
// sockets are to be watched.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/fd.h"
#include "master/control.h"
#include "master/plan.h"
#include "master/service.h"
#include "master/sockets.h"

namespace postern::master {

struct Setup {
  Settings settings;
  Plan plan;
  SocketOptions sockets;
  std::vector<std::string> environment;
};

class Supervisor {
 public:
  // `load` reads main.cf and master.cf again; `stdout_fd` (or -1) is what postlogd writes to for /dev/stdout.
  using Load = std::function<Result<Setup>()>;
  Supervisor(async::Loop& loop, Setup setup, Load load, int stdout_fd);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Opens every socket, in order; the first that fails is the error and nothing runs.
  [[nodiscard]] Result<> open();
  // From here on services start; runs until a signal ends it. Returns that signal, 0 after stop_after().
  int run();
  void stop_after(Duration time);

 private:
  struct Channel;
  struct HandedOver;
  struct Unit;

  [[nodiscard]] Result<std::unique_ptr<Unit>> make_unit(ServicePlan plan);
  [[nodiscard]] Service::Options options_of(const Unit& unit) const;
  void announce(const std::vector<std::string>& warnings) const;
  void watch(Unit& unit);
  void watch_listener(Unit& unit, int fd);
  // Opens or closes the socket for sessions from other services, as the plan says.
  [[nodiscard]] Result<> keep_switch_socket(Unit& unit);
  void update(Unit& unit);
  void start_worker(Unit& unit);
  void start_alone(Unit& unit, HandedOver session);
  [[nodiscard]] Result<pid_t> spawn_worker(Unit& unit, const WorkerStart& start, std::vector<int> sockets);
  void open_control();
  void apply(Unit& unit, Effects effects);
  void on_status(Unit& unit, pid_t pid);
  void on_packet(Unit& unit, pid_t pid, std::string_view packet, std::vector<Fd> fds);
  bool read_status(Unit& unit, pid_t pid);  // false: the worker closed its end
  void on_wakeup(Unit& unit);
  void reap();
  void reload();
  void add_unit(const ServicePlan& plan);
  void reload_unit(Unit& unit, ServicePlan plan);
  void drop_unit(std::unique_ptr<Unit> unit);
  void check_files();
  void begin_stop(int signal);
  void stop_step();
  [[nodiscard]] bool workers_left(bool loggers_too) const;
  void signal_workers(int signal, bool loggers) const;

  async::Loop& loop_;
  Setup setup_;
  Load load_;
  int stdout_fd_;
  Resolver resolver_;
  Fd flow_read_;
  Fd flow_write_;
  unsigned starts_ = 0;
  std::vector<std::unique_ptr<Unit>> units_;
  std::vector<std::unique_ptr<Unit>> leaving_;  // gone from master.cf, workers still ending
  std::map<pid_t, Unit*> by_pid_;
  std::unique_ptr<Control> control_;
  std::vector<std::unique_ptr<async::SignalWatch>> signals_;
  std::unique_ptr<async::Timer> key_check_;
  std::unique_ptr<async::Timer> end_;
  std::unique_ptr<async::Timer> stop_timer_;
  std::optional<int> stopping_;
  Deadline stop_began_{};
  bool loggers_told_ = false;
};

}  // namespace postern::master
