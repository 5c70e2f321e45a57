// SPDX-License-Identifier: Apache-2.0
// The state of one service: its workers, and the decisions master takes about them. No I/O, no fork, no log:
// what is to be done comes back as Effects, so that a test can play any history.
//
// A worker has room from its start until it says `full`, retires or dies. master watches the listening sockets while
// wants_worker() holds; a readable socket then means: start one. The status packets of both sides are in
// lib/service/master_link.h.
//
// Crashes. What was under way in two crashed workers (a client, a message: Suspects) is handed by the worker that gets
// it next to a process of its own, an "alone" worker, which serves that one session. When three workers crash in ten
// minutes all the same, the service runs one session per process until reload.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "master/plan.h"
#include "master/suspects.h"

namespace postern::master {

// What a worker read and master looks at from time to time.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed_ns = 0;  // ctime
  bool operator==(const FileStamp&) const = default;
};

struct Effects {
  std::vector<std::pair<log::Level, std::string>> lines;
  std::vector<std::pair<pid_t, std::string>> tell;  // status packets
  std::vector<pid_t> terminate;                     // SIGTERM
  std::vector<pid_t> kill;                          // SIGKILL
  void merge(Effects other);
};

class Service {
 public:
  struct Options {
    Duration throttle{};
    unsigned cores = 1;
    bool public_address = false;  // clients from elsewhere: stress applies, the limit is warned about
    std::string build_id = {};    // what workers must be of
  };
  Service(ServicePlan plan, Options options);

  [[nodiscard]] const ServicePlan& plan() const { return plan_; }

  // --- decisions
  [[nodiscard]] bool wants_worker(Deadline now) const;
  // When a throttle or pause ends and wants_worker() is to be asked again.
  [[nodiscard]] std::optional<Deadline> pause_end(Deadline now) const;
  // Arguments of the next worker; `sockets` is left alone.
  [[nodiscard]] WorkerStart next_start(Deadline now) const;
  // A renewal waits for its first worker: start one now, whatever wants_worker() says.
  [[nodiscard]] bool wants_candidate(Deadline now) const;
  // A wakeup with '?' is due only when somebody has used the service.
  [[nodiscard]] bool ever_started() const { return ever_started_; }
  [[nodiscard]] std::size_t worker_count() const { return workers_.size(); }
  // Whether one more session that was handed over may get its process now; the others wait.
  [[nodiscard]] bool wants_alone() const;
  [[nodiscard]] WorkerStart alone_start(Deadline now) const;

  // --- events
  Effects started(pid_t pid, Deadline now);
  // A process for one session of `key`.
  Effects started_alone(pid_t pid, std::string key, Deadline now);
  Effects start_failed(std::string_view reason, Deadline now);
  Effects report(pid_t pid, std::string_view packet, Deadline now);
  // `under_way`: what its list of sessions said was being worked on (client addresses or queue ids).
  Effects ended(pid_t pid, int wait_status, Deadline now, const std::vector<std::string>& under_way = {});

  // --- changes
  // The configuration was read again: new limits and arguments, pauses end, workers retire.
  Effects reload(ServicePlan plan, Options options);
  // The line is gone: workers get SIGTERM and their end is not worth a line.
  Effects remove();
  // Files that a worker read have changed.
  Effects renew();
  [[nodiscard]] const std::map<std::string, FileStamp>& watched_files() const { return files_; }
  // `path` has this stamp now. True once for every change.
  [[nodiscard]] bool file_changed(const std::string& path, const FileStamp& stamp);

 private:
  enum class Phase { starting, ready, retiring };
  struct Worker {
    unsigned generation = 0;
    Phase phase = Phase::starting;
    int session_limit = 0;
    int sessions = 0;
    bool full = false;
    bool aside = false;  // what one process must do alone is done: its successor may start
    bool busy = false;
    bool late = false;
    bool foreign = false;  // of another build: it is being killed
    std::string alone;     // the key that it is for
    bool served = false;
    bool failed = false;  // said why it cannot load everything
    Deadline start;
    std::map<std::string, FileStamp> files;
    [[nodiscard]] bool has_room() const { return phase != Phase::retiring && !full && alone.empty() && !foreign; }
  };
  enum class Renewal { none, wanted, running };

  [[nodiscard]] int share(bool candidate) const;  // sessions of the next worker; 0 = no limit, -1 = none to give
  [[nodiscard]] bool limit_allows() const;
  [[nodiscard]] bool one_per_process() const { return plan_.one_per_process || isolated_after_crashes_; }
  [[nodiscard]] int process_limit() const;
  [[nodiscard]] bool at_limit() const;
  [[nodiscard]] bool stress_now(Deadline now) const;
  [[nodiscard]] bool knows_stress() const { return options_.public_address && plan_.limit != 1; }
  [[nodiscard]] bool renewable() const { return plan_.kind == Kind::session && !one_per_process(); }
  [[nodiscard]] std::string label() const;
  void retire(pid_t pid, Worker& worker, Effects& effects);
  Effects retire_all_but(unsigned generation);
  void on_ready(Worker& worker, Effects& effects);
  void load_failed(pid_t pid, Worker& worker, const std::string& reason, Effects& effects);
  void check_build(pid_t pid, Worker& worker, std::string_view build, Deadline now, Effects& effects);
  void account_crash(const Worker& worker, const std::vector<std::string>& under_way, Deadline now, Effects& effects);
  void tell_all(std::string_view verb, const std::vector<std::string>& keys, Effects& effects) const;
  void pause(const Worker& worker, Deadline now);
  void update_stress(Deadline now, Effects& effects);
  void warn_about_limit(Deadline now, Effects& effects);

  ServicePlan plan_;
  Options options_;
  std::map<pid_t, Worker> workers_;
  unsigned generation_ = 1;
  Renewal renewal_ = Renewal::none;
  bool removed_ = false;
  bool ever_started_ = false;
  Deadline not_before_{};
  Duration next_pause_{};
  std::vector<Deadline> crashes_;
  Suspects suspects_;
  bool isolated_after_crashes_ = false;
  bool stress_ = false;
  Deadline stress_until_{};
  std::optional<Deadline> limit_warning_;
  std::map<std::string, FileStamp> files_;
};

}  // namespace postern::master
