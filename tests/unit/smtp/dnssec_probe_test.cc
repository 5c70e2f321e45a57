// SPDX-License-Identifier: Apache-2.0
#include "smtp/dnssec_probe.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/async/loop.h"

namespace postern::smtp_client {

using namespace std::chrono_literals;

class DnssecProbeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DnssecProbeTest);
  CPPUNIT_TEST(asks_once_when_the_first_answer_is_insecure);
  CPPUNIT_TEST(does_not_ask_after_a_secure_answer);
  CPPUNIT_TEST(empty_asks_nothing);
  CPPUNIT_TEST(malformed_values);
  CPPUNIT_TEST_SUITE_END();

 public:
  void asks_once_when_the_first_answer_is_insecure() {
    consider("ns:.", {false, true, false});
    CPPUNIT_ASSERT(asked_ == std::vector<std::string>{"NS ."});
    consider("MX:d.test", {false});
    CPPUNIT_ASSERT_EQUAL(std::string("MX d.test"), asked_.back());
  }
  void does_not_ask_after_a_secure_answer() {
    consider("ns:.", {true, false, false});
    CPPUNIT_ASSERT(asked_.empty());
  }
  void empty_asks_nothing() {
    consider("", {false, false});
    CPPUNIT_ASSERT(asked_.empty());
  }
  void malformed_values() {
    for (const char* value : {"ns", "ns:", ":.", "foo:.", " "}) {
      const auto probe = DnssecProbe::make(value, {});
      CPPUNIT_ASSERT(!probe.has_value());
      CPPUNIT_ASSERT_EQUAL("malformed dnssec_probe value: " + std::string(value) + " format is qtype:qname",
                           probe.error().text);
    }
  }

 private:
  async::Task<dns::Answer> answer(std::string name, dns::Type type) {
    asked_.push_back(dns::type_name(type) + " " + name);
    co_return dns::Answer{};
  }
  static async::Task<> run(DnssecProbe* probe, std::vector<bool> answers) {
    for (const bool secure : answers) co_await probe->consider(secure, deadline_in(5s));
  }
  void consider(std::string_view value, std::vector<bool> answers) {
    auto probe =
        DnssecProbe::make(value, [this](std::string name, dns::Type type, Deadline) { return answer(name, type); });
    CPPUNIT_ASSERT(probe.has_value());
    async::Loop loop;
    run_to_end(loop, run(&*probe, std::move(answers)));
  }
  std::vector<std::string> asked_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DnssecProbeTest);

}  // namespace postern::smtp_client
