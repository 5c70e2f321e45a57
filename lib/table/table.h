// SPDX-License-Identifier: Apache-2.0
// Lookup tables: what stands behind "type:name" in main.cf.
//
// A Table answers one key with a value, with "no such key" (nullopt), or with an Error; an Error is always temporary
// for the mail in hand, never "not found". Error::code EAGAIN means that somebody is rewriting the file: ask again in a
// moment (Maps does so by timer). Local types answer synchronously and never wait in an event worker. Remote types
// (proxy:, unix:, ldap: ...) are only names here: a program hands in RemoteTables, which asks the proxymap service.
// Types are entries of a Registry; a program fills one with register_builtin_tables() and keeps it for its lifetime.
// An opened table follows its file: open_live() looks at most once a second whether the file changed, opens the new
// version beside the old one and swaps; a table that cannot be opened answers every lookup with an Error and a
// warning, and heals by itself when the file appears.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/async/task.h"
#include "lib/base/error.h"

namespace postern::async {
class Loop;
}

namespace postern::table {

using Answer = Result<std::optional<std::string>>;
using Entry = std::pair<std::string, std::string>;

// What RemoteTables needs to know about a lookup besides table and key.
struct LookupFlags {
  bool fold = true;
  bool utf8 = false;
};

class RemoteTables {
 public:
  virtual ~RemoteTables() = default;
  // `spec` is "type:name" as configured, without a leading "proxy:".
  [[nodiscard]] virtual async::Task<Answer> lookup(std::string spec, std::string key, LookupFlags flags) = 0;
};

// What a writer does with a key that is there already.
enum class Duplicates { warn, ignore, replace, fail };

enum class Mode {
  read,
  update,         // change an existing database
  update_create,  // the same, made when missing
  create          // a new database; what was there is lost
};

class Registry;

struct Context {
  const Registry* registry = nullptr;
  RemoteTables* remote = nullptr;  // nullptr: remote tables answer with an error
  async::Loop* loop = nullptr;     // for waits of the asynchronous lookups; not needed by the others
  std::string default_type = "hash";
  bool fold = true;            // keys of exact tables are folded to lower case
  bool fold_patterns = false;  // the same for regexp:, pcre: and cidr:
  bool utf8 = false;           // smtputf8_enable: keys and values that are not UTF-8 are refused
  std::string (*fold_key)(std::string_view) = nullptr;  // nullptr: ASCII; fold_utf8 (fold.h) where ICU is linked
  // An open table changed and its new version cannot be opened from here (jail, permissions): the worker should make
  // room for one that can. Called once per change.
  std::function<void(const std::string& spec)> must_restart;
  bool must_open = false;            // for open_live(): a table that cannot be opened at first ends the process
  bool blocking = false;             // may wait for a file lock (commands, isolated processes)
  bool filenames = false;            // values are base64 of file contents and are decoded by lookup (postmap -F)
  std::optional<bool> trailing_nul;  // nullopt: either when reading, with NUL when writing
  Duplicates duplicates = Duplicates::warn;
  bool sync_updates = true;                // Mode::update: each change is on disk before put() and erase() return
  std::size_t create_buffer = 16UL << 20;  // berkeley_db_create_buffer_size
  std::size_t read_buffer = 128UL << 10;   // berkeley_db_read_buffer_size
  std::size_t lmdb_map_size = 16UL << 20;  // lmdb_map_size
  unsigned create_mode = 0644;
};

// lookup(), put() and erase() fold and check the key and the value as the context says, then call the type's find(),
// store() and remove().
class Table {
 public:
  Table(std::string type, std::string name) : type_(std::move(type)), name_(std::move(name)) {}
  virtual ~Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  [[nodiscard]] Answer lookup(std::string_view key);

  // Pattern tables see each address once and whole; partial keys (user, @domain) are not for them.
  [[nodiscard]] virtual bool pattern() const { return false; }
  // Must be asked through RemoteTables under the name target(); lookup() is an Error.
  [[nodiscard]] virtual bool remote() const { return false; }
  [[nodiscard]] virtual std::string target() const { return spec(); }
  // Values may be built from the key ("$1"): such results must not name commands or files.
  [[nodiscard]] virtual bool substitutes() const { return false; }
  // Whether the file behind the table is no longer what was opened.
  [[nodiscard]] virtual bool changed() { return false; }

  // false: the key was there and was left alone (Duplicates::warn, which says so in the log, and ::ignore).
  [[nodiscard]] Result<bool> put(std::string_view key, std::string_view value);
  [[nodiscard]] Result<bool> put_exact(std::string_view key, std::string_view value) { return store(key, value); }
  [[nodiscard]] Result<bool> erase(std::string_view key);  // false: no such key
  // Entries in the database's own order; nullopt after the last.
  [[nodiscard]] virtual Result<std::optional<Entry>> sequence(bool first);
  // Makes what was written durable and visible. Without it a new database may be lost or incomplete.
  [[nodiscard]] virtual Result<> finish() { return {}; }

  [[nodiscard]] const std::string& type() const { return type_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string spec() const { return type_ + ":" + name_; }
  void set_context(const Context& context) { context_ = &context; }

 protected:
  [[nodiscard]] virtual Answer find(std::string_view key) = 0;
  [[nodiscard]] virtual Result<bool> store(std::string_view key, std::string_view value);
  [[nodiscard]] virtual Result<bool> remove(std::string_view key);

 private:
  [[nodiscard]] std::string prepare(std::string_view key) const;
  [[nodiscard]] Answer finished(std::string_view key, std::string value) const;

  std::string type_;
  std::string name_;
  const Context* context_ = nullptr;
};

using TablePtr = std::unique_ptr<Table>;

struct OpenRequest {
  std::string type;
  std::string name;
  Mode mode = Mode::read;
  const Context& context;
};

using Opener = std::function<Result<TablePtr>(const OpenRequest&)>;

class Registry {
 public:
  struct Type {
    Opener open;
    bool creatable = false;  // postmap can build it
  };
  void add(std::string name, Type type) { types_[std::move(name)] = std::move(type); }
  // A name that other MTAs know and that is asked through RemoteTables.
  void add_remote(std::string name) { remote_.push_back(std::move(name)); }
  [[nodiscard]] const Type* find(std::string_view name) const;
  [[nodiscard]] bool is_remote(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::map<std::string, Type, std::less<>> types_;
  std::vector<std::string> remote_;
};

// Every local type, and the names of the remote ones.
void register_builtin_tables(Registry& registry);
// unix:passwd.byname and unix:group.byname read through NSS: for proxymap, commands and isolated processes.
void register_unix_table(Registry& registry);

struct Spec {
  std::string type;
  std::string name;
};
// "type:name"; a name alone has the default type. Error: expecting "type:name" form instead of "x:".
[[nodiscard]] Result<Spec> parse_spec(std::string_view spec, std::string_view default_type);

// Opens exactly once; for commands and for the pieces of compound tables.
[[nodiscard]] Result<TablePtr> open(std::string_view spec, Mode mode, const Context& context);
// For daemons: never fails, follows changes of the file, see above. `context` must outlive the table.
[[nodiscard]] TablePtr open_live(std::string_view spec, const Context& context);

// Lower-cased as the context says.
[[nodiscard]] std::string fold_key(const Context& context, std::string_view key);

}  // namespace postern::table
