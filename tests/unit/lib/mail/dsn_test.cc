// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/dsn.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/mail/idna.h"

namespace postern::mail {
namespace {

class DsnTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DsnTest);
  CPPUNIT_TEST(status_codes);
  CPPUNIT_TEST(parameters);
  CPPUNIT_TEST(log_entry_as_written);
  CPPUNIT_TEST(log_comes_back);
  CPPUNIT_TEST(damaged_logs);
  CPPUNIT_TEST(unicode);
  CPPUNIT_TEST_SUITE_END();

  void status_codes() {
    for (const auto* good : {"2.0.0", "4.7.25", "5.1.10", "5.999.999"}) CPPUNIT_ASSERT_MESSAGE(good, valid_dsn(good));
    for (const auto* bad : {"", "3.0.0", "5.1", "5.1.", "5.1.1000", "5..1", "5.1.1x", " 5.1.1", "5.1.1 "}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !valid_dsn(bad));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("4.2.9"), split_dsn("4.2.9 custom", "5.0.0").status);
    CPPUNIT_ASSERT_EQUAL(std::string("custom"), split_dsn("4.2.9   custom", "5.0.0").text);
    CPPUNIT_ASSERT_EQUAL(std::string("5.0.0"), split_dsn("4.2.9custom", "5.0.0").status);
    CPPUNIT_ASSERT_EQUAL(std::string("4.2.9custom"), split_dsn("4.2.9custom", "5.0.0").text);
    CPPUNIT_ASSERT_EQUAL(std::string("4.7.1"), with_class("5.7.1", '4'));
  }

  void parameters() {
    CPPUNIT_ASSERT_EQUAL(notify::kSuccess | notify::kDelay, parse_notify("delay,SUCCESS").value());
    CPPUNIT_ASSERT_EQUAL(notify::kNever, parse_notify("never").value());
    for (const auto* bad : {"", "MAYBE", "NEVER,DELAY", "DELAY,DELAY", "DELAY,", " DELAY"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_notify(bad));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("SUCCESS,DELAY"), format_notify(notify::kDelay | notify::kSuccess));
    CPPUNIT_ASSERT_EQUAL(ret::kHeaders, parse_ret("hdrs").value());
    CPPUNIT_ASSERT(!parse_ret("HEADERS"));
    CPPUNIT_ASSERT_EQUAL(std::string("FULL"), std::string(format_ret(ret::kFull)));
    CPPUNIT_ASSERT_EQUAL(std::string("x;y"), std::string(split_typed_address("rfc822;x;y")->address));
    CPPUNIT_ASSERT(!split_typed_address("rfc822"));
    CPPUNIT_ASSERT(!split_typed_address(";x"));
  }

  static DeliveryStatus refused() {
    return {.recipient = "root@sink.test",
            .original_recipient = "Root@Sink.test",
            .offset = 734,
            .dsn_orig_rcpt = "rfc822;root@sink.test",
            .notify = 0,
            .status = "4.4.1",
            .action = "delayed",
            .diag_type = "",
            .diag_text = "",
            .mta_type = "",
            .mta_name = "",
            .reason = "connect to 127.0.0.1[127.0.0.1]:12600: Connection refused"};
  }

  void log_entry_as_written() {
    CPPUNIT_ASSERT_EQUAL(std::string("\n<root@sink.test>: connect to 127.0.0.1[127.0.0.1]:12600: Connection refused\n"
                                     "recipient=root@sink.test\noffset=734\ndsn_orig_rcpt=rfc822;root@sink.test\n"
                                     "status=4.4.1\naction=delayed\n"
                                     "reason=connect to 127.0.0.1[127.0.0.1]:12600: Connection refused\n\n"),
                         format_log_entry(refused()));
    DeliveryStatus null;
    null.reason = "line\nbreak";
    CPPUNIT_ASSERT_EQUAL(std::string("\nrecipient=<>\nreason=line?break\n\n"), format_log_entry(null, false));
  }

  void log_comes_back() {
    auto second = refused();
    second.recipient = "a b@c.test";
    second.original_recipient = "other@c.test";
    second.notify = notify::kDelay;
    second.diag_type = "smtp";
    second.diag_text = "450 later";
    second.mta_type = "dns";
    second.mta_name = "mx.c.test";
    const auto log = parse_log(format_log_entry(refused()) + format_log_entry(second, false), "5.0.0", "failed");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, log.entries.size());
    CPPUNIT_ASSERT(log.unknown_lines.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("root@sink.test"), log.entries[0].recipient);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{734}, log.entries[0].offset);
    CPPUNIT_ASSERT_EQUAL(std::string("4.4.1"), log.entries[0].status);
    CPPUNIT_ASSERT_EQUAL(std::string("a b@c.test"), log.entries[1].recipient);
    CPPUNIT_ASSERT_EQUAL(std::string("other@c.test"), log.entries[1].original_recipient);
    CPPUNIT_ASSERT_EQUAL(notify::kDelay, log.entries[1].notify);
    CPPUNIT_ASSERT_EQUAL(std::string("450 later"), log.entries[1].diag_text);
    CPPUNIT_ASSERT_EQUAL(std::string("mx.c.test"), log.entries[1].mta_name);
  }

  void damaged_logs() {
    const auto log = parse_log(
        "\n\n<x@y.test>: old style only\n\nreason=alone\n\nrecipient=\nstatus=9.9.9\n"
        "what=is this\n-- noise\ndiag_type=smtp",
        "4.0.0", "delayed");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, log.entries.size());
    CPPUNIT_ASSERT_EQUAL(std::string("x@y.test"), log.entries[0].recipient);
    CPPUNIT_ASSERT_EQUAL(std::string("old style only"), log.entries[0].reason);
    CPPUNIT_ASSERT_EQUAL(std::string("delayed"), log.entries[0].action);
    CPPUNIT_ASSERT_EQUAL(std::string("(recipient address unavailable)"), log.entries[1].recipient);
    CPPUNIT_ASSERT_EQUAL(std::string("(MAILER-DAEMON)"), log.entries[2].recipient);
    CPPUNIT_ASSERT_EQUAL(std::string("(description unavailable)"), log.entries[2].reason);
    CPPUNIT_ASSERT_EQUAL(std::string("4.0.0"), log.entries[2].status);
    CPPUNIT_ASSERT_EQUAL(std::string(""), log.entries[2].diag_type);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, log.unknown_lines.size());
    CPPUNIT_ASSERT(parse_log("", "4.0.0", "delayed").entries.empty());
  }

  void unicode() {
    CPPUNIT_ASSERT_EQUAL(std::string("xn--bcher-kva.test"), domain_to_ascii("b\xC3\xBC"
                                                                            "cher.test")
                                                                .value());
    CPPUNIT_ASSERT_EQUAL(std::string("xn--strae-oqa.de"), domain_to_ascii("stra\xC3\x9F"
                                                                          "e.de")
                                                              .value());
    CPPUNIT_ASSERT_EQUAL(std::string("b\xC3\xBC"
                                     "cher.test"),
                         domain_to_unicode("xn--bcher-kva.test").value());
    CPPUNIT_ASSERT_EQUAL(std::string("plain.test"), domain_to_ascii("plain.test").value());
    CPPUNIT_ASSERT_EQUAL(std::string("Plain.test"), domain_to_unicode("Plain.test").value());
    CPPUNIT_ASSERT(!domain_to_ascii("a\xC3\xBC\xE2\x80\x8F.test"));
    CPPUNIT_ASSERT(!domain_to_unicode("xn--\x80.test"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DsnTest);

}  // namespace
}  // namespace postern::mail
