// SPDX-License-Identifier: Apache-2.0
// lmdb: tables, NAME.lmdb. A file is changed in place by transactions, so readers see either all of a new version or
// nothing of it. The library's own lock file is not used: readers and writers lock the database file itself.
#include <lmdb.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/table/file_lock.h"
#include "lib/table/file_stamp.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

struct EnvClose {
  void operator()(MDB_env* env) const { mdb_env_close(env); }
};
struct TxnAbort {
  void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
};
struct CursorClose {
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using EnvPtr = std::unique_ptr<MDB_env, EnvClose>;
using TxnPtr = std::unique_ptr<MDB_txn, TxnAbort>;
using CursorPtr = std::unique_ptr<MDB_cursor, CursorClose>;

MDB_val view(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

std::string text(const MDB_val& item) {
  std::string_view bytes(static_cast<const char*>(item.mv_data), item.mv_size);
  if (bytes.ends_with('\0')) bytes.remove_suffix(1);
  return std::string(bytes);
}

std::unexpected<Error> failed(const std::string& what, int code) {
  return fail(what + ": " + mdb_strerror(code), code);
}

class LmdbTable : public Table {
 public:
  LmdbTable(const OpenRequest& request, std::string path)
      : Table(request.type, request.mode == Mode::read ? path : request.name),
        path_(std::move(path)),
        mode_(request.mode),
        wait_(request.context.blocking),
        duplicates_(request.context.duplicates),
        nul_(request.context.trailing_nul) {}

  Result<> open(const OpenRequest& request);

  // Transactions are seen at once; only another file in its place needs to be opened.
  bool changed() override { return watched_.now().value_or(stamp_).inode != stamp_.inode; }
  Result<std::optional<Entry>> sequence(bool first) override;
  Result<> finish() override;

 protected:
  Answer find(std::string_view key) override;
  Result<bool> store(std::string_view key, std::string_view value) override;
  Result<bool> remove(std::string_view key) override;

 private:
  [[nodiscard]] Result<TxnPtr> begin(unsigned flags);
  [[nodiscard]] Result<RecordLockGuard> lock(bool exclusive) const;
  [[nodiscard]] Result<> grow();
  // One transaction of `change`, repeated with a larger map while the map is full.
  template <class Change>
  [[nodiscard]] Result<int> write(Change change);
  [[nodiscard]] int store_one(MDB_txn* txn, std::string_view key, std::string_view value) const;
  [[nodiscard]] std::string stored(std::string_view bytes) const {
    std::string result(bytes);
    if (nul_.value_or(true)) result.push_back('\0');
    return result;
  }

  std::string path_;
  Mode mode_;
  bool wait_;
  Duplicates duplicates_;
  std::optional<bool> nul_;
  FileStamp stamp_;
  WatchedFile watched_;
  EnvPtr env_;
  int fd_ = -1;  // the environment's own
  MDB_dbi dbi_ = 0;
  std::string last_key_;                                 // of sequence()
  std::map<std::string, std::string, std::less<>> new_;  // Mode::create: what finish() will write
};

Result<> LmdbTable::open(const OpenRequest& request) {
  const bool makes = mode_ == Mode::create || mode_ == Mode::update_create;
  const auto before = FileStamp::of_path(path_);
  if (!before && !makes) return fail("open database " + path_ + ": " + errno_text(ENOENT), ENOENT);
  MDB_env* env = nullptr;
  if (const int code = mdb_env_create(&env); code != 0) return failed("open database " + path_, code);
  env_.reset(env);
  const auto size = static_cast<std::size_t>(before ? before->size : 0);
  mdb_env_set_mapsize(env, std::max(request.context.lmdb_map_size, mode_ == Mode::read ? size : 2 * size));
  const unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | (mode_ == Mode::read ? MDB_RDONLY : 0U) |
                         (mode_ != Mode::create && !request.context.sync_updates ? MDB_NOSYNC : 0U);
  if (const int code = mdb_env_open(env, path_.c_str(), flags, request.context.create_mode); code != 0) {
    return failed("open database " + path_, code);
  }
  mdb_env_get_fd(env, &fd_);
  stamp_ = FileStamp::of_fd(fd_).value_or(FileStamp{});
  watched_ = WatchedFile(path_);
  const auto guard = lock(mode_ != Mode::read);
  if (!guard) return std::unexpected(guard.error());
  // A file that was cut off would kill the process when a missing page is touched.
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env, &info);
  mdb_env_stat(env, &stat);
  if (before && (info.me_last_pgno + 1) * stat.ms_psize > static_cast<std::size_t>(stamp_.size)) {
    return failed("open database " + path_, MDB_CORRUPTED);
  }
  auto txn = begin(mode_ == Mode::read ? MDB_RDONLY : 0);
  if (!txn) return std::unexpected(txn.error());
  if (const int code = mdb_dbi_open(txn->get(), nullptr, 0, &dbi_); code != 0)
    return failed("open database " + path_, code);
  if (const int code = mdb_txn_commit(txn->release()); code != 0) return failed("open database " + path_, code);
  return {};
}

Result<RecordLockGuard> LmdbTable::lock(bool exclusive) const {
  auto guard = RecordLockGuard::take(fd_, exclusive, wait_);
  if (!guard) return fail("lock database " + path_ + ": " + errno_text(guard.error().code), guard.error().code);
  return guard;
}

Result<TxnPtr> LmdbTable::begin(unsigned flags) {
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(env_.get(), nullptr, flags, &txn);
  if (code == MDB_MAP_RESIZED) {
    // Another process has made the file larger than this one's map.
    mdb_env_set_mapsize(env_.get(), 0);
    code = mdb_txn_begin(env_.get(), nullptr, flags, &txn);
  }
  if (code != 0) return failed(path_, code);
  return TxnPtr(txn);
}

Result<> LmdbTable::grow() {
  MDB_envinfo info{};
  mdb_env_info(env_.get(), &info);
  if (const int code = mdb_env_set_mapsize(env_.get(), info.me_mapsize * 2); code != 0) return failed(path_, code);
  return {};
}

template <class Change>
Result<int> LmdbTable::write(Change change) {
  const auto guard = lock(true);
  if (!guard) return std::unexpected(guard.error());
  for (;;) {
    auto txn = begin(0);
    if (!txn) return std::unexpected(txn.error());
    int code = change(txn->get());
    if (code == MDB_KEYEXIST || code == MDB_NOTFOUND) return code;
    if (code == 0) code = mdb_txn_commit(txn->release());
    if (code == 0) return 0;
    if (code != MDB_MAP_FULL) return failed(path_, code);
    txn->reset();
    if (const auto grown = grow(); !grown) return std::unexpected(grown.error());
  }
}

Answer LmdbTable::find(std::string_view key) {
  if (mode_ == Mode::create) {
    const auto it = new_.find(key);
    return it == new_.end() ? Answer(std::nullopt) : Answer(it->second);
  }
  const auto guard = lock(false);
  if (!guard) return std::unexpected(guard.error());
  const auto txn = begin(MDB_RDONLY);
  if (!txn) return std::unexpected(txn.error());
  for (const bool nul : {true, false}) {
    if (nul_ && *nul_ != nul) continue;
    std::string wanted(key);
    if (nul) wanted.push_back('\0');
    MDB_val k = view(wanted);
    MDB_val found{};
    const int code = mdb_get(txn->get(), dbi_, &k, &found);
    // No stored key is empty or as long as that.
    if (code == MDB_NOTFOUND || code == MDB_BAD_VALSIZE) continue;
    if (code != 0) return failed(path_, code);
    nul_ = nul;
    return text(found);
  }
  return std::nullopt;
}

int LmdbTable::store_one(MDB_txn* txn, std::string_view key, std::string_view value) const {
  const std::string stored_key = stored(key);
  const std::string stored_value = stored(value);
  MDB_val k = view(stored_key);
  MDB_val v = view(stored_value);
  return mdb_put(txn, dbi_, &k, &v, duplicates_ == Duplicates::replace ? 0 : MDB_NOOVERWRITE);
}

Result<bool> LmdbTable::store(std::string_view key, std::string_view value) {
  if (mode_ == Mode::read) return Table::store(key, value);
  bool added = true;
  if (mode_ == Mode::create) {
    added = new_.emplace(key, value).second;
    if (!added && duplicates_ == Duplicates::replace) {
      new_[std::string(key)] = value;
      added = true;
    }
  } else {
    const auto code = write([&](MDB_txn* txn) { return store_one(txn, key, value); });
    if (!code) return std::unexpected(code.error());
    added = *code == 0;
  }
  if (added) return true;
  if (duplicates_ == Duplicates::warn) log::warning("lmdb:{}: duplicate entry: \"{}\"", name(), key);
  if (duplicates_ == Duplicates::fail) return fail(spec() + ": duplicate entry: \"" + std::string(key) + "\"", EEXIST);
  return false;
}

Result<bool> LmdbTable::remove(std::string_view key) {
  if (mode_ == Mode::read) return Table::remove(key);
  if (mode_ == Mode::create) {
    const auto it = new_.find(key);
    if (it == new_.end()) return false;
    new_.erase(it);
    return true;
  }
  for (const bool nul : {true, false}) {
    if (nul_ && *nul_ != nul) continue;
    std::string wanted(key);
    if (nul) wanted.push_back('\0');
    const auto code = write([&](MDB_txn* txn) {
      MDB_val k = view(wanted);
      const int status = mdb_del(txn, dbi_, &k, nullptr);
      return status == MDB_BAD_VALSIZE ? MDB_NOTFOUND : status;
    });
    if (!code) return std::unexpected(code.error());
    if (*code == 0) return true;
  }
  return false;
}

// Each step is a transaction of its own, so that nothing is pinned between two of them.
Result<std::optional<Entry>> LmdbTable::sequence(bool first) {
  const auto guard = lock(false);
  if (!guard) return std::unexpected(guard.error());
  const auto txn = begin(MDB_RDONLY);
  if (!txn) return std::unexpected(txn.error());
  MDB_cursor* raw = nullptr;
  if (const int code = mdb_cursor_open(txn->get(), dbi_, &raw); code != 0) return failed(path_, code);
  const CursorPtr cursor(raw);
  MDB_val key = view(last_key_);
  MDB_val value{};
  int code = mdb_cursor_get(raw, &key, &value, first ? MDB_FIRST : MDB_SET_RANGE);
  const bool same = !first && code == 0 && std::string_view(static_cast<char*>(key.mv_data), key.mv_size) == last_key_;
  if (same) code = mdb_cursor_get(raw, &key, &value, MDB_NEXT);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != 0) return failed(path_, code);
  last_key_.assign(static_cast<const char*>(key.mv_data), key.mv_size);
  return Entry{text(key), text(value)};
}

Result<> LmdbTable::finish() {
  if (mode_ != Mode::create) return {};
  const auto code = write([this](MDB_txn* txn) {
    int status = mdb_drop(txn, dbi_, 0);
    for (auto it = new_.begin(); it != new_.end() && status == 0; ++it) status = store_one(txn, it->first, it->second);
    return status;
  });
  if (!code) return std::unexpected(code.error());
  new_.clear();
  return {};
}

bool damaged(int code) {
  return code == MDB_INVALID || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_VERSION_MISMATCH;
}

}  // namespace

Result<TablePtr> open_lmdb(const OpenRequest& request) {
  const std::string path = request.name + ".lmdb";
  auto table = std::make_unique<LmdbTable>(request, path);
  auto opened = table->open(request);
  if (!opened && request.mode == Mode::create && damaged(opened.error().code)) {
    // What cannot be read need not be kept: a new file takes its place, and readers see the inode change.
    table.reset();
    if (::unlink(path.c_str()) != 0) return fail_errno("remove damaged database " + path);
    table = std::make_unique<LmdbTable>(request, path);
    opened = table->open(request);
  }
  if (!opened) return std::unexpected(opened.error());
  return table;
}

}  // namespace postern::table
