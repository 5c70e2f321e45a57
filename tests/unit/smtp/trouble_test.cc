// SPDX-License-Identifier: Apache-2.0
#include "smtp/trouble.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace std::string_literals;

namespace postern::smtp_client {

namespace {

smtp::ServerReply reply(std::string_view bytes) {
  smtp::ReplyReader reader;
  while (!bytes.empty() && !reader.complete()) bytes.remove_prefix(reader.feed(bytes));
  CPPUNIT_ASSERT(reader.complete());
  return reader.take();
}

}  // namespace

class TroubleTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TroubleTest);
  CPPUNIT_TEST(refusal_quotes_the_server);
  CPPUNIT_TEST(class_of_the_code_counts);
  CPPUNIT_TEST(consent_in_the_wrong_place_is_no_success);
  CPPUNIT_TEST(host_that_does_not_talk_is_site_trouble);
  CPPUNIT_TEST(outcome_names_the_remote_only_if_it_spoke);
  CPPUNIT_TEST_SUITE_END();

 public:
  void refusal_quotes_the_server() {
    const Trouble t =
        refused("mx.test[192.0.2.1]", "mx.test", reply("550-5.1.1 no such\r\n550 5.1.1 user\r\n"), "RCPT TO command");
    CPPUNIT_ASSERT_EQUAL(
        "host mx.test[192.0.2.1] said: 550-5.1.1 no such 550 5.1.1 user (in reply to RCPT TO command)"s, t.text);
    CPPUNIT_ASSERT_EQUAL("5.1.1"s, t.status);
    CPPUNIT_ASSERT(t.permanent() && !t.site);
  }

  void class_of_the_code_counts() {
    CPPUNIT_ASSERT_EQUAL("4.0.0"s, refused("p", "h", reply("450 later\r\n"), "c").status);
    CPPUNIT_ASSERT_EQUAL("4"s, refused("p", "h", reply("450 5.1.1 contradiction\r\n"), "c").status.substr(0, 1));
    CPPUNIT_ASSERT(!refused("p", "h", reply("450 5.1.1 contradiction\r\n"), "c").permanent());
  }

  // 250 to DATA: with that status the message would have counted as sent.
  void consent_in_the_wrong_place_is_no_success() {
    for (const char* line : {"250 2.0.0 fine\r\n", "250 fine\r\n", "354 go on\r\n", "199 wait\r\n"}) {
      CPPUNIT_ASSERT_EQUAL("5.5.0"s, refused("p", "h", reply(line), "DATA command").status);
    }
  }

  void host_that_does_not_talk_is_site_trouble() {
    const Trouble t = unfriendly("mx.test[192.0.2.1]", "mx.test", reply("421 4.3.2 busy\r\n"));
    CPPUNIT_ASSERT(t.site && !t.permanent());
    CPPUNIT_ASSERT_EQUAL("host mx.test[192.0.2.1] refused to talk to me: 421 4.3.2 busy"s, t.text);
  }

  void outcome_names_the_remote_only_if_it_spoke() {
    const auto spoke = outcome_of({"5.1.1", "text", "550 no", "mx.test"}, "mx.test[192.0.2.1]:25");
    CPPUNIT_ASSERT_EQUAL("smtp 550 no dns mx.test"s,
                         spoke.diag_type + " " + spoke.diag_text + " " + spoke.mta_type + " " + spoke.mta_name);
    CPPUNIT_ASSERT_EQUAL("550  no"s, outcome_of({"5.1.1", "text", " 550  no ", "mx.test"}, "mx").diag_text);
    const auto silent = outcome_of({"4.4.1", "connect", "", ""}, "none");
    CPPUNIT_ASSERT(silent.diag_type.empty() && silent.mta_type.empty());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TroubleTest);

}  // namespace postern::smtp_client
