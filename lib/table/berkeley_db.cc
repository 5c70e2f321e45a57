// SPDX-License-Identifier: Apache-2.0
// hash: and btree:, Berkeley DB files as postmap has always written them: NAME.db, keys and values with or without a
// trailing NUL (whichever is found first is then expected).
//
// A database is rewritten in place under an exclusive flock, so a reader takes the shared lock for every look into the
// file and compares the file's time stamp with the one it had when it was opened: pages of two versions never mix.
#include <db.h>

#include <cerrno>

#include "lib/base/clock.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/table/file_lock.h"
#include "lib/table/file_stamp.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

struct DbClose {
  void operator()(DB* db) const { db->close(db, 0); }
};
using DbPtr = std::unique_ptr<DB, DbClose>;

struct CursorClose {
  void operator()(DBC* cursor) const { cursor->close(cursor); }
};
using CursorPtr = std::unique_ptr<DBC, CursorClose>;

// The library would write its complaints to standard error; the error codes say enough.
void ignore_message(const DB_ENV*, const char*, const char*) {}

DBT view(std::string_view bytes) {
  DBT item{};
  item.data = const_cast<char*>(bytes.data());
  item.size = static_cast<u_int32_t>(bytes.size());
  return item;
}

std::string text(const DBT& item) {
  std::string_view bytes(static_cast<const char*>(item.data), item.size);
  if (bytes.ends_with('\0')) bytes.remove_suffix(1);
  return std::string(bytes);
}

std::string db_error(int code) { return code > 0 ? errno_text(code) : ::db_strerror(code); }

class BerkeleyTable : public Table {
 public:
  BerkeleyTable(const OpenRequest& request, std::string path)
      : Table(request.type, path),
        path_(std::move(path)),
        mode_(request.mode),
        wait_(request.context.blocking),
        sync_(mode_ != Mode::create && request.context.sync_updates),
        duplicates_(request.context.duplicates),
        nul_(request.context.trailing_nul) {}

  ~BerkeleyTable() override {
    cursor_.reset();
    db_.reset();
  }

  Result<> open(const OpenRequest& request, DBTYPE type);

  bool changed() override { return mode_ == Mode::read && watched_.now().value_or(stamp_) != stamp_; }
  Result<std::optional<Entry>> sequence(bool first) override;
  Result<> finish() override;

 protected:
  Answer find(std::string_view key) override;
  Result<bool> store(std::string_view key, std::string_view value) override;
  Result<bool> remove(std::string_view key) override;

 private:
  [[nodiscard]] Result<> open_database(const OpenRequest& request, DBTYPE type);
  // nullopt while a new database is being written: its lock is held from beginning to end.
  [[nodiscard]] Result<std::optional<FlockGuard>> lock(bool exclusive);
  [[nodiscard]] int get(const std::string& key, std::string& value);
  void learn_trailing_nul();
  [[nodiscard]] Result<bool> flush();
  [[nodiscard]] std::string stored(std::string_view bytes) const {
    std::string result(bytes);
    if (nul_.value_or(true)) result.push_back('\0');
    return result;
  }

  std::string path_;
  Mode mode_;
  bool wait_;
  bool sync_;
  Duplicates duplicates_;
  std::optional<bool> nul_;  // nullopt: not known yet
  Fd lock_fd_;
  std::optional<FlockGuard> held_;  // Mode::create
  FileStamp stamp_;
  WatchedFile watched_;
  DbPtr db_;
  CursorPtr cursor_;
};

Result<> BerkeleyTable::open(const OpenRequest& request, DBTYPE type) {
  const bool writes = mode_ != Mode::read;
  const bool makes = mode_ == Mode::create || mode_ == Mode::update_create;
  auto fd = files::open(path_, (writes ? O_RDWR : O_RDONLY) | (makes ? O_CREAT : 0), request.context.create_mode);
  if (!fd) return fail("open database " + fd.error().text.substr(5), fd.error().code);
  lock_fd_ = std::move(*fd);
  auto guard = FlockGuard::take(lock_fd_.get(), makes, wait_);
  if (!guard) return fail("lock database " + path_ + ": " + errno_text(guard.error().code), guard.error().code);
  if (mode_ == Mode::create && ::ftruncate(lock_fd_.get(), 0) != 0) return fail_errno("truncate " + path_);
  const auto stamp = FileStamp::of_fd(lock_fd_.get());
  if (stamp) stamp_ = *stamp;
  if (const auto opened = open_database(request, type); !opened) return opened;
  if (mode_ == Mode::create) held_.emplace(std::move(*guard));
  // The path may have been given to another file between the two opens.
  watched_ = WatchedFile(path_);
  const auto now = watched_.now();
  if (!writes && now && now->inode != stamp_.inode) return fail("open database " + path_ + ": replaced", EAGAIN);
  return {};
}

Result<> BerkeleyTable::open_database(const OpenRequest& request, DBTYPE type) {
  DB* db = nullptr;
  if (const int error = ::db_create(&db, nullptr, 0); error != 0) return fail("db_create: " + db_error(error), error);
  db_.reset(db);
  db->set_errcall(db, ignore_message);
  const std::size_t cache = mode_ == Mode::read ? request.context.read_buffer : request.context.create_buffer;
  db->set_cachesize(db, 0, static_cast<u_int32_t>(std::min<std::size_t>(cache, 1UL << 30)), 0);
  u_int32_t flags = 0;
  if (mode_ == Mode::read) flags = DB_RDONLY;
  if (mode_ == Mode::create || (mode_ == Mode::update_create && stamp_.size == 0)) flags = DB_CREATE;
  const int error =
      db->open(db, nullptr, path_.c_str(), nullptr, type, flags, static_cast<int>(request.context.create_mode));
  if (error == 0) return {};
  db_.reset();
  return fail("open database " + path_ + ": " + db_error(error), error);
}

Result<std::optional<FlockGuard>> BerkeleyTable::lock(bool exclusive) {
  if (held_) return std::nullopt;
  auto guard = FlockGuard::take(lock_fd_.get(), exclusive, wait_);
  if (!guard) return fail("lock database " + path_ + ": " + errno_text(guard.error().code), guard.error().code);
  if (mode_ == Mode::read && FileStamp::of_fd(lock_fd_.get()) != stamp_) {
    return fail("database " + path_ + " has changed", ESTALE);
  }
  return std::optional<FlockGuard>(std::move(*guard));
}

int BerkeleyTable::get(const std::string& key, std::string& value) {
  DBT wanted = view(key);
  DBT found{};
  const int status = db_->get(db_.get(), nullptr, &wanted, &found, 0);
  if (status == 0) value = text(found);
  return status;
}

Answer BerkeleyTable::find(std::string_view key) {
  const auto guard = lock(false);
  if (!guard) return std::unexpected(guard.error());
  std::string value;
  for (const bool nul : {true, false}) {
    if (nul_ && *nul_ != nul) continue;
    std::string wanted(key);
    if (nul) wanted.push_back('\0');
    const int status = get(wanted, value);
    if (status == 0) {
      nul_ = nul;
      return value;
    }
    if (status != DB_NOTFOUND) return fail(db_error(status), status);
  }
  return std::nullopt;
}

// A database that is changed keeps its form; an empty one gets the usual NUL.
void BerkeleyTable::learn_trailing_nul() {
  if (nul_ || mode_ == Mode::create) return;
  DBC* raw = nullptr;
  if (db_->cursor(db_.get(), nullptr, &raw, 0) != 0) return;
  const CursorPtr cursor(raw);
  DBT key{};
  DBT value{};
  if (raw->get(raw, &key, &value, DB_FIRST) != 0) return;
  nul_ = std::string_view(static_cast<const char*>(key.data), key.size).ends_with('\0');
}

Result<bool> BerkeleyTable::store(std::string_view key, std::string_view value) {
  const auto guard = lock(true);
  if (!guard) return std::unexpected(guard.error());
  learn_trailing_nul();
  const std::string stored_key = stored(key);
  const std::string stored_value = stored(value);
  DBT k = view(stored_key);
  DBT v = view(stored_value);
  const int status = db_->put(db_.get(), nullptr, &k, &v, duplicates_ == Duplicates::replace ? 0 : DB_NOOVERWRITE);
  if (status == DB_KEYEXIST) {
    if (duplicates_ == Duplicates::warn) log::warning("{}: duplicate entry: \"{}\"", path_, key);
    if (duplicates_ == Duplicates::fail) return fail(path_ + ": duplicate entry: \"" + std::string(key) + "\"", EEXIST);
    return false;
  }
  if (status != 0) return fail(db_error(status), status);
  return flush();
}

Result<bool> BerkeleyTable::remove(std::string_view key) {
  const auto guard = lock(true);
  if (!guard) return std::unexpected(guard.error());
  for (const bool nul : {true, false}) {
    if (nul_ && *nul_ != nul) continue;
    std::string wanted(key);
    if (nul) wanted.push_back('\0');
    DBT k = view(wanted);
    const int status = db_->del(db_.get(), nullptr, &k, 0);
    if (status == DB_NOTFOUND) continue;
    if (status != 0) return fail(db_error(status), status);
    nul_ = nul;
    return flush();
  }
  return false;
}

Result<bool> BerkeleyTable::flush() {
  if (!sync_) return true;
  if (const int error = db_->sync(db_.get(), 0); error != 0) return fail(db_error(error), error);
  return true;
}

Result<std::optional<Entry>> BerkeleyTable::sequence(bool first) {
  const auto guard = lock(false);
  if (!guard) return std::unexpected(guard.error());
  if (!cursor_) {
    DBC* raw = nullptr;
    if (const int error = db_->cursor(db_.get(), nullptr, &raw, 0); error != 0) return fail(db_error(error), error);
    cursor_.reset(raw);
  }
  DBT key{};
  DBT value{};
  const int status = cursor_->get(cursor_.get(), &key, &value, first ? DB_FIRST : DB_NEXT);
  if (status == DB_NOTFOUND) return std::nullopt;
  if (status != 0) return fail(db_error(status), status);
  return Entry{text(key), text(value)};
}

Result<> BerkeleyTable::finish() {
  if (mode_ == Mode::read) return {};
  cursor_.reset();
  DB* db = db_.release();
  if (const int error = db->close(db, 0); error != 0) return fail("close database " + path_ + ": " + db_error(error));
  if (::fsync(lock_fd_.get()) != 0) return fail_errno("fsync " + path_);
  held_.reset();
  return {};
}

// Somebody edited the source and forgot postmap. A fresh source may still be in the editor.
void warn_if_stale(const std::string& source, const std::string& path) {
  const auto text = FileStamp::of_path(source);
  const auto database = FileStamp::of_path(path);
  if (text && database && text->seconds > database->seconds && text->seconds < wall_now().seconds - 100) {
    log::warning("database {} is older than source file {}", path, source);
  }
}

Result<TablePtr> open_type(const OpenRequest& request, DBTYPE type) {
  auto table = std::make_unique<BerkeleyTable>(request, request.name + ".db");
  if (const auto opened = table->open(request, type); !opened) return std::unexpected(opened.error());
  if (request.mode == Mode::read) warn_if_stale(request.name, table->name());
  return table;
}

}  // namespace

Result<TablePtr> open_hash(const OpenRequest& request) { return open_type(request, DB_HASH); }
Result<TablePtr> open_btree(const OpenRequest& request) { return open_type(request, DB_BTREE); }

}  // namespace postern::table
