// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/bounce_template.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/mail/verp.h"

using namespace std::string_literals;

namespace postern::mail {

class BounceTemplateTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(BounceTemplateTest);
  CPPUNIT_TEST(own_texts_replace_built_in_ones);
  CPPUNIT_TEST(what_cannot_be_used_leaves_the_built_in_text);
  CPPUNIT_TEST(parameters_in_the_text);
  CPPUNIT_TEST(time_in_too_large_a_unit_is_told_of);
  CPPUNIT_TEST(built_in_texts_expand);
  CPPUNIT_TEST(return_address_names_the_recipient);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override { problems_.clear(); }

  void own_texts_replace_built_in_ones() {
    const auto t = parse_templates(
        "# comment\n\nfailure_template = <<END\nCharset: utf-8\nSubject: Sorry $x\n\none\n\ntwo\nEND\n"
        "delay_template=<<EOF\nPostmaster-Subject: Late\n\nwait\nEOF\n",
        "/t", problems_);
    CPPUNIT_ASSERT(problems_.empty());
    CPPUNIT_ASSERT_EQUAL("utf-8"s, t.failure.charset);
    CPPUNIT_ASSERT_EQUAL("Sorry $x"s, t.failure.subject);
    CPPUNIT_ASSERT_EQUAL("Mail Delivery System <MAILER-DAEMON>"s, t.failure.from);
    CPPUNIT_ASSERT(std::vector<std::string>({"one", "", "two"}) == t.failure.text);
    CPPUNIT_ASSERT_EQUAL("Late"s, t.delay.postmaster_subject);
    CPPUNIT_ASSERT_EQUAL("Delayed Mail (still being retried)"s, t.delay.subject);
    CPPUNIT_ASSERT_EQUAL("/t"s, t.delay.origin);
    CPPUNIT_ASSERT_EQUAL("[built-in]"s, t.success.origin);
  }

  void what_cannot_be_used_leaves_the_built_in_text() {
    const auto built_in = built_in_templates();
    for (const auto* text :
         {"failure_template = x\n", "failure_template = <<EOF\nSubject: x\n\ntext\n",
          "nosuch_template = <<EOF\n\nx\nEOF\n", "failure_template = <<EOF\nX-Other: x\n\ntext\nEOF\n",
          "failure_template = <<EOF\nSubject: x\nEOF\n", "failure_template = <<EOF\nnot a header\n\ntext\nEOF\n"}) {
      problems_.clear();
      const auto t = parse_templates(text, "/t", problems_);
      CPPUNIT_ASSERT_MESSAGE(text, !problems_.empty());
      CPPUNIT_ASSERT_MESSAGE(text, built_in.failure.subject == t.failure.subject);
      CPPUNIT_ASSERT_MESSAGE(text, built_in.failure.text == t.failure.text);
    }
  }

  void parameters_in_the_text() {
    BounceTemplate t;
    t.name = "failure";
    t.text = {"$myhostname ${mail_name} $$5 $nosuch.", "$maximal_queue_lifetime_hours $maximal_queue_lifetime_weeks"};
    const auto text = expand_template(t, config("maximal_queue_lifetime = 8d\n"), problems_);
    CPPUNIT_ASSERT(text);
    CPPUNIT_ASSERT_EQUAL("mx.example.test Mail $5 ."s, (*text)[0]);
    CPPUNIT_ASSERT_EQUAL("192 1"s, (*text)[1]);
    CPPUNIT_ASSERT(problems_.empty());
  }

  void time_in_too_large_a_unit_is_told_of() {
    BounceTemplate t;
    t.name = "delay";
    t.text = {"$delay_warning_time_hours"};
    const auto text = expand_template(t, config("delay_warning_time = 20m\n"), problems_);
    CPPUNIT_ASSERT_EQUAL("0"s, text->front());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, problems_.size());
    CPPUNIT_ASSERT_EQUAL(
        "[built-in]: zero result in delay template conversion of parameter \"delay_warning_time_hours\""s,
        problems_[0]);
    problems_.clear();
    // Never is no time at all.
    CPPUNIT_ASSERT(expand_template(t, config("delay_warning_time = 0\n"), problems_));
    CPPUNIT_ASSERT(problems_.empty());
  }

  void built_in_texts_expand() {
    const auto all = built_in_templates();
    for (const auto* one : {&all.failure, &all.delay, &all.success, &all.verify}) {
      const auto text = expand_template(*one, config("delay_warning_time = 4h\n"), problems_);
      CPPUNIT_ASSERT(text);
      std::string whole;
      for (const auto& line : *text) whole += line + "\n";
      CPPUNIT_ASSERT(whole.find("mx.example.test") != std::string::npos);
      CPPUNIT_ASSERT(whole.find('$') == std::string::npos);
    }
    CPPUNIT_ASSERT(problems_.empty());
  }

  void return_address_names_the_recipient() {
    CPPUNIT_ASSERT_EQUAL("owner-l+user=dest.test@list.test"s, verp_sender("+=", "owner-l@list.test", "user@dest.test"));
    CPPUNIT_ASSERT_EQUAL("owner+root"s, verp_sender("+=", "owner", "root"));
    CPPUNIT_ASSERT_EQUAL(""s, verp_sender("+=", "", "user@dest.test"));
    CPPUNIT_ASSERT_EQUAL("o@l.test"s, verp_sender("", "o@l.test", "user@dest.test"));
  }

 private:
  static config::Config config(const std::string& text) {
    return *config::Config::from_text("myhostname = mx.example.test\nmail_name = Mail\n" + text);
  }
  std::vector<std::string> problems_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(BounceTemplateTest);

}  // namespace postern::mail
