// SPDX-License-Identifier: Apache-2.0
// The indexed types: what is written is read again, by whoever wrote it, whole or damaged.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "lib/table/fold.h"
#include "tests/unit/lib/table/fixture.h"

namespace postern::table {
namespace {

class DatabaseTest : public TableFixture {
  CPPUNIT_TEST_SUITE(DatabaseTest);
  CPPUNIT_TEST(finds_what_was_built);
  CPPUNIT_TEST(folds_keys_unless_told_not_to);
  CPPUNIT_TEST(reads_both_kinds_of_strings);
  CPPUNIT_TEST(first_of_two_equal_keys_stays);
  CPPUNIT_TEST(duplicates_can_replace_or_fail);
  CPPUNIT_TEST(changes_in_place);
  CPPUNIT_TEST(a_new_database_can_be_asked);
  CPPUNIT_TEST(lists_every_entry);
  CPPUNIT_TEST(cdb_is_only_built_whole);
  CPPUNIT_TEST(missing_files_are_errors);
  CPPUNIT_TEST(damaged_files_are_errors);
  CPPUNIT_TEST(truncated_files_do_not_kill);
  CPPUNIT_TEST(busy_while_another_writes);
  CPPUNIT_TEST(stale_source_is_reported);
  CPPUNIT_TEST(lmdb_grows_beyond_its_map);
  CPPUNIT_TEST(new_files_get_the_mode);
  CPPUNIT_TEST(utf8_is_checked_and_folded);
  CPPUNIT_TEST(folding);
  CPPUNIT_TEST_SUITE_END();

  static constexpr std::array kTypes{"hash", "btree", "lmdb", "cdb"};
  static constexpr std::array kChangeable{"hash", "btree", "lmdb"};
  std::string spec(const char* type, const char* name = "t") const { return std::string(type) + ":" + path(name); }
  std::string file(const char* type, const char* name = "t") const {
    const std::string t = type;
    return path(name) + (t == "lmdb" ? ".lmdb" : t == "cdb" ? ".cdb" : ".db");
  }

  void finds_what_was_built() {
    for (const char* type : kTypes) {
      build(spec(type), {{"a", "1"}, {"b c", "2 3"}, {"long", std::string(1500, 'x')}});
      const auto table = open_table(spec(type));
      same("1", ask(*table, "a"));
      same("2 3", ask(*table, "b c"));
      same(std::string(1500, 'x'), ask(*table, "long"));
      same("(none)", ask(*table, "z"));
      same("(none)", ask(*table, ""));
      same("(none)", ask(*table, std::string(5000, 'k')));
      build(spec(type), {{"z", "new"}});
      same("(none)", ask(spec(type), "a"));
      same("new", ask(spec(type), "z"));
    }
  }

  void folds_keys_unless_told_not_to() {
    for (const char* type : kTypes) {
      build(spec(type), {{"Key", "v"}});
      same("v", ask(spec(type), "KEY"));
      context_.fold = false;
      same("(none)", ask(spec(type), "KEY"));
      same("v", ask(spec(type), "key"));
      context_.fold = true;
    }
  }

  void reads_both_kinds_of_strings() {
    for (const char* type : kTypes) {
      for (const bool nul : {true, false}) {
        context_.trailing_nul = nul;
        build(spec(type), {{"a", "1"}, {"b", "2"}});
        context_.trailing_nul.reset();
        const auto table = open_table(spec(type));
        same("1", ask(*table, "a"));
        same("2", ask(*table, "b"));
      }
    }
  }

  void first_of_two_equal_keys_stays() {
    for (const char* type : kTypes) {
      lines_.clear();
      build(spec(type), {{"a", "1"}, {"A", "2"}});
      same("1", ask(spec(type), "a"));
      CPPUNIT_ASSERT(logged("duplicate entry: \"a\""));
      context_.duplicates = Duplicates::ignore;
      lines_.clear();
      build(spec(type), {{"a", "1"}, {"a", "2"}});
      CPPUNIT_ASSERT(lines_.empty());
      context_.duplicates = Duplicates::warn;
    }
  }

  void duplicates_can_replace_or_fail() {
    for (const char* type : kTypes) {
      context_.duplicates = Duplicates::replace;
      build(spec(type), {{"a", "1"}, {"a", "2"}});
      same("2", ask(spec(type), "a"));
    }
    build(spec("hash"), {{"a", "1"}});
    context_.duplicates = Duplicates::fail;
    const auto table = open_table(spec("hash"), Mode::update);
    CPPUNIT_ASSERT(!table->put("a", "3"));
    CPPUNIT_ASSERT(table->put("b", "3").value());
  }

  void changes_in_place() {
    for (const char* type : kChangeable) {
      build(spec(type), {{"a", "1"}, {"b", "2"}});
      {
        const auto table = open_table(spec(type), Mode::update);
        CPPUNIT_ASSERT(table->erase("A").value());
        CPPUNIT_ASSERT(!table->erase("a").value());
        CPPUNIT_ASSERT(table->put("c", "3").value());
        CPPUNIT_ASSERT(table->finish());
      }
      same("(none)", ask(spec(type), "a"));
      same("2", ask(spec(type), "b"));
      same("3", ask(spec(type), "c"));
      std::filesystem::remove(file(type, "fresh"));
      const auto fresh = open_table(spec(type, "fresh"), Mode::update_create);
      CPPUNIT_ASSERT(fresh->put("x", "y").value());
      CPPUNIT_ASSERT(fresh->finish());
      same("y", ask(spec(type, "fresh"), "x"));
    }
  }

  void a_new_database_can_be_asked() {
    for (const char* type : kChangeable) {
      const auto table = open_table(spec(type), Mode::create);
      CPPUNIT_ASSERT(table->put("a", "1").value());
      CPPUNIT_ASSERT(table->put("b", "2").value());
      CPPUNIT_ASSERT(table->erase("a").value());
      same("(none)", ask(*table, "a"));
      same("2", ask(*table, "b"));
      CPPUNIT_ASSERT(table->finish());
      same("2", ask(spec(type), "b"));
    }
  }

  void lists_every_entry() {
    for (const char* type : kChangeable) {
      build(spec(type), {{"b", "2"}, {"a", "1"}, {"c", "3"}});
      const auto table = open_table(spec(type));
      std::vector<Entry> found;
      for (bool first = true;; first = false) {
        const auto entry = table->sequence(first);
        CPPUNIT_ASSERT(entry);
        if (!*entry) break;
        found.push_back(**entry);
      }
      std::sort(found.begin(), found.end());
      CPPUNIT_ASSERT(found == (std::vector<Entry>{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
    }
  }

  void cdb_is_only_built_whole() {
    build(spec("cdb"), {{"a", "1"}});
    CPPUNIT_ASSERT(open_error(spec("cdb"), Mode::update).find("inappropriate open flags") != std::string::npos);
    CPPUNIT_ASSERT(!open_table(spec("cdb"))->sequence(true));
    {
      // A build that is given up leaves the old table alone.
      const auto table = open_table(spec("cdb"), Mode::create);
      CPPUNIT_ASSERT(table->put("a", "2"));
    }
    same("1", ask(spec("cdb"), "a"));
  }

  void missing_files_are_errors() {
    for (const char* type : kTypes) {
      same("open database " + file(type, "none") + ": No such file or directory", open_error(spec(type, "none")));
    }
  }

  void damaged_files_are_errors() {
    for (const char* type : kTypes) {
      files::write_atomic(file(type), std::string(20000, 'g')).value();
      const auto table = open(spec(type), Mode::read, context_);
      // cdb has no mark of its own: there the damage shows when a key is looked up.
      if (table) {
        same("cdb", type);
        CPPUNIT_ASSERT(!(*table)->lookup("a"));
      } else {
        CPPUNIT_ASSERT_EQUAL(0, table.error().text.find("open database " + file(type)) == 0 ? 0 : 1);
      }
      files::write_atomic(file(type), "").value();
      CPPUNIT_ASSERT(!open(spec(type), Mode::read, context_));
    }
  }

  void truncated_files_do_not_kill() {
    std::vector<Entry> entries;
    for (int i = 0; i < 2000; ++i) entries.emplace_back("key" + std::to_string(i), std::string(100, 'v'));
    for (const char* type : kTypes) {
      build(spec(type), entries);
      const auto size = std::filesystem::file_size(file(type));
      for (const auto part : {size / 2, size - 5000, std::uintmax_t(4096), std::uintmax_t(2049)}) {
        build(spec(type), entries);
        std::filesystem::resize_file(file(type), part);
        const auto table = open(spec(type), Mode::read, context_);
        if (!table) continue;
        for (const auto& [key, value] : entries) {
          const Answer answer = (*table)->lookup(key);
          CPPUNIT_ASSERT(!answer || !*answer || **answer == value);
        }
      }
    }
  }

  void busy_while_another_writes() {
    for (const char* type : {"hash", "btree"}) {
      build(spec(type), {{"a", "1"}});
      const auto table = open_table(spec(type));
      {
        const Fd other(::open(file(type).c_str(), O_RDWR));
        CPPUNIT_ASSERT_EQUAL(0, ::flock(other.get(), LOCK_EX));
        const Answer answer = table->lookup("a");
        CPPUNIT_ASSERT(!answer);
        CPPUNIT_ASSERT_EQUAL(EAGAIN, answer.error().code);
        const auto second = open(spec(type), Mode::read, context_);
        CPPUNIT_ASSERT(!second && second.error().code == EAGAIN);
      }
      same("1", ask(*table, "a"));
    }
  }

  void stale_source_is_reported() {
    write("t", "a 1\n");
    build(spec("hash"), {{"a", "1"}});
    const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(2);
    std::filesystem::last_write_time(file("hash"), old);
    open_table(spec("hash"));
    CPPUNIT_ASSERT(!logged("is older than source file"));
    std::filesystem::last_write_time(path("t"), old + std::chrono::hours(1));
    open_table(spec("hash"));
    CPPUNIT_ASSERT(logged("database " + file("hash") + " is older than source file " + path("t")));
  }

  void lmdb_grows_beyond_its_map() {
    context_.lmdb_map_size = 64 * 1024;
    std::vector<Entry> entries;
    for (int i = 0; i < 3000; ++i) entries.emplace_back("key" + std::to_string(i), std::string(300, 'v'));
    build(spec("lmdb"), entries);
    const auto reader = open_table(spec("lmdb"));
    same(std::string(300, 'v'), ask(*reader, "key2999"));
    const auto writer = open_table(spec("lmdb"), Mode::update);
    for (int i = 0; i < 3000; ++i)
      CPPUNIT_ASSERT(writer->put("more" + std::to_string(i), std::string(500, 'w')).value());
    // The reader's map is now smaller than the file.
    same(std::string(500, 'w'), ask(*reader, "more2999"));
  }

  void new_files_get_the_mode() {
    context_.create_mode = 0600;
    for (const char* type : kTypes) {
      build(spec(type), {{"a", "1"}});
      const auto mode = std::filesystem::status(file(type)).permissions();
      CPPUNIT_ASSERT_EQUAL(0600, static_cast<int>(mode));
    }
  }

  // What is not UTF-8 is folded as ASCII: the same bytes always find the same key, and no lookup fails for them.
  void folding() {
    same("j\xC3\xB6rg@b\xC3\xBC.test", fold_utf8("J\xC3\x96RG@B\xC3\x9C.Test"));
    same("abc", fold_utf8("ABC"));
    same(
        "stra"
        "ss"
        "e",
        fold_utf8("STRA\xC3\x9F"
                  "E"));
    same(
        "\xFF"
        "a\xC3",
        fold_utf8("\xFF"
                  "A\xC3"));
  }

  void utf8_is_checked_and_folded() {
    context_.utf8 = true;
    context_.fold_key = fold_utf8;
    build(spec("hash"), {{"\xc3\x84rger@x", "v"}});
    same("v", ask(spec("hash"), "\xc3\xa4RGER@X"));
    same("(none)", ask(spec("hash"), "\xff"));
    CPPUNIT_ASSERT(logged("non-UTF-8 key"));
    CPPUNIT_ASSERT(!open_table(spec("hash"), Mode::update)->put("k", "\xff"));
    CPPUNIT_ASSERT(!open_table("static:\xff")->lookup("k"));
    CPPUNIT_ASSERT(logged("non-UTF-8 value"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DatabaseTest);

}  // namespace
}  // namespace postern::table
