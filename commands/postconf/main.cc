// SPDX-License-Identifier: Apache-2.0
// postconf: shows and edits main.cf and master.cf, and lists what this installation has.
//
// SECURITY: runs with the rights of its caller and is not set-gid. It reads both files and, when editing, writes a new
// file beside the old one and renames it. It opens no socket. What it knows about parameters is what the programs
// themselves declare (lib/config/registry.h).
#include <fmt/core.h>
#include <sys/stat.h>

#include <array>
#include <climits>
#include <cstdlib>

#include "commands/postconf/edit.h"
#include "commands/postconf/files.h"
#include "commands/postconf/names.h"
#include "commands/postconf/report.h"
#include "commands/postconf/request.h"
#include "commands/postconf/show.h"
#include "lib/base/files.h"
#include "lib/table/table.h"

namespace postern::postconf {
namespace {

Result<> list_features(Target target, const Report& report) {
  if (target == Target::lock_types) {
    for (const auto* name : {"flock", "fcntl", "dotlock"}) report.line(name);
  } else if (target == Target::map_types) {
    table::Registry registry;
    table::register_builtin_tables(registry);
    for (const auto& name : registry.names()) report.line(name);
  }
  // No SASL implementation is built in: those lists are empty.
  return {};
}

Result<> show(const Request& request, const Report& report) {
  const auto files = load_files(request);
  if (!files) return std::unexpected(files.error());
  for (const auto& warning : files->warnings) report.warning(warning);
  const Names names(*files);
  const bool warn = !request.defaults && !request.quiet;
  if (warn) {
    for (const auto& warning : names.undefined()) report.warning(warning);
  }
  Result<> shown;
  switch (request.target) {
    case Target::entries: shown = show_entries(request, *files, report); break;
    case Target::fields: shown = show_fields(request, *files, report); break;
    case Target::parameters: shown = show_parameters(request, *files, report); break;
    default: shown = show_main(request, *files, names, report); break;
  }
  if (!shown || !warn) return shown;
  if (request.target == Target::main_cf) {
    for (const auto& warning : names.unused_in_main()) report.warning(warning);
  }
  for (const auto& warning : names.unused_in_master()) report.warning(warning);
  for (const auto& warning : names.deprecated()) report.warning(warning);
  return {};
}

// The file itself when the name is a symbolic link: the link stays, and points to the new content.
std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> buffer{};
  return ::realpath(path.c_str(), buffer.data()) != nullptr ? buffer.data() : path;
}

Result<> edit(const Request& request, const Report& report) {
  const bool main_cf = request.target == Target::main_cf;
  const auto path = configuration_directory(request) + (main_cf ? "/main.cf" : "/master.cf");
  const auto content = files::read(path);
  if (!content) return std::unexpected(content.error());
  const auto edited = main_cf ? edit_main(request.action, request.arguments, *content, path)
                              : edit_master(request.action, request.target, request.arguments, *content, path);
  if (!edited) return std::unexpected(edited.error());
  for (const auto& warning : edited->warnings) report.warning(warning);
  if (edited->content == *content) return {};
  const auto target = real_path(path);
  struct stat info{};
  const unsigned mode = ::stat(target.c_str(), &info) == 0 ? info.st_mode & 07777U : 0644U;
  return files::write_atomic(target, edited->content, mode);
}

Result<> run(const Request& request, const Report& report) {
  switch (request.target) {
    case Target::lock_types:
    case Target::map_types:
    case Target::client_sasl:
    case Target::server_sasl: return list_features(request.target, report);
    case Target::notices: return show_notices(request, report);
    default: return request.action == Action::show ? show(request, report) : edit(request, report);
  }
}

}  // namespace
}  // namespace postern::postconf

int main(int argc, char** argv) {
  using namespace postern::postconf;
  const Report report(argc > 0 ? argv[0] : "postconf");
  const auto request = parse_request(argc, argv);
  if (!request) return report.fatal(request.error());
  const auto result = run(*request, report);
  return result ? 0 : report.fatal(result.error());
}
