// SPDX-License-Identifier: Apache-2.0
// Which names mean something: built-in parameters, those of each service, and the administrator's own, which count
// as known when some value, restriction class or table mentions them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "commands/postconf/files.h"
#include "commands/postconf/request.h"

namespace postern::postconf {

class Names {
 public:
  explicit Names(const Files& files);

  // nullopt: unknown.
  [[nodiscard]] std::optional<Class> find(std::string_view name) const;
  // Known names of these classes, sorted.
  [[nodiscard]] std::vector<std::string> list(const std::set<Class>& classes) const;

  // "main.cf: undefined parameter: x"; syntax errors of values.
  [[nodiscard]] const std::vector<std::string>& undefined() const { return undefined_; }
  [[nodiscard]] std::vector<std::string> unused_in_main() const;
  [[nodiscard]] std::vector<std::string> unused_in_master() const;
  // Settings of both files that will go, or that nothing reads any more.
  [[nodiscard]] std::vector<std::string> deprecated() const;

 private:
  void add_service_names();
  void scan_main();
  void scan_defaults();
  void scan_overrides();
  // Names in `text`; what is neither known nor set is told once.
  void mention(std::string_view text, const std::string& path, const config::RawValues* local);
  void mention_tables(std::string_view text);
  [[nodiscard]] bool belongs_to_table(std::string_view name) const;

  const Files& files_;
  std::map<std::string, Class, std::less<>> known_;
  std::set<std::string, std::less<>> mentioned_;
  std::set<std::string, std::less<>> tables_;  // "myl_" of ldap:myl
  std::vector<std::string> undefined_;
};

}  // namespace postern::postconf
