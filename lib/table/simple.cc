// SPDX-License-Identifier: Apache-2.0
// static: (one answer for every key), fail: (always an error), environ: (the process's own environment).
#include <cstdlib>

#include "lib/config/value.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

class StaticTable : public Table {
 public:
  StaticTable(const OpenRequest& request, std::string value)
      : Table(request.type, request.name), value_(std::move(value)) {}

 protected:
  Answer find(std::string_view) override { return value_; }

 private:
  std::string value_;
};

class FailingTable : public Table {
 public:
  explicit FailingTable(const OpenRequest& request) : Table(request.type, request.name) {}

  Result<std::optional<Entry>> sequence(bool) override { return fail("Application error"); }

 protected:
  Answer find(std::string_view) override { return fail("Application error"); }
  Result<bool> store(std::string_view, std::string_view) override { return fail("Application error"); }
  Result<bool> remove(std::string_view) override { return fail("Application error"); }
};

class EnvironTable : public Table {
 public:
  explicit EnvironTable(const OpenRequest& request) : Table(request.type, request.name) {}

 protected:
  Answer find(std::string_view key) override {
    const char* value = std::getenv(std::string(key).c_str());
    if (!value) return std::nullopt;
    return std::string(value);
  }
};

}  // namespace

Result<TablePtr> open_static(const OpenRequest& request) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  auto value = config::strip_braces(request.name);
  if (!value) return fail("bad static:name syntax: " + value.error().text);
  return std::make_unique<StaticTable>(request, std::move(*value));
}

Result<TablePtr> open_fail(const OpenRequest& request) { return std::make_unique<FailingTable>(request); }

Result<TablePtr> open_environ(const OpenRequest& request) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  return std::make_unique<EnvironTable>(request);
}

}  // namespace postern::table
