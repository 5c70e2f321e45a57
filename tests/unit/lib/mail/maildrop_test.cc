// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/maildrop.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::mail {
namespace {

using Verdict = DropInput::Verdict;
struct In {
  char type;
  std::string payload;
};

// The text of the first record that is not stored; "" when all are.
std::string first_complaint(const std::vector<In>& records, DropInput& input) {
  for (const auto& [type, payload] : records) {
    const auto judgement = input.judge(type, payload);
    if (judgement.verdict != Verdict::store) return judgement.text;
  }
  return {};
}

std::string complaint(const std::vector<In>& records) {
  DropInput input;
  return first_complaint(records, input);
}

// What cleanup gets, one "Tpayload|" each; "!" and the reason at an error.
std::string converted(const std::vector<In>& records, DropOutput::Options options) {
  DropOutput output(std::move(options));
  std::string out;
  for (const auto& [type, payload] : records) {
    const auto items = output.convert(type, payload);
    if (!items) return out + "!" + items.error().text;
    for (const auto& item : *items) out += item.type + item.payload + "|";
  }
  return out;
}

class MaildropTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MaildropTest);
  CPPUNIT_TEST(takes_a_message);
  CPPUNIT_TEST(needs_sender_and_recipient);
  CPPUNIT_TEST(refuses_records_of_the_queue);
  CPPUNIT_TEST(refuses_line_breaks_in_the_envelope);
  CPPUNIT_TEST(lets_only_harmless_attributes_through);
  CPPUNIT_TEST(adds_filter_and_received);
  CPPUNIT_TEST(separates_a_first_line_that_begins_with_a_blank);
  CPPUNIT_TEST(leaves_out_what_users_may_not_say);
  CPPUNIT_TEST(refuses_damaged_files);
  CPPUNIT_TEST(leaves_out_finished_recipients_of_a_requeued_file);
  CPPUNIT_TEST_SUITE_END();

  const std::vector<In> message_{{'A', "rewrite_context=local"},
                                 {'F', "Full"},
                                 {'S', "a@b"},
                                 {'R', "u"},
                                 {'M', ""},
                                 {'N', "Subject: x"},
                                 {'N', ""},
                                 {'L', "lo"},
                                 {'N', "ng"},
                                 {'X', ""},
                                 {'R', "v"},
                                 {'E', ""}};

  void takes_a_message() {
    DropInput input;
    CPPUNIT_ASSERT_EQUAL(std::string(), first_complaint(message_, input));
    CPPUNIT_ASSERT(input.ended() && input.deliverable());
    // What follows the end does not matter.
    CPPUNIT_ASSERT(input.judge('Z', "x").verdict == Verdict::skip);
  }

  void needs_sender_and_recipient() {
    for (const auto& records : {std::vector<In>{{'S', ""}, {'M', ""}, {'X', ""}, {'E', ""}},
                                std::vector<In>{{'R', "u"}, {'M', ""}, {'X', ""}, {'E', ""}}}) {
      DropInput input;
      CPPUNIT_ASSERT_EQUAL(std::string(), first_complaint(records, input));
      CPPUNIT_ASSERT(input.ended() && !input.deliverable());
    }
    DropInput only_extracted;
    (void)first_complaint({{'S', ""}, {'M', ""}, {'X', ""}, {'R', "u"}, {'E', ""}}, only_extracted);
    CPPUNIT_ASSERT(only_extracted.deliverable());
    CPPUNIT_ASSERT_EQUAL(std::string("multiple envelope sender records"), complaint({{'S', "a"}, {'S', "b"}}));
  }

  void refuses_records_of_the_queue() {
    for (const char type : std::string("CTOWDKp><LNXE\0", 14)) {
      CPPUNIT_ASSERT_EQUAL("unexpected record type: " + std::to_string(type), complaint({{type, ""}}));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("unexpected record type: 82"), complaint({{'S', ""}, {'M', ""}, {'R', "u"}}));
    CPPUNIT_ASSERT_EQUAL(std::string("unexpected record type: 83"),
                         complaint({{'S', ""}, {'M', ""}, {'X', ""}, {'S', "u"}}));
  }

  void refuses_line_breaks_in_the_envelope() {
    for (const auto& bad : {std::string("a\nb"), std::string("a\rb"), std::string("a\0b", 3)}) {
      CPPUNIT_ASSERT_EQUAL(std::string("null or line break in record type: 82"), complaint({{'R', bad}}));
      CPPUNIT_ASSERT_EQUAL(std::string(), complaint({{'S', ""}, {'M', ""}, {'N', bad}}));
    }
  }

  void lets_only_harmless_attributes_through() {
    for (const auto* good :
         {"encoding=7bit", "encoding=", "envelope_id=x", "ret_flags=1", "notify_flags=15", "trace_flags=512",
          "trace_flags=1024", "rewrite_context=remote", "dsn_orig_rcpt=rfc822;a"}) {
      CPPUNIT_ASSERT_EQUAL(std::string(), complaint({{'A', good}}));
    }
    for (const auto* bad : {"log_client_name=x", "encoding=base64", "trace_flags=256", "rewrite_context=none",
                            "notify_flags=16", "sasl_username=root", "ret_flags=x"}) {
      CPPUNIT_ASSERT_EQUAL("ignoring attribute record: " + std::string(bad), complaint({{'A', bad}}));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("ignoring malformed record: missing '=' after attribute name: x"),
                         complaint({{'A', "x"}}));
  }

  std::vector<In> stored() const {
    auto out = message_;
    out.insert(out.begin(), {'T', "100 5"});
    return out;
  }

  void adds_filter_and_received() {
    DropOutput::Options options;
    options.content_filter = "f:g";
    options.received = {"Received: by mx", "\tid 1"};
    CPPUNIT_ASSERT_EQUAL(std::string("Lf:g|T100 5|Arewrite_context=local|FFull|Sa@b|Ru|M|NReceived: by mx|N\tid "
                                     "1|NSubject: x|N|Llo|Nng|X|Rv|E|"),
                         converted(stored(), options));
  }

  void separates_a_first_line_that_begins_with_a_blank() {
    CPPUNIT_ASSERT_EQUAL(std::string("Sa|Ru|M|Nr|N|N x|X|E|"),
                         converted({{'S', "a"}, {'R', "u"}, {'M', ""}, {'N', " x"}, {'X', ""}, {'E', ""}},
                                   {.requeued = false, .content_filter = {}, .line_limit = 99, .received = {"r"}}));
  }

  void leaves_out_what_users_may_not_say() {
    CPPUNIT_ASSERT_EQUAL(std::string("Sa|Anotify_flags=1|Ru|M|X|Rv|E|"), converted({{'A', "sasl_username=x"},
                                                                                    {'A', "create_time=1"},
                                                                                    {'A', "encoding="},
                                                                                    {'S', "a"},
                                                                                    {'n', "1"},
                                                                                    {'R', "u"},
                                                                                    {'M', ""},
                                                                                    {'X', ""},
                                                                                    {'A', "message_id=x"},
                                                                                    {'R', "v"},
                                                                                    {'E', ""}},
                                                                                   {}));
  }

  void refuses_damaged_files() {
    CPPUNIT_ASSERT_EQUAL(std::string("!unexpected record type 112"), converted({{'p', "100"}}, {}));
    CPPUNIT_ASSERT_EQUAL(std::string("!unexpected record type 79"), converted({{'O', "a"}}, {}));
    CPPUNIT_ASSERT_EQUAL(std::string("!illegal length 3000, record type 83"),
                         converted({{'S', std::string(3000, 'x')}}, {}));
  }

  void leaves_out_finished_recipients_of_a_requeued_file() {
    DropOutput output({.requeued = true, .content_filter = {}, .line_limit = 10, .received = {}});
    std::string out;
    for (const auto& [type, payload] : std::vector<In>{{'C', "1 2 3"},
                                                       {'T', "100 5"},
                                                       {'A', "create_time=100"},
                                                       {'L', "old:filter"},
                                                       {'A', "log_client_name=far.example.net"},
                                                       {'S', "a"},
                                                       {'W', "12"},
                                                       {'A', "notify_flags=2"},
                                                       {'O', "o1"},
                                                       {'D', "done"},
                                                       {'A', "notify_flags=4"},
                                                       {'O', "o2"},
                                                       {'R', "left"},
                                                       {'O', "o3"},
                                                       {'/', "cancelled"},
                                                       {'M', ""},
                                                       {'N', "longer than the limit"},
                                                       {'w', "gone"},
                                                       {'X', ""},
                                                       {'>', "redirect"},
                                                       {'D', "done too"},
                                                       {'E', ""}}) {
      const auto items = output.convert(type, payload);
      CPPUNIT_ASSERT(items.has_value());
      for (const auto& item : *items) out += item.type + item.payload + "|";
    }
    CPPUNIT_ASSERT_EQUAL(
        std::string("T100 5|Alog_client_name=far.example.net|Sa|Anotify_flags=4|Oo2|Rleft|M|Nlonger than "
                    "the limit|X|E|"),
        out);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, output.recipients());
    CPPUNIT_ASSERT_EQUAL(std::string("a"), output.sender().value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, output.arrival());
    CPPUNIT_ASSERT(output.ended());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MaildropTest);

}  // namespace
}  // namespace postern::mail
