// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/channels.h"

#include <fmt/core.h>

#include <algorithm>

#include "lib/config/service_view.h"

namespace postern::tls {

namespace {

constexpr std::string_view kParameter = "channel_keywords";
constexpr std::string_view kSuffix = "_channel_keywords";

std::string name_of(const config::Config& config) { return config.get("service_name").value_or(""); }

// Whether main.cf or the line says anything about the level but by keywords.
bool says_level(const config::Config& config, const std::string& prefix) {
  const std::string level = prefix + "tls_security_level";
  if (config.is_set(level)) return !config.get(level).value_or("").empty();
  return config.get_bool(prefix + "use_tls").value_or(false) || config.get_bool(prefix + "enforce_tls").value_or(false);
}

Result<Level> agreed(const config::Config& config, const std::string& prefix, std::optional<Level> keyword,
                     std::string_view half, Level level) {
  if (!keyword) return level;
  if (!says_level(config, prefix)) return *keyword;
  if (agrees(*keyword, level)) return level;
  return fail(fmt::format("{}: {} contradicts {}tls_security_level ({})", kParameter, keyword_name(*keyword, half),
                          prefix, level_name(level)));
}

enum class Half { neither, server, client };

Half half_of(const std::string& command) {
  if (command == "smtpd") return Half::server;
  return command == "smtp" || command == "lmtp" ? Half::client : Half::neither;
}

bool has_keywords(const config::MasterEntry& entry) {
  return std::ranges::any_of(entry.overrides, [](const auto& o) { return o.first == kParameter; });
}

Result<Level> transport_level(const config::Config& config, const std::string& prefix) {
  const auto level = client_level(config.get(prefix + "tls_security_level").value_or(""),
                                  config.get_bool(prefix + "use_tls").value_or(false),
                                  config.get_bool(prefix + "enforce_tls").value_or(false),
                                  config.get_bool(prefix + "tls_enforce_peername").value_or(true));
  if (!level) return fail(fmt::format("{}tls_security_level: {}", prefix, level.error().text));
  return service_client_level(config, prefix, *level);
}

class Check {
 public:
  explicit Check(const std::vector<config::ServiceView>& views) : views_(views) {}

  void service(const config::ServiceView& view) {
    const Half half = half_of(view.entry.command);
    if (half == Half::neither) {
      if (has_keywords(view.entry)) {
        add(view, fmt::format("{}: {} is none of smtpd, smtp and lmtp", kParameter, view.entry.command));
      }
      return;
    }
    const auto level = half == Half::server ? service_server_level(view.config)
                                            : transport_level(view.config, view.entry.command + "_");
    if (!level) return add(view, level.error().text);
    const auto keywords = channel_keywords(view.config);
    if (keywords && half == Half::server && !keywords->switch_to.empty()) target(view, keywords->switch_to);
  }

  // A line of main.cf that no service reads.
  void main_cf_line(const std::string& parameter) {
    const std::string name = parameter.substr(0, parameter.size() - kSuffix.size());
    const bool read = std::ranges::any_of(views_, [&](const config::ServiceView& view) {
      return view.entry.service == name && half_of(view.entry.command) != Half::neither;
    });
    if (!read)
      problems_.push_back(fmt::format("main.cf: {}: there is no such service of smtpd, smtp or lmtp", parameter));
  }

  std::vector<std::string> take() { return std::move(problems_); }

 private:
  void add(const config::ServiceView& view, const std::string& text) {
    problems_.push_back(fmt::format("{}/{}: {}", view.entry.service, config::service_type_name(view.entry.type), text));
  }

  void target(const config::ServiceView& view, const std::string& name) {
    const auto complain = [&](std::string_view why) {
      add(view, fmt::format("{}: tlsswitchchannel {}: {}", kParameter, name, why));
    };
    const config::ServiceView* found = nullptr;
    bool other = false;
    for (const config::ServiceView& candidate : views_) {
      if (candidate.entry.service != name) continue;
      if (half_of(candidate.entry.command) != Half::server) {
        other = true;
      } else if (found != nullptr) {
        return complain("more than one smtpd service has this name");
      } else {
        found = &candidate;
      }
    }
    if (found == nullptr) return complain(other ? "this service is not smtpd" : "there is no such service");
    if (found == &view) return complain("that is this service itself");
    const auto next = channel_keywords(found->config);
    if (next && !next->switch_to.empty()) complain("that service switches, too (to " + next->switch_to + ")");
  }

  const std::vector<config::ServiceView>& views_;
  std::vector<std::string> problems_;
};

}  // namespace

Result<ChannelKeywords> channel_keywords(const config::Config& config) {
  const std::string service = name_of(config);
  // A process without a service (a command, a stand-alone server) has those of everybody.
  const std::string parameter = service.empty() ? std::string(kParameter) : service + std::string(kSuffix);
  const auto text = config.get_string(parameter);
  if (!text) return std::unexpected(text.error());
  auto keywords = parse_channel_keywords(*text);
  if (!keywords)
    return fail(fmt::format("{}: {}", config.is_set(parameter) ? parameter : kParameter, keywords.error().text));
  return keywords;
}

Result<Level> service_server_level(const config::Config& config) {
  const auto keywords = channel_keywords(config);
  if (!keywords) return std::unexpected(keywords.error());
  const auto level = server_level(config.get("smtpd_tls_security_level").value_or(""),
                                  config.get_bool("smtpd_use_tls").value_or(false),
                                  config.get_bool("smtpd_enforce_tls").value_or(false));
  if (!level) return fail("smtpd_tls_security_level: " + level.error().text);
  auto out = agreed(config, "smtpd_", keywords->server, "server", *level);
  if (!out) return out;
  if (config.get_bool("smtpd_tls_wrappermode").value_or(false)) {
    if (keywords->server == Level::none) {
      return fail(fmt::format("{}: notlsserver contradicts smtpd_tls_wrappermode", kParameter));
    }
    return Level::encrypt;
  }
  if (*out == Level::none && !keywords->switch_to.empty()) {
    return fail(fmt::format("{}: tlsswitchchannel {}: this service has no TLS", kParameter, keywords->switch_to));
  }
  return out;
}

Result<Level> service_client_level(const config::Config& config, const std::string& prefix, Level level) {
  const auto keywords = channel_keywords(config);
  if (!keywords) return std::unexpected(keywords.error());
  return agreed(config, prefix, keywords->client, "client", level);
}

Result<std::vector<std::string>> channel_problems(const config::MasterCf& master_cf, const config::Config& main_cf) {
  const auto views = config::service_view(master_cf, main_cf);
  if (!views) return std::unexpected(views.error());
  Check check(*views);
  for (const config::ServiceView& view : *views) check.service(view);
  for (const auto& [name, raw] : main_cf.set_values()) {
    if (name.ends_with(kSuffix) && name.size() > kSuffix.size()) check.main_cf_line(name);
  }
  return check.take();
}

std::set<std::string> switch_targets(const config::MasterCf& master_cf, const config::Config& main_cf) {
  std::set<std::string> out;
  const auto views = config::service_view(master_cf, main_cf);
  if (!views) return out;
  for (const config::ServiceView& view : *views) {
    if (half_of(view.entry.command) != Half::server) continue;
    const auto keywords = channel_keywords(view.config);
    if (keywords && !keywords->switch_to.empty()) out.insert(keywords->switch_to);
  }
  return out;
}

std::string switch_socket(std::string_view service) { return "private/tlsswitch." + std::string(service); }

}  // namespace postern::tls
