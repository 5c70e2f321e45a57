// SPDX-License-Identifier: Apache-2.0
#include "lib/service/tls_log_level.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/world.h"

namespace postern::service {

namespace {

async::Task<> ask(const TlsLogLevels* levels, std::vector<std::string> peer, int* out) {
  *out = co_await levels->find(std::move(peer));
}

}  // namespace

class TlsLogLevelTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TlsLogLevelTest);
  CPPUNIT_TEST(without_tables);
  CPPUNIT_TEST(names_parents_and_addresses);
  CPPUNIT_TEST(bad_answers_leave_the_general_level);
  CPPUNIT_TEST_SUITE_END();

  static int level(std::string_view list, std::vector<std::string> peer, std::string_view general = "1") {
    table::Registry registry;
    table::register_builtin_tables(registry);
    table::Context context;
    context.registry = &registry;
    const TlsLogLevels levels(general, "smtpd_tls_loglevel_maps", list, context);
    async::Loop loop;
    int out = -1;
    test::run(loop, ask(&levels, std::move(peer), &out));
    return out;
  }

 public:
  void without_tables() {
    CPPUNIT_ASSERT_EQUAL(2, level("", {"mx.example.test", "192.0.2.1"}, "2"));
    CPPUNIT_ASSERT_EQUAL(0, level("", {"mx.example.test"}, "none"));
  }

  void names_parents_and_addresses() {
    constexpr std::string_view kTable = "inline:{ {mx.example.test=3} {.example.test=2} {192.0.2.1=4} }";
    CPPUNIT_ASSERT_EQUAL(3, level(kTable, {"mx.example.test", "192.0.2.1"}));
    CPPUNIT_ASSERT_EQUAL(2, level(kTable, {"a.b.example.test", "192.0.2.1"}));
    CPPUNIT_ASSERT_EQUAL(4, level(kTable, {"unknown", "192.0.2.1"}));
    CPPUNIT_ASSERT_EQUAL(1, level(kTable, {"example.test", "192.0.2.2"}));
    CPPUNIT_ASSERT_EQUAL(4, level("cidr:{ {192.0.2.0/24 4} }", {"unknown", "192.0.2.77"}));
    // A level of 0 silences one peer.
    CPPUNIT_ASSERT_EQUAL(0, level("inline:{ {mx.example.test=0} }", {"mx.example.test"}));
  }

  void bad_answers_leave_the_general_level() {
    CPPUNIT_ASSERT_EQUAL(1, level("inline:{ {mx.example.test=5} {192.0.2.1=3} }", {"mx.example.test", "192.0.2.1"}));
    CPPUNIT_ASSERT_EQUAL(1, level("fail:x", {"mx.example.test"}));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TlsLogLevelTest);

}  // namespace postern::service
