// SPDX-License-Identifier: Apache-2.0
#include "pipe/attributes.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::pipe {

class AttributesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AttributesTest);
  CPPUNIT_TEST(all_of_them);
  CPPUNIT_TEST(defaults);
  CPPUNIT_TEST(argv_takes_the_rest);
  CPPUNIT_TEST(what_is_missing_or_unknown);
  CPPUNIT_TEST(escapes);
  CPPUNIT_TEST_SUITE_END();

  static std::string error(const std::vector<std::string>& words) {
    const auto parsed = parse_attributes(words);
    return parsed ? "" : parsed.error().text;
  }

 public:
  void all_of_them() {
    const auto a = parse_attributes({"flags=DORXhu>.", "flags=BFq", "user=bob:mail", "chroot=/c", "directory=/d",
                                     "eol=\\r\\n", "null_sender=<>", "size=500", "argv=/bin/cat"})
                       .value();
    CPPUNIT_ASSERT(a.blank_line && a.delivered_to && a.from_line && a.original_to && a.return_path);
    CPPUNIT_ASSERT(a.final_delivery && a.fold_domain && a.fold_local && a.quote && a.stuff_dots && a.escape_from);
    CPPUNIT_ASSERT(a.one_recipient());
    CPPUNIT_ASSERT_EQUAL(std::string("bob:mail /c /d \r\n <>"),
                         a.user + " " + a.chroot + " " + a.directory + " " + a.eol + " " + a.null_sender);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, a.size_limit);
  }
  void defaults() {
    const auto a = parse_attributes({"user=bob", "argv=/bin/cat"}).value();
    CPPUNIT_ASSERT(!a.delivered_to && !a.from_line && !a.quote && !a.one_recipient());
    CPPUNIT_ASSERT_EQUAL(std::string("\nMAILER-DAEMON"), a.eol + a.null_sender);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, a.size_limit);
    CPPUNIT_ASSERT(parse_attributes({"user=bob", "null_sender=", "argv=x"})->null_sender.empty());
  }
  void argv_takes_the_rest() {
    const auto a = parse_attributes({"user=bob", "argv=/bin/sh", "-c", "a b", "user=root", "--"}).value();
    CPPUNIT_ASSERT(a.argv == (std::vector<std::string>{"/bin/sh", "-c", "a b", "user=root", "--"}));
    CPPUNIT_ASSERT_EQUAL(std::string("bob"), a.user);
  }
  void what_is_missing_or_unknown() {
    CPPUNIT_ASSERT_EQUAL(std::string("missing user= command-line attribute"), error({"argv=/bin/cat"}));
    CPPUNIT_ASSERT_EQUAL(std::string("missing argv= command-line attribute"), error({"user=bob"}));
    CPPUNIT_ASSERT_EQUAL(std::string("missing argv= command-line attribute"), error({"user=bob", "argv="}));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown attribute name: foo=bar"), error({"foo=bar", "argv=x"}));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown attribute name: /bin/cat"), error({"user=bob", "/bin/cat"}));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown flag: Z"), error({"flags=DZ", "user=bob", "argv=x"}));
    CPPUNIT_ASSERT_EQUAL(std::string("bad size= attribute: -1"), error({"size=-1", "user=bob", "argv=x"}));
    CPPUNIT_ASSERT_EQUAL(std::string("bad size= attribute: 1k"), error({"size=1k", "user=bob", "argv=x"}));
  }
  void escapes() {
    CPPUNIT_ASSERT_EQUAL(std::string("!\tA\n"), unescape("\\041\\t\\101\\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("\a\b\f\v\r\\"), unescape("\\a\\b\\f\\v\\r\\\\"));
    CPPUNIT_ASSERT_EQUAL(std::string("\x01"
                                     "2\x07"
                                     "8"),
                         unescape("\\0012\\78"));
    CPPUNIT_ASSERT_EQUAL(std::string("\\x\\"), unescape("\\x\\"));
    CPPUNIT_ASSERT_EQUAL(std::string(1, '\0'), unescape("\\0"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AttributesTest);

}  // namespace postern::pipe
