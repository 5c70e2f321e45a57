// SPDX-License-Identifier: Apache-2.0
#include "commands/qshape/shape.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::qshape {
namespace {

class ShapeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ShapeTest);
  CPPUNIT_TEST(default_layout);
  CPPUNIT_TEST(buckets);
  CPPUNIT_TEST(parent_domains);
  CPPUNIT_TEST(long_names_and_large_numbers);
  CPPUNIT_TEST(top_rows);
  CPPUNIT_TEST_SUITE_END();

  static constexpr std::int64_t kMinute = 60;

  void default_layout() {
    Shape shape({});
    shape.add("x@example.com", 30);
    shape.add("y@Example.com", 30);
    shape.add("x@sub1.example.com", 400);
    shape.add("local", 700);
    shape.add("", 0);
    const std::string expected =
        "                                         T  5 10 20 40 80 160 320 640 1280 1280+\n"
        "                                  TOTAL  5  3  1  1  0  0   0   0   0    0     0\n"
        "                            example.com  2  2  0  0  0  0   0   0   0    0     0\n"
        "                                  local  1  0  0  1  0  0   0   0   0    0     0\n"
        "                          MAILER-DAEMON  1  1  0  0  0  0   0   0   0    0     0\n"
        "                       sub1.example.com  1  0  1  0  0  0   0   0   0    0     0\n";
    CPPUNIT_ASSERT_EQUAL(expected, shape.table());
  }

  static std::string last_line(const Shape& shape) {
    const std::string table = shape.table();
    const auto end = table.size() - 1;
    return table.substr(table.rfind('\n', end - 1) + 1, end - table.rfind('\n', end - 1) - 1);
  }

  void buckets() {
    Shape geometric({.buckets = 4, .minutes = 5});
    for (const std::int64_t age : {-5L, 5 * kMinute - 1, 5 * kMinute, 10 * kMinute, 20 * kMinute, 10000 * kMinute}) {
      geometric.add("a@b", age);
    }
    CPPUNIT_ASSERT(last_line(geometric).ends_with("b  6  2  1  1   2"));
    Shape linear({.buckets = 4, .minutes = 5, .linear = true});
    for (const std::int64_t age : {0 * kMinute, 5 * kMinute, 10 * kMinute, 15 * kMinute, 20 * kMinute}) {
      linear.add("a@b", age);
    }
    CPPUNIT_ASSERT(linear.table().find("T  5 10 15 15+\n") != std::string::npos);
    CPPUNIT_ASSERT(last_line(linear).ends_with("b  5  1  1  1   2"));
    Shape one({.buckets = 1});
    one.add("a@b", 0);
    CPPUNIT_ASSERT(one.table().find("T 0+\n") != std::string::npos);
    Shape half({.minutes = 0.5});
    CPPUNIT_ASSERT(half.table().find("T 0.5  1  2  4  8 16 32 64 128 128+\n") != std::string::npos);
  }

  void parent_domains() {
    Shape shape({.parents = true, .min_subdomains = 2});
    for (const char* domain : {"a@example.com", "a@one.example.com", "a@test", "a@x.test", "a@y.test", "a@[1.2.3.4]"}) {
      shape.add(domain, 0);
    }
    CPPUNIT_ASSERT(shape.table().find(" .example.com ") == std::string::npos);  // it has one sub-domain
    shape.add("a@a.two.example.com", 0);
    const std::string table = shape.table();
    CPPUNIT_ASSERT(table.find(" .example.com  2  2") != std::string::npos);
    CPPUNIT_ASSERT(table.find(" .two.example.com ") == std::string::npos);
    CPPUNIT_ASSERT(table.find(" .test ") == std::string::npos);
  }

  void long_names_and_large_numbers() {
    Shape shape({.buckets = 20});
    shape.add("x@a.very.long.domain.name.that.does.not.fit.example.org", 0);
    CPPUNIT_ASSERT(last_line(shape).starts_with("+t.fit.example.org  1  1"));
    CPPUNIT_ASSERT(shape.table().find(" 655360 1310720 1310720+\n") != std::string::npos);
    Shape many({.buckets = 2, .parents = true, .min_subdomains = 1, .width = 20});
    for (int i = 0; i < 1234; ++i) many.add("x@b.test", 0);
    CPPUNIT_ASSERT(many.table().find("   T    5 5+\n") != std::string::npos);
    CPPUNIT_ASSERT(last_line(many).ends_with("b.test 1234 1234  0"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{80}, last_line(many).size());
    Shape wide({.width = 100});
    wide.add("x@b.test", 0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{100}, last_line(wide).size());
  }

  void top_rows() {
    Shape shape({});
    for (const char* address : {"a@x", "b@x", "a@y", "a@z"}) shape.add(address, 0);
    const std::string table = shape.table(1);
    CPPUNIT_ASSERT(table.find(" x ") != std::string::npos);
    CPPUNIT_ASSERT(table.find(" y ") == std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ShapeTest);

}  // namespace
}  // namespace postern::qshape
