// SPDX-License-Identifier: Apache-2.0
#include "lib/config/unsupported.h"

#include <algorithm>
#include <set>

#include "lib/base/text.h"
#include "lib/config/registry.h"
#include "lib/config/service_view.h"
#include "lib/config/value.h"

namespace postern::config {

namespace {

const Parameter* declared(std::string_view name, const MasterCf& master_cf) {
  if (const auto* p = find_parameter(name); p != nullptr) return p;
  const auto* p = find_service_parameter(name);
  if (p == nullptr) return nullptr;
  const auto stem = name.substr(0, name.size() - p->name.size());
  const bool used = std::ranges::any_of(master_cf.entries, [&](const MasterEntry& e) { return e.service == stem; });
  return used ? p : nullptr;
}

// One spelling for values that mean the same: "60s" and "1m", "YES" and "yes", any white space in lists.
std::string normal_form(const Parameter& p, const std::string& value) {
  if (p.type == Type::boolean) return text::lower(value);
  if (p.type == Type::time) {
    const auto time = to_time(p.name, value, p.unit);
    return time ? std::to_string(time->count()) : value;
  }
  return text::join(split_list(value), " ");
}

bool same_value(const Config& config, const Parameter& p, const std::string& raw, const std::string& other) {
  if (raw == other) return true;
  const auto a = config.expand(raw);
  const auto b = config.expand(other);
  return a && b && normal_form(p, *a) == normal_form(p, *b);
}

class Check {
 public:
  Check(const MasterCf& master_cf, std::set<std::string> accepted)
      : master_cf_(master_cf), accepted_(std::move(accepted)) {}

  void setting(const Config& config, const std::string& name, const std::string& raw, const std::string& where) {
    const auto* p = declared(name, master_cf_);
    if (p == nullptr || p->supported || accepted_.contains(name)) return;
    if (same_value(config, *p, raw, config.default_of(name).value_or(""))) return;
    if (!p->accept.empty() && same_value(config, *p, raw, std::string(p->accept))) return;
    found_.push_back({name, where, std::string(p->why)});
  }

  std::vector<Unsupported> take() { return std::move(found_); }

 private:
  const MasterCf& master_cf_;
  std::set<std::string> accepted_;
  std::vector<Unsupported> found_;
};

}  // namespace

Result<std::vector<Unsupported>> unsupported_settings(const Config& main_cf, const MasterCf& master_cf) {
  const auto names = main_cf.get_list("postern_accept_unsupported");
  if (!names) return std::unexpected(names.error());
  Check check(master_cf, {names->begin(), names->end()});
  for (const auto& [name, raw] : main_cf.set_values()) check.setting(main_cf, name, raw, "main.cf");
  const auto views = service_view(master_cf, main_cf);
  if (!views) return std::unexpected(views.error());
  for (const auto& view : *views) {
    const auto where = view.entry.service + "/" + std::string(service_type_name(view.entry.type));
    for (const auto& [name, raw] : view.entry.overrides) check.setting(view.config, name, raw, where);
  }
  return check.take();
}

}  // namespace postern::config
