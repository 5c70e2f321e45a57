// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/files.h"

#include <fmt/core.h>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/lines.h"
#include "lib/config/main_cf.h"
#include "lib/config/value.h"

namespace postern::postconf {

namespace {

Result<> load_master(Files& out) {
  const auto content = files::read(out.master_path);
  if (!content) return std::unexpected(content.error());
  auto logical = config::logical_lines(*content, out.master_path);
  for (auto& w : logical.warnings) out.warnings.push_back(std::move(w));
  for (const auto& line : logical.lines) {
    std::vector<std::string> problems;
    auto entry = config::parse_master_entry(line.text, &problems);
    if (!entry) return fail(fmt::format("file {}: line {}: {}", out.master_path, line.first, entry.error().text));
    entry->line = line.first;
    for (const auto& problem : problems) out.warnings.push_back("master.cf: " + problem);
    out.entries.push_back(std::move(*entry));
  }
  return {};
}

bool needs_master(const Request& request) {
  return request.target == Target::entries || request.target == Target::fields || request.target == Target::parameters;
}

}  // namespace

std::string configuration_directory(const Request& request) {
  return request.directory.empty() ? config::Config::default_directory() : request.directory;
}

Result<Files> load_files(const Request& request) {
  const auto directory = configuration_directory(request);
  config::Options options;
  options.process_name = "postconf";
  for (const auto& setting : request.overrides) {
    if (const auto parsed = config::parse_setting(setting); !parsed || setting.starts_with('{')) {
      const auto reason = parsed ? "missing '=' after attribute name" : parsed.error().text;
      return fail(fmt::format("invalid parameter override: {}: {}", setting, reason.substr(0, reason.find(": \""))));
    }
  }
  options.overrides = request.overrides;
  auto loaded =
      request.defaults ? config::Config::from_text("", options, directory) : config::Config::load(directory, options);
  if (!loaded) return std::unexpected(loaded.error());
  Files out{directory + "/main.cf", directory + "/master.cf", std::move(*loaded), {}, {}};
  out.warnings = out.config.warnings();
  if (!needs_master(request) && !files::exists(out.master_path)) return out;
  if (auto ok = load_master(out); !ok) return std::unexpected(ok.error());
  return out;
}

std::string one_blank(std::string_view text) {
  std::string out;
  for (const auto word : text::words(text)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

std::string canonical_word(std::string_view word, bool is_setting) {
  const auto inner = config::strip_braces(word);
  auto plain = inner ? *inner : std::string(text::trim(word.substr(1, word.find('}') - 1)));
  if (is_setting && word.starts_with('{')) {
    if (const auto setting = config::parse_setting(plain)) plain = setting->first + "=" + setting->second;
  }
  return plain.find_first_of(text::kBlank) == std::string::npos && !plain.empty() ? plain : "{" + plain + "}";
}

std::vector<std::string> printed_arguments(const config::MasterEntry& entry) {
  std::vector<std::string> out;
  const auto& words = entry.raw_arguments;
  bool command = false;  // what follows argv= is no option of the service
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!command && words[i] == "-o" && i + 1 < words.size()) {
      out.push_back("-o " + canonical_word(words[i + 1], true));
      ++i;
    } else if (!command && words[i].starts_with("-o") && words[i].size() > 2) {
      out.push_back("-o " + canonical_word(std::string_view(words[i]).substr(2), true));
    } else {
      out.push_back(canonical_word(words[i], false));
      command |= words[i].starts_with("argv=");
    }
  }
  return out;
}

}  // namespace postern::postconf
