// SPDX-License-Identifier: Apache-2.0
#include "master/plan.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/config/expand.h"
#include "lib/config/value.h"
#include "lib/tls/channels.h"

namespace postern::master {

namespace {

constexpr std::uint64_t kDescriptorsPerSession = 4;
constexpr std::uint64_t kDescriptorsOfWorker = 128;
constexpr std::string_view kChrootDefaultBelowLevel = "1";

ServicePlan plan_service(const config::MasterEntry& entry, const Settings& settings) {
  ServicePlan plan;
  plan.entry = entry;
  plan.kind = kind_of(entry, settings.main.proxywrite_service_name);
  plan.path = settings.main.daemon_directory + "/" + entry.command;
  plan.per_worker = settings.sessions_per_process;
  switch (plan.kind) {
    case Kind::single: plan.limit = 1; break;
    case Kind::isolated:
      plan.one_per_process = true;
      plan.limit = entry.maxproc.value_or(settings.main.default_process_limit);
      break;
    case Kind::session:
      plan.one_per_process = entry.maxproc.value_or(0) > 0;
      if (entry.maxproc) {
        plan.limit = *entry.maxproc;
      } else if (settings.process_limit_set) {
        plan.limit = settings.main.default_process_limit;
      } else {
        plan.limit = is_delivery_agent(entry.command) ? settings.main.default_delivery_session_limit
                                                      : settings.main.default_session_limit;
      }
      break;
  }
  return plan;
}

Result<config::MasterCf> with_built_in(config::MasterCf master_cf, bool maillog_file) {
  for (const auto& service : built_in_services()) {
    if (service.only_with_maillog_file && !maillog_file) continue;
    auto entry = config::parse_master_entry(service.line);
    if (!entry) return std::unexpected(entry.error());
    // One name is one service, even when the line moves it from private/ to public/.
    if (master_cf.find(entry->service, config::service_type_name(entry->type)) == nullptr) {
      master_cf.entries.push_back(std::move(*entry));
    }
  }
  return master_cf;
}

std::string base_name(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

int sessions_for_descriptors(int wanted, std::uint64_t descriptors) {
  const auto possible = descriptors > 2 * kDescriptorsOfWorker
                            ? (descriptors - kDescriptorsOfWorker) / kDescriptorsPerSession
                            : std::max<std::uint64_t>(1, descriptors / (2 * kDescriptorsPerSession));
  return static_cast<int>(std::min<std::uint64_t>(static_cast<std::uint64_t>(std::max(wanted, 1)), possible));
}

Result<Settings> load_settings(const config::Config& config) {
  auto params = Params::load(config);
  if (!params) return std::unexpected(params.error());
  const auto level = config::compatibility_level(params->compatibility_level);
  if (!level) return std::unexpected(level.error());
  const auto boundary = config::compatibility_level(kChrootDefaultBelowLevel);
  Settings s;
  s.main = std::move(*params);
  s.config_directory = config.directory();
  s.process_limit_set = config.is_set("default_process_limit");
  s.chroot_by_default = boundary && *level < *boundary;
  s.sessions_per_process = s.main.default_sessions_per_process;
  return s;
}

bool is_disabled(std::string_view list, const config::MasterEntry& entry) {
  const auto type = config::service_type_name(entry.type);
  for (const auto& item : config::split_list(list)) {
    std::string_view rest = item;
    bool disable = true;
    while (rest.starts_with('!')) {
      disable = !disable;
      rest.remove_prefix(1);
    }
    const auto slash = rest.rfind('/');
    const bool match = slash == std::string_view::npos
                           ? rest == "all" || rest == type
                           : rest.substr(0, slash) == entry.service && rest.substr(slash + 1) == type;
    if (match) return disable;
  }
  return false;
}

Result<Plan> make_plan(const config::MasterCf& master_cf, const Settings& settings,
                       const std::function<bool(const std::string& path)>& is_program) {
  Plan plan;
  plan.warnings = master_cf.warnings;
  auto all = with_built_in(master_cf, !settings.main.maillog_file.empty());
  if (!all) return std::unexpected(all.error());
  for (const auto& entry : all->entries) {
    if (is_disabled(settings.main.master_service_disable, entry)) continue;
    auto service = plan_service(entry, settings);
    if (is_program(service.path)) {
      plan.services.push_back(std::move(service));
      continue;
    }
    plan.missing.push_back("service \"" + entry.service + "\" (" + entry.endpoint() +
                           ") is not available: there is no program " + service.path);
  }
  return plan;
}

void add_switch_sockets(Plan& plan, const std::set<std::string>& targets) {
  for (ServicePlan& service : plan.services) {
    if (service.entry.command != "smtpd" || !targets.contains(service.entry.service)) continue;
    service.switch_socket = tls::switch_socket(service.entry.service);
  }
}

std::vector<std::string> worker_arguments(const ServicePlan& plan, const Settings& settings, const WorkerStart& start) {
  const auto& entry = plan.entry;
  std::vector<std::string> argv{entry.command};
  if (plan.limit == 1) argv.emplace_back("-l");
  if (plan.limit == 0) argv.emplace_back("-z");
  if (entry.service != base_name(entry.command)) argv.insert(argv.end(), {"-n", entry.service});
  argv.insert(argv.end(), {"-t", std::string(config::service_type_name(entry.type))});
  if (!settings.detached) argv.emplace_back("-d");
  for (int i = 0; i < settings.verbose; ++i) argv.emplace_back("-v");
  // An ordinary user has nothing to drop.
  if (!settings.rootless && entry.unprivileged) argv.emplace_back("-u");
  if (!settings.rootless && entry.chroot.value_or(settings.chroot_by_default)) argv.emplace_back("-c");
  if (start.knows_stress) argv.insert(argv.end(), {"-o", start.stress ? "stress=yes" : "stress="});
  if (start.sockets > 1) argv.insert(argv.end(), {"-s", std::to_string(start.sockets)});
  if (start.alone) argv.emplace_back("-A");
  argv.insert(argv.end(), {"-L", std::to_string(start.session_limit)});
  for (const auto& word : entry.raw_arguments) {
    const auto plain = config::strip_braces(word);
    argv.push_back(plain ? std::string(*plain) : word);
  }
  return argv;
}

}  // namespace postern::master
