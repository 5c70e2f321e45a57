// SPDX-License-Identifier: Apache-2.0
#include "lib/config/config.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/expand.h"
#include "lib/config/host.h"
#include "lib/config/value.h"

namespace postern::config {

namespace {

constexpr std::string_view kDefaultDirectory = "/etc/postfix";
constexpr std::string_view kDefaultDomain = "localdomain";
// main.cf of more than this is somebody's mail log.
constexpr std::size_t kMaxMainCf = 16UL << 20;

constexpr std::array<std::string_view, 2> kHostNames = {"myhostname", "mydomain"};

Range range_of(const Parameter& p) { return {p.min, p.max}; }

// Debian's stock main.cf has "myorigin = /etc/mailname": the domain is the first line of that file.
Result<std::string> first_line(const std::string& path) {
  const auto content = files::read(path, kMaxMainCf);
  if (!content) return fail(fmt::format("parameter myorigin: {}", content.error().text));
  const std::string_view all = *content;
  const auto line = text::trim(all.substr(0, all.find('\n')));
  if (line.empty()) return fail(fmt::format("parameter myorigin: {}: no domain name in the first line", path));
  return std::string(line);
}

}  // namespace

Result<Config> Config::load(std::string directory, Options options) {
  const auto path = directory + "/main.cf";
  const auto content = files::read(path, kMaxMainCf);
  if (!content) return std::unexpected(content.error());
  return from_text(*content, std::move(options), std::move(directory));
}

Result<Config> Config::from_text(std::string_view main_cf, Options options, std::string directory) {
  Config out;
  auto parsed = parse_main_cf(main_cf, directory + "/main.cf");
  if (!parsed) return std::unexpected(parsed.error());
  out.directory_ = std::move(directory);
  out.values_ = std::move(parsed->values);
  out.warnings_ = std::move(parsed->warnings);
  out.options_ = std::move(options);
  for (const auto& setting : out.options_.overrides) {
    if (auto ok = out.override_with(setting); !ok) return std::unexpected(ok.error());
  }
  return out;
}

std::string Config::default_directory() {
  const char* directory = std::getenv("MAIL_CONFIG");
  return directory != nullptr && *directory != '\0' ? directory : std::string(kDefaultDirectory);
}

Result<> Config::override_with(std::string_view setting) {
  auto parsed = parse_setting(setting);
  if (!parsed) {
    // The reason, without the text that this message shows already.
    const auto reason = parsed.error().text;
    return fail(fmt::format("invalid \"-o {}\" option value: {}", setting, reason.substr(0, reason.find(": \""))));
  }
  values_.insert_or_assign(std::move(parsed->first), std::move(parsed->second));
  return {};
}

void Config::set(std::string name, std::string raw) { values_.insert_or_assign(std::move(name), std::move(raw)); }

void Config::set_names(std::string process_name, std::string service_name) {
  options_.process_name = std::move(process_name);
  options_.service_name = std::move(service_name);
}

const Parameter* Config::parameter(std::string_view name) const {
  const auto* p = find_parameter(name);
  return p != nullptr ? p : find_service_parameter(name);
}

Result<std::string> Config::expand_with(std::string_view text, const Hidden* hidden) const {
  std::optional<Error> failed;
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    for (const auto* h = hidden; h != nullptr; h = h->outer) {
      if (h->name == name) return std::nullopt;
    }
    if (const auto it = values_.find(name); it != values_.end()) return it->second;
    auto value = computed(name, hidden);
    if (!value) {
      if (!failed) failed = std::move(value.error());
      return std::nullopt;
    }
    if (*value) return *value;
    const auto* p = parameter(name);
    return p != nullptr ? std::optional<std::string>(p->default_text) : std::nullopt;
  };
  auto out = config::expand(text, lookup);
  if (out && failed) return std::unexpected(*failed);
  return out;
}

Result<std::string> Config::computed_networks(const Hidden& hidden) const {
  const auto style = expand_with("$mynetworks_style", &hidden);
  if (!style) return style;
  const auto interfaces = expand_with("$inet_interfaces", &hidden);
  if (!interfaces) return interfaces;
  const auto protocols = expand_with("$inet_protocols", &hidden);
  if (!protocols) return protocols;
  return own_networks(*style, *interfaces, *protocols);
}

Result<std::string> Config::computed_host(const Hidden& hidden) const {
  auto host = host_name();
  if (host.find('.') != std::string::npos) return host;
  if (!is_set("mydomain")) return host + "." + std::string(kDefaultDomain);
  const auto domain = expand_with("$mydomain", &hidden);
  if (!domain) return domain;
  return host + "." + *domain;
}

Result<std::string> Config::computed_domain(const Hidden& hidden) const {
  const auto host = expand_with("$myhostname", &hidden);
  if (!host) return host;
  const auto split = text::cut(*host, '.');
  return std::string(split && !split->second.empty() ? split->second : kDefaultDomain);
}

Result<std::optional<std::string>> Config::computed(std::string_view name, const Hidden* outer) const {
  using Value = std::optional<std::string>;
  if (name == "config_directory") return Value(directory_);
  if (name == "process_name") return Value(options_.process_name);
  if (name == "process_id") return Value(std::to_string(::getpid()));
  if (name == "service_name") return Value(options_.service_name);
  const Hidden hidden{name, outer};
  Result<std::string> value;
  if (name == "myhostname") {
    value = computed_host(hidden);
  } else if (name == "mydomain") {
    value = computed_domain(hidden);
  } else if (name == "mynetworks") {
    value = computed_networks(hidden);
  } else {
    return Value();
  }
  if (!value) return std::unexpected(value.error());
  return Value(std::move(*value));
}

std::optional<std::string> Config::default_of(std::string_view name) const {
  if (auto value = computed(name); value && *value) return *value;
  const auto* p = parameter(name);
  return p != nullptr ? std::optional<std::string>(p->default_text) : std::nullopt;
}

std::optional<std::string> Config::raw(std::string_view name) const {
  if (const auto it = values_.find(name); it != values_.end()) return it->second;
  return default_of(name);
}

bool Config::is_set(std::string_view name) const { return values_.contains(name); }

Result<std::string> Config::expand(std::string_view text) const { return expand_with(text, nullptr); }

Result<std::string> Config::get(std::string_view name) const {
  const auto* p = parameter(name);
  if (p != nullptr && p->type == Type::raw_string) return raw(name).value_or("");
  if (const auto it = values_.find(name); it != values_.end()) return expand(it->second);
  auto value = computed(name);
  if (!value) return std::unexpected(value.error());
  if (*value) return std::move(**value);
  return p != nullptr ? expand(p->default_text) : std::string();
}

Result<std::string> Config::get_string(std::string_view name) const {
  auto value = get(name);
  if (value && name == "myorigin" && value->starts_with('/')) value = first_line(*value);
  if (!value) return value;
  if (const auto* p = parameter(name); p != nullptr) {
    if (auto ok = check_length(name, *value, range_of(*p)); !ok) return std::unexpected(ok.error());
  }
  for (const auto host : kHostNames) {
    if (name != host) continue;
    if (auto ok = check_host_name(name, *value); !ok) {
      return fail(fmt::format("file {}/main.cf: {}", directory_, ok.error().text));
    }
  }
  if (name == "compatibility_level") {
    if (auto ok = compatibility_level(*value); !ok) return std::unexpected(ok.error());
  }
  return value;
}

Result<bool> Config::get_bool(std::string_view name) const {
  const auto value = get(name);
  if (!value) return std::unexpected(value.error());
  return to_bool(name, *value);
}

Result<int> Config::get_int(std::string_view name) const {
  const auto value = get(name);
  if (!value) return std::unexpected(value.error());
  const auto* p = parameter(name);
  return to_int(name, *value, p != nullptr ? range_of(*p) : Range{});
}

Result<std::int64_t> Config::get_long(std::string_view name) const {
  const auto value = get(name);
  if (!value) return std::unexpected(value.error());
  const auto* p = parameter(name);
  return to_long(name, *value, p != nullptr ? range_of(*p) : Range{});
}

Result<Duration> Config::get_time(std::string_view name) const {
  const auto value = get(name);
  if (!value) return std::unexpected(value.error());
  const auto* p = parameter(name);
  return p != nullptr ? to_time(name, *value, p->unit, range_of(*p)) : to_time(name, *value);
}

Result<std::vector<std::string>> Config::get_list(std::string_view name) const {
  const auto value = get(name);
  if (!value) return std::unexpected(value.error());
  auto items = split_list_braces(*value);
  if (!items) return fail(fmt::format("parameter {}: {}", name, items.error().text));
  return items;
}

Result<int> Config::service_int(std::string_view service, std::string_view suffix) const {
  return get_int(fmt::format("{}_{}", service, suffix));
}

Result<Duration> Config::service_time(std::string_view service, std::string_view suffix) const {
  return get_time(fmt::format("{}_{}", service, suffix));
}

Result<std::string> Config::service_string(std::string_view service, std::string_view suffix) const {
  return get_string(fmt::format("{}_{}", service, suffix));
}

}  // namespace postern::config
