// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/certificates.h"

#include <fmt/core.h>

#include <chrono>
#include <set>

#include "commands/postfix/openssl.h"
#include "lib/base/text.h"
#include "lib/config/service_view.h"
#include "lib/tls/settings.h"

namespace postern::postfix {

namespace {

// What stands behind "NAME=" in a line of its own.
std::string value_of(std::string_view output, std::string_view name) {
  for (const std::string_view line : text::words(output, "\n")) {
    if (line.starts_with(name)) return text::printable(text::trim(line.substr(name.size())));
  }
  return {};
}

bool valid_in(const OpenSsl& openssl, const std::string& file, std::int64_t seconds) {
  return openssl.read({"x509", "-in", file, "-noout", "-checkend", std::to_string(seconds)}).has_value();
}

std::string warning_for(const std::string& file, const OpenSsl& openssl, std::int64_t seconds) {
  if (valid_in(openssl, file, seconds)) return {};
  const auto found = openssl.read({"x509", "-in", file, "-noout", "-subject", "-enddate"});
  // A file with a key alone, or one that tlsproxy complains of.
  if (!found) return {};
  return fmt::format("certificate {} in {} {} on {}", value_of(*found, "subject="), file,
                     valid_in(openssl, file, 0) ? "expires" : "has expired", value_of(*found, "notAfter="));
}

}  // namespace

std::vector<std::string> certificate_files(const config::MasterCf& master_cf, const config::Config& main_cf) {
  std::set<std::string> names;
  const auto views = config::service_view(master_cf, main_cf);
  if (!views) return {};
  for (const config::ServiceView& view : *views) {
    for (const tls::Asker& asker : tls::kAskers) {
      if (view.entry.command != asker.program) continue;
      const auto files = tls::asker_files(view.config, asker);
      if (!files) continue;
      for (const std::string_view word : text::words(files->chain_files)) names.emplace(word);
      for (const std::string* name : {&files->cert_file, &files->dcert_file, &files->eccert_file}) {
        if (!name->empty()) names.insert(*name);
      }
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> expiring_certificates(const std::vector<std::string>& files, const std::string& openssl,
                                               Duration time) {
  std::vector<std::string> warnings;
  const OpenSsl command(openssl);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds <= 0) return warnings;
  for (const std::string& file : files) {
    std::string warning = warning_for(file, command, seconds);
    if (!warning.empty()) warnings.push_back(std::move(warning));
  }
  return warnings;
}

}  // namespace postern::postfix
