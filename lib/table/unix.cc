// SPDX-License-Identifier: Apache-2.0
// unix:passwd.byname and unix:group.byname: entries of the system's user and group databases in the form of
// passwd(5) and group(5). NSS may block, so event workers never use this file: they ask proxymap.
#include <grp.h>
#include <pwd.h>

#include <cerrno>

#include "lib/base/text.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

constexpr std::size_t kLargestEntry = 1UL << 22;

// Calls a getXXnam_r function with a buffer that is large enough. nullopt in the value: no such name.
template <class Entry, class Function>
Result<bool> look_up(Function function, const std::string& name, Entry& entry, std::string& buffer) {
  for (buffer.resize(4096);; buffer.resize(buffer.size() * 2)) {
    Entry* found = nullptr;
    const int error = function(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kLargestEntry) continue;
    // What the different name services say when they have no such name.
    if (error == 0 || error == ENOENT || error == ESRCH) return found != nullptr;
    return fail(errno_text(error), error);
  }
}

class PasswdTable : public Table {
 public:
  explicit PasswdTable(const OpenRequest& request) : Table(request.type, request.name) {}

 protected:
  Answer find(std::string_view key) override {
    struct passwd entry{};
    std::string buffer;
    const auto found = look_up(::getpwnam_r, std::string(key), entry, buffer);
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::nullopt;
    return text::join({entry.pw_name, entry.pw_passwd, std::to_string(entry.pw_uid), std::to_string(entry.pw_gid),
                       entry.pw_gecos, entry.pw_dir, entry.pw_shell},
                      ":");
  }
};

class GroupTable : public Table {
 public:
  explicit GroupTable(const OpenRequest& request) : Table(request.type, request.name) {}

 protected:
  Answer find(std::string_view key) override {
    struct group entry{};
    std::string buffer;
    const auto found = look_up(::getgrnam_r, std::string(key), entry, buffer);
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::nullopt;
    std::vector<std::string> members;
    for (char** member = entry.gr_mem; *member; ++member) members.emplace_back(*member);
    return text::join({entry.gr_name, entry.gr_passwd, std::to_string(entry.gr_gid), text::join(members, ",")}, ":");
  }
};

Result<TablePtr> open_unix(const OpenRequest& request) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  if (request.name == "passwd.byname") return std::make_unique<PasswdTable>(request);
  if (request.name == "group.byname") return std::make_unique<GroupTable>(request);
  return fail("unknown table: unix:" + request.name);
}

}  // namespace

void register_unix_table(Registry& registry) { registry.add("unix", {open_unix}); }

}  // namespace postern::table
