// SPDX-License-Identifier: Apache-2.0
#include "master/supervisor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>

#include "lib/base/log.h"
#include "lib/service/build_id.h"
#include "lib/service/master_link.h"
#include "lib/service/session_board.h"
#include "master/environment.h"
#include "master/spawn.h"

namespace postern::master {

namespace {

using namespace std::chrono_literals;

// `postfix stop` waits five seconds before it uses force.
constexpr Duration kWorkersMayTake = 3s;
constexpr Duration kStopMayTake = 4500ms;
constexpr Duration kStopStep = 20ms;
// Sessions that wait for a process of their own; their clients wait, too.
constexpr std::size_t kHandedOverLimit = 1000;

FileStamp stamp_of(const struct stat& st) {
  return {st.st_dev, st.st_ino, st.st_size, st.st_ctim.tv_sec * 1'000'000'000LL + st.st_ctim.tv_nsec};
}

bool is_logger(const ServicePlan& plan) { return plan.entry.command == "postlogd"; }

}  // namespace

// Master's end of one worker's status socket.
struct Supervisor::Channel {
  Fd fd;
  std::unique_ptr<async::IoWatch> watch;
  Fd board;  // its list of sessions
};

// A session that a worker gave away, and what had been read from it.
struct Supervisor::HandedOver {
  std::string key;
  std::vector<Fd> fds;
};

struct Supervisor::Unit {
  explicit Unit(Service s) : service(std::move(s)) {}
  Service service;
  Listeners listeners;
  // Another listener, which comes and goes with the configuration, and where it is.
  Fd switch_socket;
  std::string switch_path;
  // Watches go before the descriptors that they watch.
  std::vector<std::unique_ptr<async::IoWatch>> watches;
  std::map<pid_t, Channel> channels;
  std::deque<HandedOver> handed_over;
  std::unique_ptr<async::Timer> pause;
  std::unique_ptr<async::Timer> wakeup;
  ~Unit() { watches.clear(); }
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;
};

Supervisor::Supervisor(async::Loop& loop, Setup setup, Load load, int stdout_fd)
    : loop_(loop),
      setup_(std::move(setup)),
      load_(std::move(load)),
      stdout_fd_(stdout_fd),
      resolver_(system_resolver([this](const std::string& service) { return setup_.sockets.ports.find(service); })) {}

Supervisor::~Supervisor() = default;

// --- opening -----------------------------------------------------------------------------------------

void Supervisor::announce(const std::vector<std::string>& warnings) const {
  for (const auto& line : warnings) log::warning("{}", line);
  for (const auto& line : setup_.plan.missing) log::info("{}", line);
}

Result<> Supervisor::open() {
  std::array<int, 2> flow{};
  if (::pipe2(flow.data(), O_CLOEXEC | O_NONBLOCK) < 0) return fail_errno("pipe");
  flow_read_.reset(flow[0]);
  flow_write_.reset(flow[1]);
  open_control();
  for (auto& plan : setup_.plan.services) {
    auto unit = make_unit(plan);
    if (!unit) return std::unexpected(unit.error());
    if (*unit) units_.push_back(std::move(*unit));
  }
  return {};
}

// Without it the mail system works, only its sessions cannot be listed.
void Supervisor::open_control() {
  Control::Actions actions;
  actions.workers = [this] {
    std::vector<Control::WorkerEntry> out;
    for (const auto& [pid, unit] : by_pid_) {
      const auto channel = unit->channels.find(pid);
      if (channel == unit->channels.end() || !channel->second.board) continue;
      out.push_back({pid, unit->service.plan().entry.service, channel->second.board.get()});
    }
    return out;
  };
  actions.end_session = [this](pid_t pid, std::uint64_t number) {
    const auto known = by_pid_.find(pid);
    if (known != by_pid_.end()) {
      apply(*known->second,
            {.lines = {}, .tell = {{pid, "end " + std::to_string(number)}}, .terminate = {}, .kill = {}});
    }
  };
  auto control = Control::open(loop_, setup_.settings.main.process_id_directory + "/control", std::move(actions));
  if (!control) {
    log::warning("{}", control.error().text);
    return;
  }
  control_ = std::move(*control);
}

// Null: an inet service of a machine without network protocols.
Result<std::unique_ptr<Supervisor::Unit>> Supervisor::make_unit(ServicePlan plan) {
  if (plan.entry.type == config::ServiceType::inet && !setup_.sockets.protocols.any()) {
    log::warning("service {}: all network protocols are disabled: inet service is skipped", plan.endpoint());
    return nullptr;
  }
  auto listeners = open_listeners(plan, setup_.sockets, resolver_);
  if (!listeners) return fail("service " + plan.endpoint() + ": " + listeners.error().text, listeners.error().code);
  Service::Options options{.throttle = setup_.settings.main.service_throttle_time,
                           .cores = setup_.settings.cores,
                           .public_address = listeners->public_address,
                           .build_id = std::string(build_id())};
  auto unit = std::make_unique<Unit>(Service(std::move(plan), options));
  unit->listeners = std::move(*listeners);
  if (auto opened = keep_switch_socket(*unit); !opened) return std::unexpected(opened.error());
  return unit;
}

Service::Options Supervisor::options_of(const Unit& unit) const {
  return {.throttle = setup_.settings.main.service_throttle_time,
          .cores = setup_.settings.cores,
          .public_address = unit.listeners.public_address,
          .build_id = std::string(build_id())};
}

Result<> Supervisor::keep_switch_socket(Unit& unit) {
  const std::string& wanted = unit.service.plan().switch_socket;
  if (wanted == unit.switch_path) return {};
  unit.switch_socket.reset();
  if (!unit.switch_path.empty()) ::unlink(unit.switch_path.c_str());
  unit.switch_path.clear();
  if (wanted.empty()) return {};
  auto fd = open_switch_socket(wanted, setup_.sockets);
  if (!fd) return fail("service " + unit.service.plan().endpoint() + ": " + fd.error().text, fd.error().code);
  unit.switch_socket = std::move(*fd);
  unit.switch_path = wanted;
  return {};
}

void Supervisor::watch_listener(Unit& unit, int fd) {
  Unit* raw = &unit;
  unit.watches.push_back(std::make_unique<async::IoWatch>(loop_, fd, async::IoWatch::What::read, [this, raw] {
    // Another socket of the service may have been first in this turn.
    if (raw->service.wants_worker(Clock::now())) start_worker(*raw);
    update(*raw);
  }));
}

void Supervisor::watch(Unit& unit) {
  Unit* raw = &unit;
  unit.watches.clear();
  for (const auto& fd : unit.listeners.sockets) watch_listener(unit, fd.get());
  if (unit.switch_socket) watch_listener(unit, unit.switch_socket.get());
  unit.pause = std::make_unique<async::Timer>(loop_, [this, raw] { update(*raw); });
  unit.wakeup = std::make_unique<async::Timer>(loop_, [this, raw] { on_wakeup(*raw); });
}

int Supervisor::run() {
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) {
    signals_.push_back(std::make_unique<async::SignalWatch>(loop_, signal, [this, signal] { begin_stop(signal); }));
  }
  signals_.push_back(std::make_unique<async::SignalWatch>(loop_, SIGCHLD, [this] { reap(); }));
  signals_.push_back(std::make_unique<async::SignalWatch>(loop_, SIGHUP, [this] { reload(); }));
  loop_.at_turn_end([] { log::flush(); });
  stop_timer_ = std::make_unique<async::Timer>(loop_, [this] { stop_step(); });
  key_check_ = std::make_unique<async::Timer>(loop_, [this] { check_files(); });
  key_check_->start(setup_.settings.main.tls_key_check_interval);
  log::info("daemon started -- version {}, configuration {}", setup_.settings.main.mail_version,
            setup_.settings.config_directory);
  announce(setup_.plan.warnings);
  for (auto& unit : units_) {
    watch(*unit);
    on_wakeup(*unit);
    update(*unit);
  }
  loop_.run();
  return stopping_.value_or(0);
}

void Supervisor::stop_after(Duration time) {
  end_ = std::make_unique<async::Timer>(loop_, [this] { begin_stop(0); });
  end_->start(time);
}

// --- workers -----------------------------------------------------------------------------------------

void Supervisor::update(Unit& unit) {
  const auto now = Clock::now();
  if (!stopping_ && unit.service.wants_candidate(now)) start_worker(unit);
  while (!stopping_ && !unit.handed_over.empty() && unit.service.wants_alone()) {
    HandedOver session = std::move(unit.handed_over.front());
    unit.handed_over.pop_front();
    start_alone(unit, std::move(session));
  }
  const bool wanted = (!stopping_ || is_logger(unit.service.plan())) && unit.service.wants_worker(now);
  for (auto& w : unit.watches) wanted ? w->enable() : w->disable();
  if (const auto end = unit.service.pause_end(now); end && unit.pause) {
    unit.pause->start(std::chrono::duration_cast<Duration>(*end - now) + 1ms);
  }
}

Result<pid_t> Supervisor::spawn_worker(Unit& unit, const WorkerStart& start, std::vector<int> sockets) {
  auto pair = socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (!pair) return std::unexpected(pair.error());
  const auto& plan = unit.service.plan();
  SpawnRequest request{.path = plan.path,
                       .arguments = worker_arguments(plan, setup_.settings, start),
                       .environment = setup_.environment,
                       .flow_read = flow_read_.get(),
                       .flow_write = flow_write_.get(),
                       .status = pair->second.get(),
                       .listeners = std::move(sockets),
                       .standard_output = is_logger(plan) ? stdout_fd_ : -1};
  request.environment.push_back(generation_setting(starts_++));
  const auto pid = spawn(request);
  if (!pid) return pid;
  Unit* raw = &unit;
  Channel channel{.fd = std::move(pair->first), .watch = nullptr, .board = Fd()};
  channel.watch = std::make_unique<async::IoWatch>(loop_, channel.fd.get(), async::IoWatch::What::read,
                                                   [this, raw, id = *pid] { on_status(*raw, id); });
  channel.watch->enable();
  unit.channels.insert_or_assign(*pid, std::move(channel));
  by_pid_[*pid] = raw;
  return pid;
}

void Supervisor::start_worker(Unit& unit) {
  const auto now = Clock::now();
  auto start = unit.service.next_start(now);
  std::vector<int> sockets;
  sockets.reserve(unit.listeners.sockets.size() + 1);
  for (const auto& fd : unit.listeners.sockets) sockets.push_back(fd.get());
  if (unit.switch_socket) sockets.push_back(unit.switch_socket.get());
  start.sockets = sockets.size();
  const auto pid = spawn_worker(unit, start, std::move(sockets));
  apply(unit, pid ? unit.service.started(*pid, now) : unit.service.start_failed(pid.error().text, now));
}

void Supervisor::start_alone(Unit& unit, HandedOver session) {
  const auto now = Clock::now();
  auto start = unit.service.alone_start(now);
  start.sockets = session.fds.size();
  std::vector<int> sockets;
  sockets.reserve(session.fds.size());
  for (const auto& fd : session.fds) sockets.push_back(fd.get());
  const auto pid = spawn_worker(unit, start, std::move(sockets));
  apply(unit, pid ? unit.service.started_alone(*pid, std::move(session.key), now)
                  : unit.service.start_failed(pid.error().text, now));
}

void Supervisor::apply(Unit& unit, Effects effects) {
  for (const auto& [level, line] : effects.lines) log::write(level, line);
  for (const auto& [pid, packet] : effects.tell) {
    const auto channel = unit.channels.find(pid);
    if (channel == unit.channels.end()) continue;
    const auto sent = ::send(channel->second.fd.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    // A worker that does not read for so long is told by the end of the connection.
    if (sent < 0 && errno == EAGAIN) ::shutdown(channel->second.fd.get(), SHUT_WR);
  }
  for (const pid_t pid : effects.terminate) ::kill(pid, SIGTERM);
  for (const pid_t pid : effects.kill) ::kill(pid, SIGKILL);
}

void Supervisor::on_status(Unit& unit, pid_t pid) {
  if (!read_status(unit, pid)) {
    // The process is ending. What that means is decided when its status is known: between the two it still counts.
    unit.channels.at(pid).watch->disable();
  }
  update(unit);
}

bool Supervisor::read_status(Unit& unit, pid_t pid) {
  const auto channel = unit.channels.find(pid);
  if (channel == unit.channels.end()) return true;
  for (;;) {
    auto packet = service::receive_status(channel->second.fd.get());
    if (!packet) return true;
    if (packet->text.empty()) return false;
    on_packet(unit, pid, packet->text, std::move(packet->fds));
  }
}

// Those with descriptors are ours, the others the service's.
void Supervisor::on_packet(Unit& unit, pid_t pid, std::string_view packet, std::vector<Fd> fds) {
  if (packet == "board" && fds.size() == 1) {
    unit.channels.at(pid).board = std::move(fds.front());
    return;
  }
  if (packet.starts_with("alone ") && !fds.empty()) {
    if (unit.handed_over.size() >= kHandedOverLimit || stopping_) return;
    unit.handed_over.push_back({std::string(packet.substr(packet.find(' ') + 1)), std::move(fds)});
    return;
  }
  apply(unit, unit.service.report(pid, packet, Clock::now()));
}

void Supervisor::reap() {
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
    const auto known = by_pid_.find(pid);
    // As process 1 we also get the orphans of others.
    if (known == by_pid_.end()) continue;
    Unit& unit = *known->second;
    (void)read_status(unit, pid);  // what it said before it ended
    // A worker that our own SIGTERM ended needs no line.
    const auto channel = unit.channels.find(pid);
    const bool crashed = WIFSIGNALED(status) && channel != unit.channels.end() && channel->second.board;
    const auto under_way = crashed ? service::suspects_of(channel->second.board.get()) : std::vector<std::string>();
    auto effects = unit.service.ended(pid, status, Clock::now(), under_way);
    unit.channels.erase(pid);
    by_pid_.erase(known);
    if (!stopping_) apply(unit, std::move(effects));
    update(unit);
  }
  std::erase_if(leaving_, [](const auto& unit) { return unit->service.worker_count() == 0; });
  if (stopping_) stop_step();
}

void Supervisor::on_wakeup(Unit& unit) {
  const auto& entry = unit.service.plan().entry;
  if (entry.wakeup <= 0) return;
  if (!entry.wakeup_if_used || unit.service.ever_started()) send_wakeup(unit.service.plan(), 'W');
  unit.wakeup->start(std::chrono::seconds(entry.wakeup));
}

// --- reload ------------------------------------------------------------------------------------------

namespace {

void warn_ignored(const ServicePlan& plan, const std::vector<std::string>& parameters) {
  for (const auto& name : parameters) {
    log::warning("service {}: ignoring {} change", plan.endpoint(), name);
    log::warning("to change {}, stop and start Postfix", name);
  }
}

}  // namespace

void Supervisor::reload() {
  if (stopping_) return;
  auto setup = load_();
  if (!setup) {
    log::error("reload: {}; the configuration stays as it was", setup.error().text);
    return;
  }
  log::info("reload -- version {}, configuration {}", setup->settings.main.mail_version,
            setup->settings.config_directory);
  // The sockets that are open stay as they are.
  std::vector<std::string> ignored;
  if (setup->sockets.interfaces != setup_.sockets.interfaces) ignored.emplace_back("inet_interfaces");
  if (setup->sockets.protocols != setup_.sockets.protocols) ignored.emplace_back("inet_protocols");
  setup->sockets.interfaces = setup_.sockets.interfaces;
  setup->sockets.protocols = setup_.sockets.protocols;
  auto old = std::exchange(units_, {});
  setup_ = std::move(*setup);
  announce(setup_.plan.warnings);
  for (auto& plan : setup_.plan.services) {
    const auto kept = std::ranges::find_if(
        old, [&plan](const auto& unit) { return unit && unit->service.plan().same_service(plan); });
    if (kept != old.end()) {
      units_.push_back(std::move(*kept));
      if (plan.entry.type == config::ServiceType::inet) warn_ignored(plan, ignored);
      reload_unit(*units_.back(), plan);
      continue;
    }
    add_unit(plan);
  }
  for (auto& unit : old) {
    if (unit) drop_unit(std::move(unit));
  }
  key_check_->start(setup_.settings.main.tls_key_check_interval);
}

void Supervisor::add_unit(const ServicePlan& plan) {
  auto unit = make_unit(plan);
  if (!unit) {
    log::error("{}", unit.error().text);
    return;
  }
  if (!*unit) return;
  units_.push_back(std::move(*unit));
  watch(*units_.back());
  on_wakeup(*units_.back());
  update(*units_.back());
}

void Supervisor::reload_unit(Unit& unit, ServicePlan plan) {
  apply(unit, unit.service.reload(std::move(plan), options_of(unit)));
  // The watches go first: they watch what may be closed now.
  unit.watches.clear();
  if (auto kept = keep_switch_socket(unit); !kept) log::error("{}", kept.error().text);
  watch(unit);
  unit.wakeup->stop();
  on_wakeup(unit);
  update(unit);
}

void Supervisor::drop_unit(std::unique_ptr<Unit> unit) {
  apply(*unit, unit->service.remove());
  unit->watches.clear();
  unit->listeners.sockets.clear();
  unit->switch_socket.reset();
  if (!unit->switch_path.empty()) ::unlink(unit->switch_path.c_str());
  unit->wakeup->stop();
  unit->pause->stop();
  if (unit->service.worker_count() > 0) leaving_.push_back(std::move(unit));
}

void Supervisor::check_files() {
  for (auto& unit : units_) {
    bool changed = false;
    for (const auto& [path, old] : std::map(unit->service.watched_files())) {
      struct stat st{};
      // A file that is away for a moment is being replaced.
      if (::stat(path.c_str(), &st) < 0 || !unit->service.file_changed(path, stamp_of(st))) continue;
      log::info("{} has changed: renewing service {}", path, unit->service.plan().endpoint());
      changed = true;
    }
    if (!changed) continue;
    apply(*unit, unit->service.renew());
    update(*unit);
  }
  key_check_->start(setup_.settings.main.tls_key_check_interval);
}

// --- stop --------------------------------------------------------------------------------------------

bool Supervisor::workers_left(bool loggers_too) const {
  return std::ranges::any_of(by_pid_,
                             [&](const auto& p) { return loggers_too || !is_logger(p.second->service.plan()); });
}

void Supervisor::signal_workers(int signal, bool loggers) const {
  for (const auto& [pid, unit] : by_pid_) {
    if (is_logger(unit->service.plan()) == loggers) ::kill(pid, signal);
  }
}

// Workers first, postlogd when they are gone, so that the last lines reach the log.
void Supervisor::begin_stop(int signal) {
  if (stopping_) return;
  stopping_ = signal;
  stop_began_ = Clock::now();
  if (signal != 0) log::info("terminating on signal {}", signal);
  log::flush();
  for (auto& unit : units_) {
    unit->wakeup->stop();
    update(*unit);
  }
  signal_workers(SIGTERM, false);
  stop_step();
}

void Supervisor::stop_step() {
  const auto elapsed = Clock::now() - stop_began_;
  if ((!workers_left(false) || elapsed > kWorkersMayTake) && !std::exchange(loggers_told_, true)) {
    log::flush();
    // Commands that workers ran are in our process group.
    if (::getpgrp() == ::getpid()) ::kill(0, SIGTERM);
    signal_workers(SIGTERM, true);
  }
  if ((loggers_told_ && !workers_left(true)) || elapsed > kStopMayTake) {
    signal_workers(SIGKILL, false);
    signal_workers(SIGKILL, true);
    loop_.stop();
    return;
  }
  stop_timer_->start(kStopStep);
}

}  // namespace postern::master
