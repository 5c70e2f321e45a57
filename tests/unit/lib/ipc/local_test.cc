// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/local.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/files.h"
#include "lib/ipc/attr.h"

namespace postern::ipc {
namespace {

using namespace std::string_literals;

class LocalTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LocalTest);
  CPPUNIT_TEST(lists_however_they_are_cut);
  CPPUNIT_TEST(ends_and_limits);
  CPPUNIT_TEST(protocols);
  CPPUNIT_TEST(nobody_there);
  CPPUNIT_TEST_SUITE_END();

  void lists_however_they_are_cut() {
    auto pair = socket_pair(SOCK_STREAM).value();
    ListReader reader(pair.first.get());
    CPPUNIT_ASSERT(files::write_all(pair.second.get(), "a\0001\0b\0"s).has_value());
    CPPUNIT_ASSERT(files::write_all(pair.second.get(), "2\0\0c\0\0\0\0"s).has_value());
    const auto first = reader.next();
    CPPUNIT_ASSERT(first.has_value() && first->size() == 2);
    CPPUNIT_ASSERT_EQUAL("2"s, std::string(value_of(*first, "b")));
    CPPUNIT_ASSERT_EQUAL(""s, std::string(value_of(*first, "none")));
    const auto second = reader.next();
    CPPUNIT_ASSERT(second.has_value() && second->size() == 1);
    CPPUNIT_ASSERT(reader.next()->empty());
  }

  void ends_and_limits() {
    auto pair = socket_pair(SOCK_STREAM).value();
    ListReader reader(pair.first.get(), 10);
    CPPUNIT_ASSERT(files::write_all(pair.second.get(), "a\0001\0"s).has_value());
    pair.second.reset();
    CPPUNIT_ASSERT_EQUAL(ECONNRESET, reader.next().error().code);
    auto flood = socket_pair(SOCK_STREAM).value();
    ListReader limited(flood.first.get(), 10);
    CPPUNIT_ASSERT(files::write_all(flood.second.get(), "name\0long value here\0\0"s).has_value());
    CPPUNIT_ASSERT_EQUAL(EMSGSIZE, limited.next().error().code);
  }

  void protocols() {
    auto pair = socket_pair(SOCK_STREAM).value();
    ListReader reader(pair.first.get());
    CPPUNIT_ASSERT(files::write_all(pair.second.get(), "protocol\0x\0\0protocol\0y\0\0"s).has_value());
    CPPUNIT_ASSERT(expect_protocol(reader, "x").has_value());
    CPPUNIT_ASSERT_EQUAL("expected protocol x, got \"y\""s, expect_protocol(reader, "x").error().text);
  }

  void nobody_there() {
    CPPUNIT_ASSERT_EQUAL(ENOENT, connect_local("/nonexistent/socket", Duration(100)).error().code);
    CPPUNIT_ASSERT(!wake_service("/nonexistent/socket", "W", Duration(100)));
    CPPUNIT_ASSERT_EQUAL(ENAMETOOLONG, connect_local(std::string(200, 'x'), Duration(100)).error().code);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LocalTest);

}  // namespace
}  // namespace postern::ipc
