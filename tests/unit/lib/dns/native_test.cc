// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/native.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::dns {

using namespace std::chrono_literals;

namespace {

async::Task<> name_into(NativeLookup* native, parse::IpAddress address, Duration patience, ClientName* out) {
  *out = co_await native->client_name(address, deadline_in(patience));
}

async::Task<> hosts_into(NativeLookup* native, std::string name, NativeLookup::Family family, Hosts* out) {
  *out = co_await native->hosts(std::move(name), family, deadline_in(20s));
}

}  // namespace

// What the test relies on: "localhost" and 127.0.0.1 belong together in /etc/hosts.
class NativeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(NativeTest);
  CPPUNIT_TEST(loopback_has_a_name);
  CPPUNIT_TEST(hosts_by_family);
  CPPUNIT_TEST(no_time_is_temporary);
  CPPUNIT_TEST(words);
  CPPUNIT_TEST_SUITE_END();

  async::Loop loop_;
  NativeLookup native_{loop_, 2, 8};

 public:
  void loopback_has_a_name() {
    ClientName client;
    run_to_end(loop_, name_into(&native_, *parse::parse_ip("127.0.0.1"), 20s, &client));
    CPPUNIT_ASSERT_EQUAL(std::string("localhost"), client.name);
    CPPUNIT_ASSERT_EQUAL(client.name, client.reverse_name);
    CPPUNIT_ASSERT(client.name_status == NameStatus::ok && client.reverse_status == NameStatus::ok);
    CPPUNIT_ASSERT(client.warning.empty());
  }

  void hosts_by_family() {
    Hosts hosts;
    run_to_end(loop_, hosts_into(&native_, "localhost", NativeLookup::Family::v4, &hosts));
    CPPUNIT_ASSERT(hosts.status == Status::ok);
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), hosts.addresses.at(0).text());
    run_to_end(loop_, hosts_into(&native_, "192.0.2.9", NativeLookup::Family::any, &hosts));
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.9"), hosts.addresses.at(0).text());
    run_to_end(loop_, hosts_into(&native_, "192.0.2.9", NativeLookup::Family::v6, &hosts));
    CPPUNIT_ASSERT(hosts.status != Status::ok && !hosts.text.empty() && hosts.addresses.empty());
  }

  void no_time_is_temporary() {
    ClientName client;
    run_to_end(loop_, name_into(&native_, *parse::parse_ip("127.0.0.1"), 0ms, &client));
    if (client.name_status == NameStatus::ok) return;  // the thread was faster than the timer
    CPPUNIT_ASSERT_EQUAL(std::string("unknown"), client.name);
    CPPUNIT_ASSERT(client.name_status == NameStatus::temporary && client.reverse_status == NameStatus::temporary);
  }

  void words() {
    CPPUNIT_ASSERT_EQUAL(std::string_view("FORGED"), status_word(NameStatus::forged));
    CPPUNIT_ASSERT_EQUAL(std::string_view("TEMP"), status_word(NameStatus::temporary));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(NativeTest);

}  // namespace postern::dns
