// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/queue_id.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::mail {
namespace {

class QueueIdTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(QueueIdTest);
  CPPUNIT_TEST(short_ids);
  CPPUNIT_TEST(long_ids);
  CPPUNIT_TEST(an_id_of_the_other_program_is_read);
  CPPUNIT_TEST(hash_directories_spread_both_forms_alike);
  CPPUNIT_TEST(names);
  CPPUNIT_TEST_SUITE_END();

  void short_ids() {
    const WallTime when{.seconds = 1795148341, .micros = 0xD83CD};
    CPPUNIT_ASSERT_EQUAL(std::string("D83CDA809BC"), make_queue_id(false, when, 0xA809BC));
    CPPUNIT_ASSERT_EQUAL(std::string("000011"), make_queue_id(false, {.seconds = 1, .micros = 1}, 1));
    CPPUNIT_ASSERT(!is_long_queue_id("D83CDA809BC"));
    CPPUNIT_ASSERT(!queue_id_time("D83CDA809BC"));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0xA809BC}, queue_id_inode("D83CDA809BC").value());
    CPPUNIT_ASSERT_EQUAL(std::string("D83CD1F"), with_inode("D83CDA809BC", 0x1F).value());
    CPPUNIT_ASSERT(!queue_id_inode("D83CD"));
    CPPUNIT_ASSERT(!queue_id_inode("D83CDxyz"));
  }

  void long_ids() {
    const WallTime when{.seconds = 1795148341, .micros = 999999};
    const auto id = make_queue_id(true, when, 123456789);
    CPPUNIT_ASSERT(is_long_queue_id(id));
    CPPUNIT_ASSERT_EQUAL(when.seconds, queue_id_time(id)->seconds);
    CPPUNIT_ASSERT_EQUAL(when.micros, queue_id_time(id)->micros);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{123456789}, queue_id_inode(id).value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{10}, id.rfind('z'));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{7}, queue_id_inode(with_inode(id, 7).value()).value());
    CPPUNIT_ASSERT(valid_queue_id(id));
  }

  void an_id_of_the_other_program_is_read() {
    const auto when = queue_id_time("4jW2Dr2Fclz1c0cj").value();
    CPPUNIT_ASSERT(when.seconds > 1795000000 && when.seconds < 1796000000);
    CPPUNIT_ASSERT(when.micros >= 0 && when.micros < 1000000);
    const auto inode = queue_id_inode("4jW2Dr2Fclz1c0cj").value();
    CPPUNIT_ASSERT_EQUAL(std::string("4jW2Dr2Fclz1c0cj"), make_queue_id(true, when, inode));
  }

  void hash_directories_spread_both_forms_alike() {
    CPPUNIT_ASSERT_EQUAL(std::string("D/8/"), hash_directories("D83CDA809BC", 2));
    CPPUNIT_ASSERT_EQUAL(std::string(""), hash_directories("D83CDA809BC", 0));
    CPPUNIT_ASSERT_EQUAL(std::string("A/B/_/_/"), hash_directories("AB", 4));
    const WallTime when{.seconds = 1795148341, .micros = 0xD83CD};
    CPPUNIT_ASSERT_EQUAL(std::string("D/8/3/"), hash_directories(make_queue_id(true, when, 1), 3));
    CPPUNIT_ASSERT_EQUAL(std::string("0/"), hash_directories("4jW2DraaaazX", 1));  // 'a' is no digit
  }

  void names() {
    CPPUNIT_ASSERT(valid_queue_id("_1_2_3_4_"));
    CPPUNIT_ASSERT(valid_queue_id(std::string(255, 'A')));
    CPPUNIT_ASSERT(!valid_queue_id(std::string(256, 'A')));
    for (const auto* bad : {"", "..", "123.456", "a/b", "ABC#FIX", "a b"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !valid_queue_id(bad));
    }
    CPPUNIT_ASSERT(valid_queue_name("deferred"));
    CPPUNIT_ASSERT(!valid_queue_name("../etc"));
    CPPUNIT_ASSERT(!valid_queue_name(""));
    CPPUNIT_ASSERT(!valid_queue_name(std::string(101, 'a')));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueIdTest);

}  // namespace
}  // namespace postern::mail
