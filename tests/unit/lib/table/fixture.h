// SPDX-License-Identifier: Apache-2.0
// A private directory, a registry of all local types, and the log lines that were written meanwhile.
#pragma once

#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/table/table.h"

namespace postern::table {

class TableFixture : public CppUnit::TestFixture {
 public:
  void setUp() override {
    char name[] = "/tmp/table-test.XXXXXX";
    directory_ = ::mkdtemp(name);
    registry_ = Registry();
    register_builtin_tables(registry_);
    context_ = Context();
    context_.registry = &registry_;
    lines_.clear();
    log::set_sink(
        [this](log::Level, std::string_view line) { lines_.emplace_back(line.substr(line.find("]: ") + 3)); });
  }
  void tearDown() override {
    log::set_sink(nullptr);
    std::filesystem::remove_all(directory_);
  }

 protected:
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void write(const std::string& name, std::string_view content) const {
    CPPUNIT_ASSERT(files::write_atomic(path(name), content));
  }
  TablePtr open_table(const std::string& spec, Mode mode = Mode::read) const {
    auto table = open(spec, mode, context_);
    CPPUNIT_ASSERT_MESSAGE(table ? "" : table.error().text, table.has_value());
    return std::move(*table);
  }
  std::string open_error(const std::string& spec, Mode mode = Mode::read) const {
    auto table = open(spec, mode, context_);
    return table ? "(opened)" : table.error().text;
  }
  void build(const std::string& spec, const std::vector<Entry>& entries) const {
    const auto table = open_table(spec, Mode::create);
    for (const auto& [key, value] : entries) CPPUNIT_ASSERT(table->put(key, value));
    CPPUNIT_ASSERT(table->finish());
  }
  // The value, "(none)" or "(error) TEXT".
  static std::string shown(const Answer& answer) {
    if (!answer) return "(error) " + answer.error().text;
    return answer->value_or("(none)");
  }
  static std::string ask(Table& table, std::string_view key) { return shown(table.lookup(key)); }
  std::string ask(const std::string& spec, std::string_view key) const { return ask(*open_table(spec), key); }
  bool logged(std::string_view part) const {
    for (const auto& line : lines_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  std::string directory_;
  Registry registry_;
  Context context_;
  std::vector<std::string> lines_;
};

inline void same(const std::string& expected, const std::string& actual) { CPPUNIT_ASSERT_EQUAL(expected, actual); }

}  // namespace postern::table
