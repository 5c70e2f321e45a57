// SPDX-License-Identifier: Apache-2.0
// One program's view of its configuration: main.cf, then the -o settings, then the built-in and default values.
//
// Values are stored raw and expanded when asked for; a default is expanded the same way. Defaults that depend on the
// host (myhostname, mydomain, mynetworks) or on the process (process_name, process_id, service_name, config_directory)
// are computed. Typed getters check type and range as declared in the registry and return complete error texts.
// A Config is a value: copying one is allowed and cheap enough for start-up; running code uses the generated Params.
//
// Errors of a program's own configuration are fatal: `auto c = Config::load(...); if (!c) log::fatal("{}", text)`.
// warnings() are for the log, once, after it has been opened.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/config/main_cf.h"
#include "lib/config/registry.h"

namespace postern::config {

struct Options {
  std::string process_name;            // $process_name
  std::string service_name;            // $service_name, as in master.cf
  std::vector<std::string> overrides;  // -o arguments in order: "name=value" or "{ name = value }"
};

class Config {
 public:
  // Reads DIRECTORY/main.cf. Blocking; at start only. Error texts: "open DIR/main.cf: No such file or directory",
  // "DIR/main.cf, line 3: missing '=' after attribute name: ...".
  [[nodiscard]] static Result<Config> load(std::string directory, Options options);
  // The same from text; `directory` is only $config_directory.
  [[nodiscard]] static Result<Config> from_text(std::string_view main_cf, Options options = {},
                                                std::string directory = "/etc/postfix");
  // $MAIL_CONFIG, else /etc/postfix.
  [[nodiscard]] static std::string default_directory();

  [[nodiscard]] const std::string& directory() const { return directory_; }

  // A further -o argument; later settings win. Error text: invalid "-o TEXT" option value: missing '=' ...
  [[nodiscard]] Result<> override_with(std::string_view setting);
  // Per-process constants such as `stress`.
  void set(std::string name, std::string raw);
  void set_names(std::string process_name, std::string service_name);

  // Raw text: set value, else default; nullopt = unknown name.
  [[nodiscard]] std::optional<std::string> raw(std::string_view name) const;
  // Set in main.cf or by -o (whatever the value).
  [[nodiscard]] bool is_set(std::string_view name) const;
  // Raw default text, computed ones included; nullopt = no such parameter.
  [[nodiscard]] std::optional<std::string> default_of(std::string_view name) const;
  // What was set, raw, -o included.
  [[nodiscard]] const RawValues& set_values() const { return values_; }

  [[nodiscard]] Result<std::string> expand(std::string_view text) const;

  // Expanded; an unknown name is empty. Parameters declared raw_string come unexpanded.
  [[nodiscard]] Result<std::string> get(std::string_view name) const;
  // Typed, checked against the registry's range. Of a myorigin that is a path, the text is the file's first line.
  [[nodiscard]] Result<std::string> get_string(std::string_view name) const;
  [[nodiscard]] Result<bool> get_bool(std::string_view name) const;
  [[nodiscard]] Result<int> get_int(std::string_view name) const;
  [[nodiscard]] Result<std::int64_t> get_long(std::string_view name) const;
  [[nodiscard]] Result<Duration> get_time(std::string_view name) const;
  // Items of a list parameter; {...} groups stay whole.
  [[nodiscard]] Result<std::vector<std::string>> get_list(std::string_view name) const;

  // NAME + suffix of a service, e.g. ("relay", "destination_concurrency_limit").
  [[nodiscard]] Result<int> service_int(std::string_view service, std::string_view suffix) const;
  [[nodiscard]] Result<Duration> service_time(std::string_view service, std::string_view suffix) const;
  [[nodiscard]] Result<std::string> service_string(std::string_view service, std::string_view suffix) const;

  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  // Names under computation, innermost first: they expand to nothing, so that two computed values never wait for
  // each other.
  struct Hidden {
    std::string_view name;
    const Hidden* outer = nullptr;
  };
  // What the host or the process determines; nullopt = `name` is not of that kind.
  [[nodiscard]] Result<std::optional<std::string>> computed(std::string_view name, const Hidden* outer = nullptr) const;
  [[nodiscard]] Result<std::string> computed_host(const Hidden& hidden) const;
  [[nodiscard]] Result<std::string> computed_domain(const Hidden& hidden) const;
  [[nodiscard]] Result<std::string> computed_networks(const Hidden& hidden) const;
  [[nodiscard]] Result<std::string> expand_with(std::string_view text, const Hidden* hidden) const;
  [[nodiscard]] const Parameter* parameter(std::string_view name) const;

  std::string directory_;
  Options options_;
  RawValues values_;
  std::vector<std::string> warnings_;
};

}  // namespace postern::config
