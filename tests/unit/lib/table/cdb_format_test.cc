// SPDX-License-Identifier: Apache-2.0
#include "lib/table/cdb_format.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::table::cdb {
namespace {

class CdbFormatTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CdbFormatTest);
  CPPUNIT_TEST(the_bytes_of_the_format);
  CPPUNIT_TEST(every_record_is_found);
  CPPUNIT_TEST(no_damage_reads_outside);
  CPPUNIT_TEST_SUITE_END();

  void the_bytes_of_the_format() {
    const auto empty = build({});
    CPPUNIT_ASSERT_EQUAL(kHeaderSize, empty->size());
    // One record: lengths, key and value, then a table of two slots.
    const auto one = build({{"k", "vv"}});
    CPPUNIT_ASSERT_EQUAL(kHeaderSize + 8 + 3 + 16, one->size());
    CPPUNIT_ASSERT_EQUAL(std::string("\1\0\0\0\2\0\0\0kvv", 11), one->substr(kHeaderSize, 11));
  }

  void every_record_is_found() {
    std::vector<std::pair<std::string, std::string>> records;
    for (int i = 0; i < 5000; ++i) records.emplace_back("key" + std::to_string(i), "value" + std::to_string(i * 7));
    const auto bytes = build(records);
    for (const auto& [key, value] : records) {
      const auto found = find(*bytes, key);
      CPPUNIT_ASSERT(found && *found && **found == value);
    }
    const auto absent = find(*bytes, "absent");
    CPPUNIT_ASSERT(absent && !*absent);
  }

  void no_damage_reads_outside() {
    const auto good = build({{"a", "1"}, {"b", "2"}, {"c", "3"}});
    CPPUNIT_ASSERT(!find("", "a"));
    CPPUNIT_ASSERT(!find(good->substr(0, kHeaderSize - 1), "a"));
    CPPUNIT_ASSERT(!find(good->substr(0, kHeaderSize), "a"));
    // Each byte in turn is set to its worst: whatever comes out, nothing outside of the bytes is read (sanitizers).
    for (std::size_t i = 0; i < good->size(); ++i) {
      std::string bad = *good;
      bad[i] = '\xff';
      for (const char* key : {"a", "b", "c", "d"}) (void)find(bad, key);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CdbFormatTest);

}  // namespace
}  // namespace postern::table::cdb
