// SPDX-License-Identifier: Apache-2.0
#include "lib/config/set_id_command.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "lib/config/config.h"

namespace postern::config {

namespace {

constexpr const char* kDefaultDirectory = "/etc/postfix";

std::string absolute(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string out = resolved;
  std::free(resolved);
  return out;
}

}  // namespace

bool is_set_id() { return ::getuid() != ::geteuid() || ::getgid() != ::getegid(); }

void clean_set_id_environment() {
  if (!is_set_id()) return;
  std::vector<std::pair<std::string, std::string>> keep;
  for (const char* name : {"TZ", "MAIL_CONFIG"}) {
    if (const char* value = std::getenv(name); value != nullptr) keep.emplace_back(name, value);
  }
  ::clearenv();
  for (const auto& [name, value] : keep) ::setenv(name.c_str(), value.c_str(), 1);
}

Result<std::string> authorized_directory(const std::string& asked) {
  std::string directory = absolute(asked.empty() ? Config::default_directory() : asked);
  if (!is_set_id() || ::getuid() == 0 || directory == absolute(kDefaultDirectory)) return directory;
  const auto refused = "unauthorized configuration directory name: " + directory;
  const auto config = Config::load(kDefaultDirectory, {});
  if (!config) return fail(refused);
  for (const char* name : {"alternate_config_directories", "multi_instance_directories"}) {
    const auto allowed = config->get_list(name);
    if (!allowed) return std::unexpected(allowed.error());
    if (std::ranges::find(*allowed, directory) != allowed->end()) return directory;
  }
  return fail(refused);
}

}  // namespace postern::config
