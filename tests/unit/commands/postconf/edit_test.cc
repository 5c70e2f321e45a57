// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/edit.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>
#include <vector>

namespace postern::postconf {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kMain =
    "# top\nrelay_domains = a,\n    # inner\n    b\n\n# own\nfoo=1\n\tmore\nfoo = 2\nlast = x";
constexpr const char* kMaster =
    "# s\nsmtp inet n - n - - smtpd\n   -o a=b\n  # in\n   -o c=d\n\nother unix - - n - - smtp\n   -o x=y  -o {a = b "
    "c}\n"
    "pp unix - n n - - pipe flags=DR user=u argv=/bin/x -o foo\n";

class EditTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EditTest);
  CPPUNIT_TEST(main_edit);
  CPPUNIT_TEST(main_append);
  CPPUNIT_TEST(main_comment_out);
  CPPUNIT_TEST(main_exclude);
  CPPUNIT_TEST(main_errors);
  CPPUNIT_TEST(nothing_changes);
  CPPUNIT_TEST(entries);
  CPPUNIT_TEST(fields);
  CPPUNIT_TEST(parameters);
  CPPUNIT_TEST(master_errors);
  CPPUNIT_TEST_SUITE_END();

  static std::string main_cf(Action action, const Words& arguments, std::string_view content = kMain) {
    const auto edited = edit_main(action, arguments, content, "main.cf");
    CPPUNIT_ASSERT_MESSAGE(edited ? "" : edited.error().text, edited.has_value());
    return edited->content;
  }

  static std::string master_cf(Action action, Target target, const Words& arguments) {
    const auto edited = edit_master(action, target, arguments, kMaster, "master.cf");
    CPPUNIT_ASSERT_MESSAGE(edited ? "" : edited.error().text, edited.has_value());
    return edited->content;
  }

  static std::string with(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    CPPUNIT_ASSERT(at != std::string::npos);
    return text.replace(at, from.size(), to);
  }

  void main_edit() {
    CPPUNIT_ASSERT_EQUAL(with(kMain, "relay_domains = a,\n    # inner\n    b\n", "relay_domains = c d\n    # inner\n"),
                         main_cf(Action::edit, {"relay_domains=  c d "}));
    const auto edited = edit_main(Action::edit, {"foo = 3"}, kMain, "main.cf");
    CPPUNIT_ASSERT_EQUAL(with(kMain, "foo=1\n\tmore\nfoo = 2\n", "foo = 3\nfoo = 3\n"), edited->content);
    CPPUNIT_ASSERT_EQUAL(std::string("main.cf: multiple entries for \"foo\""), edited->warnings.at(0));
  }

  void main_append() {
    CPPUNIT_ASSERT_EQUAL(std::string(kMain) + "\nb = 2\nc = \n", main_cf(Action::edit, {"c=", "b=2"}));
    CPPUNIT_ASSERT_EQUAL(std::string("b = 2\n"), main_cf(Action::edit, {"b=2"}, ""));
  }

  void main_comment_out() {
    CPPUNIT_ASSERT_EQUAL(
        with(kMain, "relay_domains = a,\n    # inner\n    b\n", "#relay_domains = a,\n    # inner\n#    b\n"),
        main_cf(Action::comment, {"relay_domains"}));
  }

  void main_exclude() {
    CPPUNIT_ASSERT_EQUAL(with(kMain, "foo=1\n\tmore\nfoo = 2\n", ""), main_cf(Action::exclude, {"foo", "nosuch"}));
  }

  void main_errors() {
    for (const auto* bad : {"bad name=1", "noequals", "=x", "{ a = b }"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !edit_main(Action::edit, {"good=1", bad}, kMain, "main.cf"));
    }
  }

  void nothing_changes() {
    CPPUNIT_ASSERT_EQUAL(std::string(kMain), main_cf(Action::exclude, {"nosuch"}));
    CPPUNIT_ASSERT_EQUAL(std::string("  lost = 1\n\r\na=b\n"),
                         main_cf(Action::comment, {"lost"}, "  lost = 1\n\r\na=b\n"));
    CPPUNIT_ASSERT_EQUAL(std::string(kMaster), master_cf(Action::exclude, Target::entries, {"no/unix"}));
    CPPUNIT_ASSERT_EQUAL(std::string(kMaster), master_cf(Action::exclude, Target::parameters, {"pp/unix/foo"}));
  }

  void entries() {
    CPPUNIT_ASSERT_EQUAL(with(kMaster, "smtp inet n - n - - smtpd\n   -o a=b\n  # in\n   -o c=d\n",
                              "smtp       inet  n       -       n       -       7       smtpd -v\n  # in\n"),
                         master_cf(Action::edit, Target::entries, {"smtp/inet=smtp inet n - n - 7 smtpd -v"}));
    CPPUNIT_ASSERT_EQUAL(std::string(kMaster) + "new        unix  -       -       n       -       -       smtp\n",
                         master_cf(Action::edit, Target::entries, {"new/unix=new unix - - n - - smtp"}));
    CPPUNIT_ASSERT_EQUAL(with(kMaster, "other unix - - n - - smtp\n   -o x=y  -o {a = b c}\n", ""),
                         master_cf(Action::exclude, Target::entries, {"other/*"}));
    CPPUNIT_ASSERT_EQUAL(with(with(kMaster, "other", "#other"), "   -o x", "#   -o x"),
                         master_cf(Action::comment, Target::entries, {"other/unix"}));
  }

  void fields() {
    CPPUNIT_ASSERT_EQUAL(with(kMaster, "other unix - - n - - smtp\n   -o x=y  -o {a = b c}\n",
                              "other      unix  -       -       y       -       -       smtp\n    -o x=y\n"
                              "    -o {a=b c}\n"),
                         master_cf(Action::edit, Target::fields, {"other/unix/chroot=y"}));
    CPPUNIT_ASSERT_EQUAL(with(kMaster, "pp unix - n n - - pipe flags=DR user=u argv=/bin/x -o foo\n",
                              "pp         unix  -       n       n       -       -       pipe -v argv=a b\n"),
                         master_cf(Action::edit, Target::fields, {"pp/unix/command=pipe -v argv=a b"}));
  }

  void parameters() {
    const std::string head = "other      unix  -       -       n       -       -       smtp\n";
    const std::string old = "other unix - - n - - smtp\n   -o x=y  -o {a = b c}\n";
    CPPUNIT_ASSERT_EQUAL(with(kMaster, old, head + "    -o x=1\n    -o {a=b c}\n    -o z=2\n"),
                         master_cf(Action::edit, Target::parameters, {"other/unix/x=1", "other/unix/z=2"}));
    CPPUNIT_ASSERT_EQUAL(with(kMaster, old, head + "    -o x=y\n"),
                         master_cf(Action::exclude, Target::parameters, {"other/unix/a"}));
    const auto pp = master_cf(Action::edit, Target::parameters, {"pp/unix/q=r"});
    CPPUNIT_ASSERT(pp.find("pipe\n    -o q=r\n    flags=DR user=u argv=/bin/x -o foo\n") != std::string::npos);
  }

  void master_errors() {
    const auto error = [](Action action, Target target, const std::string& argument) {
      const auto edited = edit_master(action, target, {argument}, kMaster, "master.cf");
      CPPUNIT_ASSERT_MESSAGE(argument, !edited.has_value());
      return edited.error().text;
    };
    CPPUNIT_ASSERT_EQUAL(std::string("-Me, -MX or -M# requires service_name/type"),
                         error(Action::edit, Target::entries, "x=y"));
    CPPUNIT_ASSERT_EQUAL(std::string("bad field count: \"a/unix=a unix\""),
                         error(Action::edit, Target::entries, "a/unix=a unix"));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid service attribute name: \"nosuch\""),
                         error(Action::edit, Target::fields, "smtp/inet/nosuch=1"));
    CPPUNIT_ASSERT_EQUAL(std::string("-Pe does not accept whitespace in parameter value"),
                         error(Action::edit, Target::parameters, "smtp/inet/a=b c"));
    error(Action::edit, Target::fields, "other/unix/chroot=q");
    const auto unmatched = edit_master(Action::edit, Target::fields, {"no/unix/chroot=y"}, kMaster, "master.cf");
    CPPUNIT_ASSERT_EQUAL(std::string("unmatched service_name/type: \"no/unix/chroot=y\""), unmatched->warnings.at(0));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EditTest);

}  // namespace
}  // namespace postern::postconf
