// SPDX-License-Identifier: Apache-2.0
#include "master/service.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "lib/base/text.h"

namespace postern::master {

namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstPause = 100ms;
// A worker that lived this long without a client was not wanted; that is no reason to hold the next one back.
constexpr Duration kLongLife = 10s;
constexpr Duration kStressHold = 1000s;
constexpr Duration kLimitWarningEvery = 1000s;
constexpr Duration kCrashWindow = 10min;
constexpr std::size_t kCrashesToIsolate = 3;
// One process each: more than this would hurt the host more than waiting.
constexpr int kIsolatedProcesses = 100;
// Of one packet with keys.
constexpr std::size_t kKeysPerPacket = 100;

std::optional<std::pair<std::string, FileStamp>> parse_file_report(std::string_view fields) {
  std::array<std::uint64_t, 2> ids{};
  std::array<std::int64_t, 2> numbers{};
  for (auto& id : ids) {
    const auto cut = text::cut(fields, ' ');
    const auto value = cut ? text::to_u64(cut->first) : std::nullopt;
    if (!value) return std::nullopt;
    id = *value;
    fields = cut->second;
  }
  for (auto& number : numbers) {
    const auto cut = text::cut(fields, ' ');
    const auto value = cut ? text::to_i64(cut->first) : std::nullopt;
    if (!value) return std::nullopt;
    number = *value;
    fields = cut->second;
  }
  if (fields.empty()) return std::nullopt;
  return std::pair{std::string(fields), FileStamp{ids[0], ids[1], numbers[0], numbers[1]}};
}

}  // namespace

void Effects::merge(Effects other) {
  std::ranges::move(other.lines, std::back_inserter(lines));
  std::ranges::move(other.tell, std::back_inserter(tell));
  std::ranges::move(other.terminate, std::back_inserter(terminate));
  std::ranges::move(other.kill, std::back_inserter(kill));
}

Service::Service(ServicePlan plan, Options options) : plan_(std::move(plan)), options_(options) {}

std::string Service::label() const { return "service \"" + plan_.entry.service + "\" (" + plan_.endpoint() + ")"; }

// --- limits ------------------------------------------------------------------------------------------

int Service::process_limit() const {
  if (!isolated_after_crashes_ || plan_.one_per_process) return plan_.limit;
  return plan_.limit == 0 ? kIsolatedProcesses : std::min(plan_.limit, kIsolatedProcesses);
}

// Every core's worker gets an equal part of the service's sessions, so that together they are exactly the limit.
int Service::share(bool candidate) const {
  if (plan_.kind == Kind::single) return 0;
  if (one_per_process()) return 1;
  if (plan_.limit == 0) return plan_.per_worker;
  const int cores = static_cast<int>(options_.cores);
  const int part = std::min((plan_.limit + cores - 1) / cores, plan_.per_worker);
  if (candidate) return part;
  int left = plan_.limit;
  for (const auto& [pid, worker] : workers_) {
    left -= worker.phase == Phase::retiring ? worker.sessions : worker.session_limit;
  }
  return left > 0 ? std::min(part, left) : -1;
}

bool Service::limit_allows() const {
  if (plan_.kind == Kind::single) {
    return std::ranges::all_of(workers_, [](const auto& w) { return w.second.aside; });
  }
  if (!one_per_process()) return share(false) >= 0;
  return process_limit() == 0 || static_cast<int>(workers_.size()) < process_limit();
}

bool Service::at_limit() const {
  return plan_.kind != Kind::single && !limit_allows() &&
         std::ranges::none_of(workers_, [](const auto& w) { return w.second.has_room(); });
}

// --- decisions ---------------------------------------------------------------------------------------

bool Service::wants_worker(Deadline now) const {
  if (removed_ || now < not_before_ || !limit_allows()) return false;
  bool room = false;
  bool all_busy = true;
  unsigned serving = 0;
  for (const auto& [pid, worker] : workers_) {
    if (worker.phase == Phase::retiring || !worker.alone.empty()) continue;
    ++serving;
    if (!worker.has_room()) continue;
    room = true;
    all_busy = all_busy && worker.busy;
  }
  if (!room) return true;
  return all_busy && plan_.kind == Kind::session && !one_per_process() && serving < options_.cores;
}

std::optional<Deadline> Service::pause_end(Deadline now) const {
  if (removed_ || not_before_ <= now) return std::nullopt;
  return not_before_;
}

bool Service::wants_candidate(Deadline now) const {
  return !removed_ && renewal_ == Renewal::wanted && now >= not_before_;
}

WorkerStart Service::next_start(Deadline now) const {
  WorkerStart start;
  start.session_limit = std::max(0, share(renewal_ == Renewal::wanted));
  start.knows_stress = knows_stress();
  const bool fills = plan_.one_per_process && static_cast<int>(workers_.size()) + 1 >= plan_.limit;
  start.stress = start.knows_stress && (stress_now(now) || (fills && plan_.limit > 0));
  return start;
}

bool Service::wants_alone() const {
  return !removed_ &&
         std::ranges::count_if(workers_, [](const auto& w) { return !w.second.alone.empty(); }) < kIsolatedProcesses;
}

WorkerStart Service::alone_start(Deadline now) const {
  return {.session_limit = 1, .knows_stress = knows_stress(), .stress = stress_now(now), .alone = true};
}

bool Service::stress_now(Deadline now) const {
  if (!knows_stress()) return false;
  if (now < stress_until_) return true;
  if (at_limit()) return true;
  return std::ranges::any_of(workers_, [](const auto& w) { return w.second.late && w.second.phase == Phase::ready; });
}

// --- events ------------------------------------------------------------------------------------------

Effects Service::started(pid_t pid, Deadline now) {
  Effects effects;
  Worker worker;
  worker.session_limit = next_start(now).session_limit;
  worker.start = now;
  if (renewal_ == Renewal::wanted) {
    ++generation_;
    renewal_ = Renewal::running;
  }
  worker.generation = generation_;
  workers_.insert_or_assign(pid, std::move(worker));
  ever_started_ = true;
  if (plan_.one_per_process && plan_.limit > 1 && static_cast<int>(workers_.size()) >= plan_.limit &&
      options_.public_address) {
    stress_until_ = now + kStressHold;
    warn_about_limit(now, effects);
  }
  update_stress(now, effects);
  tell_all("isolate", suspects_.list(now), effects);
  return effects;
}

Effects Service::started_alone(pid_t pid, std::string key, Deadline now) {
  Worker worker;
  worker.session_limit = 1;
  worker.start = now;
  worker.alone = std::move(key);
  worker.generation = generation_;
  workers_.insert_or_assign(pid, std::move(worker));
  return {};
}

Effects Service::start_failed(std::string_view reason, Deadline now) {
  Effects effects;
  effects.lines.emplace_back(log::Level::warning, "master_spawn: " + std::string(reason) + " -- throttling");
  not_before_ = now + options_.throttle;
  return effects;
}

Effects Service::report(pid_t pid, std::string_view packet, Deadline now) {
  Effects effects;
  const auto found = workers_.find(pid);
  if (found == workers_.end()) return effects;
  Worker& worker = found->second;
  const auto space = std::min(packet.find(' '), packet.size());
  const auto verb = packet.substr(0, space);
  const auto rest = packet.substr(std::min(space + 1, packet.size()));
  if (verb == "ready") {
    on_ready(worker, effects);
  } else if (verb == "free" || verb == "full") {
    worker.full = verb == "full";
    worker.sessions = static_cast<int>(text::to_u64(rest).value_or(0));
    worker.served = worker.served || worker.full || worker.sessions > 0;
    if (worker.served) next_pause_ = {};
  } else if (verb == "busy" || verb == "late" || verb == "calm") {
    worker.busy = verb != "calm";
    worker.late = verb == "late";
  } else if (verb == "aside") {
    worker.aside = worker.phase == Phase::retiring;
  } else if (verb == "build") {
    check_build(pid, worker, rest, now, effects);
  } else if (verb == "file") {
    if (auto file = parse_file_report(rest)) worker.files.insert(std::move(*file));
  } else if (verb == "failed") {
    load_failed(pid, worker, text::printable(rest), effects);
  }
  if (!one_per_process() && at_limit()) warn_about_limit(now, effects);
  update_stress(now, effects);
  return effects;
}

// An upgrade has replaced the programs under a master that still runs.
void Service::check_build(pid_t pid, Worker& worker, std::string_view build, Deadline now, Effects& effects) {
  if (build == options_.build_id) effects.tell.emplace_back(pid, "welcome");
  if (build == options_.build_id || worker.foreign) return;
  worker.foreign = true;
  effects.kill.push_back(pid);
  effects.lines.emplace_back(log::Level::error, label() + ": " + plan_.path + " is of another build (" +
                                                    text::printable(build) + ") than this master (" +
                                                    options_.build_id +
                                                    "): it is not started; stop and start the mail system to use it");
  not_before_ = now + options_.throttle;
}

void Service::on_ready(Worker& worker, Effects& effects) {
  auto files = std::exchange(worker.files, {});
  // Told to retire while it was starting: it finds that in its status pipe.
  if (worker.phase != Phase::starting) return;
  worker.phase = Phase::ready;
  worker.failed = false;
  files_ = std::move(files);
  if (renewal_ == Renewal::running && worker.generation == generation_) {
    renewal_ = Renewal::none;
    effects.merge(retire_all_but(generation_));
  }
}

// A worker of a new generation goes, and the old ones serve on. The first worker of all may go on with what it could
// load: it says `ready` after this.
void Service::load_failed(pid_t pid, Worker& worker, const std::string& reason, Effects& effects) {
  if (worker.failed) return;
  worker.failed = true;
  const bool renewal = renewal_ == Renewal::running && worker.generation == generation_;
  effects.lines.emplace_back(
      log::Level::error,
      label() + ": " + reason + (renewal ? "; the workers that run keep what they have loaded" : ""));
  if (!renewal) return;
  renewal_ = Renewal::none;
  retire(pid, worker, effects);
}

Effects Service::ended(pid_t pid, int wait_status, Deadline now, const std::vector<std::string>& under_way) {
  Effects effects;
  auto node = workers_.extract(pid);
  if (node.empty()) return effects;
  Worker& worker = node.mapped();
  const bool clean = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  if (removed_) return effects;
  if (worker.foreign) {
    if (renewal_ == Renewal::running && worker.generation == generation_) renewal_ = Renewal::none;
    return effects;
  }
  const std::string who = "process " + plan_.path + " pid " + std::to_string(pid);
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    effects.lines.emplace_back(log::Level::warning, who + " killed by signal " + std::to_string(signal));
    if (signal != SIGTERM) account_crash(worker, under_way, now, effects);
  } else if (!clean) {
    effects.lines.emplace_back(log::Level::warning, who + " exit status " + std::to_string(WEXITSTATUS(wait_status)));
  }
  if (!worker.alone.empty()) {
    if (clean && suspects_.absolve(worker.alone)) tell_all("absolve", {worker.alone}, effects);
    return effects;
  }
  const bool never_ready = worker.phase == Phase::starting;
  if (renewal_ == Renewal::running && worker.generation == generation_ && !worker.failed) {
    load_failed(pid, worker, "the new worker ended before it was ready", effects);
  }
  if (worker.failed) {
    // The reason is in the log; workers of the old generation serve on.
    if (workers_.empty()) not_before_ = now + options_.throttle;
  } else if (!clean && never_ready) {
    effects.lines.emplace_back(log::Level::warning, plan_.path + ": bad command startup -- throttling");
    not_before_ = now + options_.throttle;
  } else if (worker.phase != Phase::retiring || !clean) {
    pause(worker, now);
  }
  update_stress(now, effects);
  return effects;
}

// A worker that ends without having served anybody must not be replaced in a tight loop.
void Service::pause(const Worker& worker, Deadline now) {
  if (worker.served || now - worker.start >= kLongLife) {
    next_pause_ = {};
    return;
  }
  next_pause_ = std::min(std::max(next_pause_ * 2, kFirstPause), std::max(options_.throttle, kFirstPause));
  not_before_ = now + next_pause_;
}

void Service::account_crash(const Worker& worker, const std::vector<std::string>& under_way, Deadline now,
                            Effects& effects) {
  // It had no other session to take along: that is what the process of its own was for.
  if (!worker.alone.empty()) {
    suspects_.crashed({worker.alone}, now);
    return;
  }
  if (!one_per_process() && plan_.kind == Kind::session) {
    const auto fresh = suspects_.crashed(under_way, now);
    for (const auto& key : fresh) {
      effects.lines.emplace_back(
          log::Level::warning,
          label() + ": " + key + " was under way in two workers that crashed; it gets a process of its own");
    }
    tell_all("isolate", fresh, effects);
  }
  std::erase_if(crashes_, [now](Deadline t) { return now - t > kCrashWindow; });
  crashes_.push_back(now);
  if (crashes_.size() < kCrashesToIsolate || one_per_process() || plan_.kind != Kind::session) return;
  isolated_after_crashes_ = true;
  effects.lines.emplace_back(log::Level::warning,
                             label() + ": " + std::to_string(crashes_.size()) +
                                 " workers crashed within 10 minutes; one session per process until reload");
  effects.merge(retire_all_but(++generation_));
}

void Service::tell_all(std::string_view verb, const std::vector<std::string>& keys, Effects& effects) const {
  for (std::size_t i = 0; i < keys.size(); i += kKeysPerPacket) {
    std::string packet(verb);
    for (std::size_t k = i; k < std::min(i + kKeysPerPacket, keys.size()); ++k) packet += " " + keys[k];
    for (const auto& [pid, worker] : workers_) {
      if (worker.phase != Phase::retiring && worker.session_limit != 1) effects.tell.emplace_back(pid, packet);
    }
  }
}

void Service::update_stress(Deadline now, Effects& effects) {
  const bool stress = stress_now(now);
  if (stress == stress_) return;
  stress_ = stress;
  for (const auto& [pid, worker] : workers_) {
    if (worker.phase != Phase::retiring) effects.tell.emplace_back(pid, stress ? "stress yes" : "stress no");
  }
}

void Service::warn_about_limit(Deadline now, Effects& effects) {
  if (!options_.public_address || (limit_warning_ && now - *limit_warning_ < kLimitWarningEvery)) return;
  limit_warning_ = now;
  effects.lines.emplace_back(log::Level::warning, label() + " has reached its process limit \"" +
                                                      std::to_string(plan_.limit) +
                                                      "\": new clients may experience noticeable delays");
  effects.lines.emplace_back(log::Level::warning,
                             "to avoid this condition, increase the process count in master.cf or reduce the "
                             "service time per client");
  effects.lines.emplace_back(log::Level::warning,
                             "see https://www.postfix.org/STRESS_README.html for examples of stress-adapting "
                             "configuration settings");
}

// --- changes -----------------------------------------------------------------------------------------

void Service::retire(pid_t pid, Worker& worker, Effects& effects) {
  if (worker.phase == Phase::retiring) return;
  worker.phase = Phase::retiring;
  effects.tell.emplace_back(pid, "retire");
}

Effects Service::retire_all_but(unsigned generation) {
  Effects effects;
  for (auto& [pid, worker] : workers_) {
    if (worker.generation != generation) retire(pid, worker, effects);
  }
  return effects;
}

Effects Service::reload(ServicePlan plan, Options options) {
  plan_ = std::move(plan);
  options_ = options;
  not_before_ = {};
  next_pause_ = {};
  crashes_.clear();
  suspects_.clear();
  isolated_after_crashes_ = false;
  limit_warning_.reset();
  stress_until_ = {};
  // A worker that holds keys goes only when one with the new configuration has said that it is ready.
  if (!files_.empty()) return renew();
  return retire_all_but(++generation_);
}

Effects Service::remove() {
  removed_ = true;
  Effects effects;
  for (const auto& [pid, worker] : workers_) effects.terminate.push_back(pid);
  return effects;
}

Effects Service::renew() {
  if (workers_.empty()) return {};
  if (!renewable()) return retire_all_but(++generation_);
  renewal_ = Renewal::wanted;
  return {};
}

bool Service::file_changed(const std::string& path, const FileStamp& stamp) {
  const auto found = files_.find(path);
  if (found == files_.end() || found->second == stamp) return false;
  // Remembered, so that a new generation that fails is tried again only after the next change.
  found->second = stamp;
  return true;
}

}  // namespace postern::master
