// SPDX-License-Identifier: Apache-2.0
// cdb: tables, NAME.cdb: read through a mapping, rebuilt whole beside the old file and renamed over it.
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <unordered_map>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/table/cdb_format.h"
#include "lib/table/file_lock.h"
#include "lib/table/file_stamp.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

struct Unmap {
  std::size_t size = 0;
  void operator()(void* p) const { ::munmap(p, size); }
};
using Mapping = std::unique_ptr<void, Unmap>;

class CdbReader : public Table {
 public:
  CdbReader(const OpenRequest& request, std::string path, Mapping mapping, WatchedFile file)
      : Table(request.type, std::move(path)),
        mapping_(std::move(mapping)),
        file_(std::move(file)),
        nul_(request.context.trailing_nul) {}

  bool changed() override { return file_.changed(); }

 protected:
  Answer find(std::string_view key) override {
    const std::string_view database(static_cast<const char*>(mapping_.get()), mapping_.get_deleter().size);
    for (const bool nul : {true, false}) {
      if (nul_ && *nul_ != nul) continue;
      std::string wanted(key);
      if (nul) wanted.push_back('\0');
      const auto found = cdb::find(database, wanted);
      if (!found) return std::unexpected(found.error());
      if (!*found) continue;
      nul_ = nul;
      std::string_view value = **found;
      if (value.ends_with('\0')) value.remove_suffix(1);
      return std::string(value);
    }
    return std::nullopt;
  }

 private:
  Mapping mapping_;
  WatchedFile file_;
  std::optional<bool> nul_;
};

class CdbWriter : public Table {
 public:
  CdbWriter(const OpenRequest& request, std::string path, Fd file)
      : Table(request.type, request.name),
        path_(std::move(path)),
        file_(std::move(file)),
        duplicates_(request.context.duplicates),
        nul_(request.context.trailing_nul.value_or(false)) {}

  Result<> finish() override {
    const auto bytes = cdb::build(records_);
    if (!bytes) return fail("write " + path_ + ": " + bytes.error().text);
    if (const auto written = files::write_all(file_.get(), *bytes); !written) return written;
    if (::fsync(file_.get()) != 0) return fail_errno("fsync " + path_ + ".tmp");
    if (::rename((path_ + ".tmp").c_str(), path_.c_str()) != 0) return fail_errno("rename " + path_ + ".tmp");
    return {};
  }

 protected:
  Answer find(std::string_view) override { return fail("read operation is not supported"); }

  Result<bool> store(std::string_view key, std::string_view value) override {
    const auto [it, added] = index_.emplace(key, records_.size());
    if (added) {
      records_.emplace_back(stored(key), stored(value));
      return true;
    }
    if (duplicates_ == Duplicates::replace) {
      records_[it->second].second = stored(value);
      return true;
    }
    if (duplicates_ == Duplicates::warn) log::warning("{}: duplicate entry: \"{}\"", name(), key);
    return false;
  }

 private:
  [[nodiscard]] std::string stored(std::string_view bytes) const {
    std::string result(bytes);
    if (nul_) result.push_back('\0');
    return result;
  }

  std::string path_;
  Fd file_;
  Duplicates duplicates_;
  bool nul_;
  std::vector<Entry> records_;
  std::unordered_map<std::string, std::size_t> index_;
};

Result<TablePtr> open_reader(const OpenRequest& request, std::string path) {
  const auto fd = files::open(path, O_RDONLY);
  if (!fd) return fail("open database " + fd.error().text.substr(5), fd.error().code);
  const auto stamp = FileStamp::of_fd(fd->get());
  if (!stamp) return fail_errno("open database " + path);
  WatchedFile file(path);
  const auto size = static_cast<std::size_t>(stamp->size);
  if (size < cdb::kHeaderSize) return fail("open database " + path + ": " + errno_text(EPROTO), EPROTO);
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd->get(), 0);
  if (bytes == MAP_FAILED) return fail_errno("map database " + path);
  return std::make_unique<CdbReader>(request, std::move(path), Mapping(bytes, Unmap{size}), std::move(file));
}

// Another writer may have renamed the temporary file away while this one waited for its lock.
Result<TablePtr> open_writer(const OpenRequest& request, const std::string& path) {
  const std::string temporary = path + ".tmp";
  for (int attempt = 0; attempt < 10; ++attempt) {
    auto fd = files::open(temporary, O_RDWR | O_CREAT, request.context.create_mode);
    if (!fd) return fail("open database " + fd.error().text.substr(5), fd.error().code);
    if (::flock(fd->get(), LOCK_EX) != 0) return fail_errno("lock " + temporary);
    const auto mine = FileStamp::of_fd(fd->get());
    const auto there = FileStamp::of_path(temporary);
    if (!mine || !there || mine->inode != there->inode) continue;
    if (::ftruncate(fd->get(), 0) != 0) return fail_errno("truncate " + temporary);
    return std::make_unique<CdbWriter>(request, path, std::move(*fd));
  }
  return fail("open database " + temporary + ": replaced again and again");
}

}  // namespace

Result<TablePtr> open_cdb(const OpenRequest& request) {
  const std::string path = request.name + ".cdb";
  if (request.mode == Mode::read) return open_reader(request, path);
  if (request.mode == Mode::create) return open_writer(request, path);
  return fail(
      "dict_cdb_open: inappropriate open flags for cdb database - specify O_RDONLY or O_WRONLY|O_CREAT|O_TRUNC");
}

}  // namespace postern::table
