// SPDX-License-Identifier: Apache-2.0
// From main.cf and master.cf to what master runs: for each service its program, arguments and limits.
// Pure but for the look whether a program exists, which the caller supplies.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"
#include "master/kinds.h"
#include "master/params.h"

namespace postern::master {

// What main.cf (and the machine) says to master itself.
struct Settings {
  Params main;
  std::string config_directory;
  bool process_limit_set = false;   // main.cf sets default_process_limit: it replaces the session limits
  int sessions_per_process = 8192;  // as in main.cf, lowered to what the descriptor limit allows
  bool chroot_by_default = false;
  // Of this process, not of main.cf.
  unsigned cores = 1;
  bool rootless = false;
  bool detached = true;
  int verbose = 0;
};
[[nodiscard]] Result<Settings> load_settings(const config::Config& config);
// Four descriptors belong to a session; some are the worker's own.
[[nodiscard]] int sessions_for_descriptors(int wanted, std::uint64_t descriptors);

struct ServicePlan {
  config::MasterEntry entry;
  Kind kind = Kind::isolated;
  std::string path;                // of the program
  bool one_per_process = false;    // every process serves one session
  int limit = 0;                   // processes when one_per_process, else sessions of all workers together; 0 = none
  int per_worker = 0;              // sessions of an event worker
  std::string switch_socket = {};  // where other services hand sessions over (tlsswitchchannel); empty: none do

  // "private/smtp", or the name of an inet service.
  [[nodiscard]] std::string endpoint() const { return entry.endpoint(); }
  // Same socket.
  [[nodiscard]] bool same_service(const ServicePlan& other) const {
    return entry.type == other.entry.type && endpoint() == other.endpoint();
  }
};

struct Plan {
  std::vector<ServicePlan> services;
  std::vector<std::string> warnings;
  std::vector<std::string> missing;  // services whose program is not installed; postfix(1) warns of them at start
};
[[nodiscard]] Result<Plan> make_plan(const config::MasterCf& master_cf, const Settings& settings,
                                     const std::function<bool(const std::string& path)>& is_program);

// Gives the smtpd services of these names the socket at which sessions are switched to them.
void add_switch_sockets(Plan& plan, const std::set<std::string>& targets);

// master_service_disable: "type", "name/type", "all", each with an optional "!"; the first that matches decides.
[[nodiscard]] bool is_disabled(std::string_view list, const config::MasterEntry& entry);

struct WorkerStart {
  int session_limit = 0;  // -L; 0 = none
  bool knows_stress = false;
  bool stress = false;
  std::size_t sockets = 1;
  bool alone = false;  // for one session that another worker handed over
};
// The argument vector, program name included.
[[nodiscard]] std::vector<std::string> worker_arguments(const ServicePlan& plan, const Settings& settings,
                                                        const WorkerStart& start);

}  // namespace postern::master
