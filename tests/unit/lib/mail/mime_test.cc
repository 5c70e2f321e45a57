// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/mime.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

namespace postern::mail {
namespace {

struct Seen {
  std::string events;  // P/M/N:name for headers (lower-case letter: not of the initial block), '|' at their end
  std::string output;
  unsigned faults = 0;
  std::optional<MimeFault> fault;
  bool header8 = false;
  bool body8 = false;
  bool declares8 = false;
};

void note(Seen& seen, const std::vector<MimeEvent>& events) {
  for (const auto& event : events) {
    switch (event.kind) {
      case MimeEvent::Kind::header: {
        const char letter = "PMN"[static_cast<int>(event.scope)];
        seen.events += event.initial ? letter : text::to_lower(letter);
        seen.events += ":" + std::string(event.text.substr(0, event.text.find(':'))) + " ";
        seen.output += std::string(event.text) + "\n";
        break;
      }
      case MimeEvent::Kind::headers_end: seen.events += "| "; break;
      case MimeEvent::Kind::body: seen.output += std::string(event.text) + (event.complete ? "\n" : ""); break;
      case MimeEvent::Kind::end: seen.events += "."; break;
    }
  }
}

// Feeds `message` in pieces of at most `piece` bytes.
Seen parse(std::string_view message, MimeOptions options = {}, std::size_t piece = 2048) {
  Seen seen;
  MimeParser parser(options);
  while (!message.empty()) {
    const auto newline = message.find('\n');
    const auto length = std::min({newline, piece, message.size()});
    const bool complete = length == newline;
    note(seen, parser.feed(message.substr(0, length), complete));
    message.remove_prefix(length + (complete ? 1 : 0));
  }
  note(seen, parser.finish());
  seen.faults = parser.faults();
  seen.fault = parser.first_fault();
  seen.header8 = parser.has_8bit_header();
  seen.body8 = parser.has_8bit_body();
  seen.declares8 = parser.declares_8bit();
  return seen;
}

constexpr std::string_view kNested =
    "Subject: a\n folded: not a header\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n "
    "boundary=\"b\"\n\npreamble: x\n"
    "--b\nContent-Type: text/plain\nX-Part: y\n\nbody: x\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n"
    "Content-Type: multipart/alternative; boundary=bb\n\n--bb\n\nplain\n--bb\nContent-Type: text/html\n\nhtml\n--bb--\n"
    "--b--\nepilogue: x\n";

class MimeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MimeTest);
  CPPUNIT_TEST(reports_headers_by_scope);
  CPPUNIT_TEST(nothing_is_lost_however_it_is_cut);
  CPPUNIT_TEST(text_right_behind_headers_is_body);
  CPPUNIT_TEST(end_of_headers_can_be_marked_or_a_fault);
  CPPUNIT_TEST(messages_without_headers_or_body);
  CPPUNIT_TEST(digests_and_partial_messages);
  CPPUNIT_TEST(nesting_is_limited);
  CPPUNIT_TEST(long_headers_are_cut);
  CPPUNIT_TEST(eight_bit_content_is_seen);
  CPPUNIT_TEST(encoded_composites_are_faults);
  CPPUNIT_TEST(without_mime_all_is_body);
  CPPUNIT_TEST(downgrade_encodes_what_is_declared_8bit);
  CPPUNIT_TEST(downgrade_of_attached_messages);
  CPPUNIT_TEST(encoded_lines_have_at_most_76_characters);
  CPPUNIT_TEST_SUITE_END();

  void reports_headers_by_scope() {
    CPPUNIT_ASSERT_EQUAL(std::string("P:Subject M:MIME-Version M:Content-Type | m:Content-Type m:X-Part m:Content-Type "
                                     "n:Subject m:Content-Type m:Content-Type ."),
                         parse(kNested).events);
  }

  void nothing_is_lost_however_it_is_cut() {
    for (const std::size_t piece : {2048U, 100U, 40U}) {
      const auto seen = parse(kNested, {}, piece);
      CPPUNIT_ASSERT_EQUAL(std::string(kNested), seen.output);
    }
  }

  void text_right_behind_headers_is_body() {
    const auto seen = parse("Subject: a\nno header\nX: not one either\n");
    CPPUNIT_ASSERT_EQUAL(std::string("P:Subject | ."), seen.events);
    CPPUNIT_ASSERT_EQUAL(std::string("Subject: a\n\nno header\nX: not one either\n"), seen.output);
    const auto nested = parse("Content-Type: message/rfc822\nnot a header\n");
    CPPUNIT_ASSERT_EQUAL(std::string("M:Content-Type | ."), nested.events);
    // Inside, the message stays as it was.
    const std::string part =
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nno header\n--b--\n";
    CPPUNIT_ASSERT_EQUAL(part, parse(part).output);
  }

  void messages_without_headers_or_body() {
    CPPUNIT_ASSERT_EQUAL(std::string("| ."), parse("").events);
    CPPUNIT_ASSERT_EQUAL(std::string("| ."), parse("\nbody\n").events);
    CPPUNIT_ASSERT_EQUAL(std::string("\nbody\n"), parse("\nbody\n").output);
    CPPUNIT_ASSERT_EQUAL(std::string("P:Subject | ."), parse("Subject: x").events);
    CPPUNIT_ASSERT_EQUAL(std::string("\nunfinished"), parse("\nunfinished").output);
  }

  void digests_and_partial_messages() {
    const auto digest = parse("Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in\n\nx\n--d--\n");
    CPPUNIT_ASSERT_EQUAL(std::string("M:Content-Type | n:Subject ."), digest.events);
    const auto partial = parse("Content-Type: message/partial\n\nSubject: in\n\nx\n");
    CPPUNIT_ASSERT_EQUAL(std::string("M:Content-Type | ."), partial.events);
    std::string many = "Content-Type: multipart/digest; boundary=d\n\n";
    for (int i = 0; i < 300; ++i) many += "--d\n\nSubject: in\n\nx\n";
    CPPUNIT_ASSERT_EQUAL(0U, parse(many, {.report_nesting = true}).faults);
  }

  void nesting_is_limited() {
    std::string deep;
    for (int i = 0; i < 6; ++i)
      deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\n\n--b" + std::to_string(i) + "\n";
    CPPUNIT_ASSERT_EQUAL(0U, parse(deep, {.nesting_limit = 6, .report_nesting = true}).faults);
    const auto seen = parse(deep, {.nesting_limit = 5, .report_nesting = true});
    CPPUNIT_ASSERT_EQUAL(mime_fault::kNesting, seen.faults);
    CPPUNIT_ASSERT_EQUAL(deep, seen.output);
    std::string messages;
    for (int i = 0; i < 6; ++i) messages += "Content-Type: message/rfc822\n\n";
    CPPUNIT_ASSERT_EQUAL(mime_fault::kNesting, parse(messages, {.nesting_limit = 5, .report_nesting = true}).faults);
    CPPUNIT_ASSERT_EQUAL(0U, parse(messages, {.nesting_limit = 5}).faults);
  }

  void long_headers_are_cut() {
    const auto seen = parse("X: " + std::string(5000, 'x') + "\n " + std::string(5000, 'y') + "\nSubject: s\n\nb\n",
                            {.header_limit = 100, .report_truncation = true});
    CPPUNIT_ASSERT_EQUAL(std::string("P:X P:Subject | ."), seen.events);
    CPPUNIT_ASSERT_EQUAL(mime_fault::kTruncated, seen.faults);
    CPPUNIT_ASSERT_EQUAL("X: " + std::string(97, 'x') + "\nSubject: s\n\nb\n", seen.output);
  }

  void eight_bit_content_is_seen() {
    const MimeOptions strict{.report_8bit_header = true, .report_8bit_body = true};
    const auto header = parse("Subject: \xC3\xBC\n\nx\n", strict);
    CPPUNIT_ASSERT(header.header8 && !header.body8);
    CPPUNIT_ASSERT_EQUAL(mime_fault::k8bitHeader, header.faults);
    CPPUNIT_ASSERT_EQUAL(std::string("Subject: \xC3\xBC"), header.fault->text);
    const auto body = parse("Subject: x\n\n\xC3\xBC\n", strict);
    CPPUNIT_ASSERT(body.body8 && !body.declares8);
    CPPUNIT_ASSERT_EQUAL(mime_fault::k8bitBody, body.faults);
    const auto declared = parse("Content-Transfer-Encoding: 8bit\n\n\xC3\xBC\n", strict);
    CPPUNIT_ASSERT(declared.body8 && declared.declares8);
    CPPUNIT_ASSERT_EQUAL(0U, declared.faults);
    CPPUNIT_ASSERT_EQUAL(0U, parse("Subject: \xC3\xBC\n\n\xC3\xBC\n").faults);
  }

  void end_of_headers_can_be_marked_or_a_fault() {
    const std::string_view text = "Subject: s\nno header\nX: y\n";
    const std::string mark = "MIME-Error: message header was terminated by a non-empty line\n";
    CPPUNIT_ASSERT_EQUAL(std::string("Subject: s\n\nno header\nX: y\n"), parse(text).output);
    CPPUNIT_ASSERT_EQUAL("Subject: s\n" + mark + "\nno header\nX: y\n", parse(text, {.mark_header_end = true}).output);
    const auto refused = parse(text, {.report_header_end = true});
    CPPUNIT_ASSERT_EQUAL(mime_fault::kHeaderEnd, refused.faults);
    CPPUNIT_ASSERT_EQUAL(std::string("no header"), refused.fault->text);
    const MimeOptions both{.report_header_end = true, .mark_header_end = true};
    // A good end, no end, and the headers of a part.
    for (const std::string_view good : {"Subject: s\n\nno header\n", "Subject: s\n",
                                        "Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\nno header\n--b--\n"}) {
      const auto seen = parse(good, both);
      CPPUNIT_ASSERT_EQUAL(0U, seen.faults);
      CPPUNIT_ASSERT(seen.output.find("MIME-Error") == std::string::npos);
    }
  }

  void encoded_composites_are_faults() {
    const MimeOptions strict{.report_encoding_domain = true};
    const auto bad =
        parse("Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n", strict);
    CPPUNIT_ASSERT_EQUAL(mime_fault::kEncodingDomain, bad.faults);
    CPPUNIT_ASSERT_EQUAL(std::string("base64"), bad.fault->text);
    const auto encoded =
        parse("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nSubject: x\n", strict);
    CPPUNIT_ASSERT_EQUAL(mime_fault::kEncodingDomain, encoded.faults);
    CPPUNIT_ASSERT_EQUAL(std::string("M:Content-Type M:Content-Transfer-Encoding | ."), encoded.events);
  }

  void without_mime_all_is_body() {
    const auto seen = parse(kNested, {.parse_mime = false});
    CPPUNIT_ASSERT_EQUAL(std::string("P:Subject M:MIME-Version M:Content-Type | ."), seen.events);
    CPPUNIT_ASSERT_EQUAL(std::string(kNested), seen.output);
  }

  void downgrade_encodes_what_is_declared_8bit() {
    const auto seen = parse(
        "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n--b\n"
        "Content-Transfer-Encoding: 8bit\nContent-Type: text/plain\n\ngr\xC3\xBCn=\n--b\n\nplain=\n--b--\n",
        {.downgrade = true});
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 7bit\n\n--b\n"
            "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\ngr=C3=BCn=3D\n--b\n\nplain=\n"
            "--b--\n"),
        seen.output);
  }

  void downgrade_of_attached_messages() {
    const auto seen = parse(
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nContent-Transfer-Encoding: "
        "8bit\n\n\xC3\xBC\n",
        {.downgrade = true});
    CPPUNIT_ASSERT_EQUAL(std::string("Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\n"
                                     "Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n"),
                         seen.output);
    const auto global = parse("Content-Type: message/global\nContent-Transfer-Encoding: 8bit\n\nSubject: \xC3\xBC\n",
                              {.downgrade = true});
    CPPUNIT_ASSERT_EQUAL(std::string("Content-Type: message/global\nContent-Transfer-Encoding: quoted-printable\n\n"
                                     "Subject: =C3=BC\n"),
                         global.output);
  }

  void encoded_lines_have_at_most_76_characters() {
    const std::string head = "Content-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\n";
    const auto encoded = [&](const std::string& line) {
      const std::string out = parse(head + line + "\n", {.downgrade = true}).output;
      return out.substr(out.find("\n\n") + 2);
    };
    const std::string most(73, 'a');
    CPPUNIT_ASSERT_EQUAL(most + "\n", encoded(most));
    CPPUNIT_ASSERT_EQUAL(most + "=\na\n", encoded(most + "a"));
    CPPUNIT_ASSERT_EQUAL(most.substr(1) + "=C3=\n=BC\n", encoded(most.substr(1) + "\xC3\xBC"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MimeTest);

}  // namespace
}  // namespace postern::mail
