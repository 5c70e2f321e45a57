// SPDX-License-Identifier: Apache-2.0
#include "commands/postcat/queue_text.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fmt/core.h>

#include <cstdlib>
#include <ctime>

#include "lib/mail/record.h"

namespace postern::postcat {
namespace {

std::string file() {
  std::string out;
  const auto add = [&out](char type, std::string_view payload) { mail::append_record(out, type, payload); };
  add('T', "1795148341 5");
  add('A', "create_time=1795148342");
  add('S', "a@b");
  add('D', "d@e");
  add('R', "r@s");
  add('M', "");
  add('N', "Subject: x");
  add('N', "\tfold");
  add('N', "");
  add('L', "bo");
  add('N', "dy");
  add('X', "");
  add('R', "x@y");
  add('E', "");
  return out;
}

std::string shown(const std::string& bytes, Selection selection) {
  if (!selection.envelope && !selection.header && !selection.body) {
    selection.envelope = selection.header = selection.body = true;
  }
  QueueText text("f", bytes, selection);
  std::string out;
  for (;;) {
    const auto next = text.next();
    if (!next) return out + "!" + next.error().text;
    if (!*next) return out;
    out += **next;
  }
}

Selection only(bool envelope, bool header, bool body) {
  Selection out;
  out.envelope = envelope;
  out.header = header;
  out.body = body;
  return out;
}

class QueueTextTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(QueueTextTest);
  CPPUNIT_TEST(everything);
  CPPUNIT_TEST(parts);
  CPPUNIT_TEST(columns);
  CPPUNIT_TEST(pointers);
  CPPUNIT_TEST(damaged_files);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }

 private:
  void everything() {
    CPPUNIT_ASSERT_EQUAL(std::string("*** ENVELOPE RECORDS f ***\n"
                                     "message_arrival_time: Fri Nov 20 04:19:01 2026\n"
                                     "create_time: Fri Nov 20 04:19:02 2026\n"
                                     "sender: a@b\n"
                                     "done_recipient: d@e\n"
                                     "recipient: r@s\n"
                                     "*** MESSAGE CONTENTS f ***\n"
                                     "Subject: x\n\tfold\n\nbody\n"
                                     "*** HEADER EXTRACTED f ***\n"
                                     "recipient: x@y\n"
                                     "*** MESSAGE FILE END f ***\n"),
                         shown(file(), {}));
  }

  void parts() {
    CPPUNIT_ASSERT_EQUAL(std::string("Subject: x\n\tfold\n"), shown(file(), only(false, true, false)));
    CPPUNIT_ASSERT_EQUAL(std::string("\nbody\n"), shown(file(), only(false, false, true)));
    CPPUNIT_ASSERT(shown(file(), only(true, false, false)).find("body") == std::string::npos);
  }

  void columns() {
    Selection selection = only(false, false, true);
    selection.offsets = selection.types = true;
    const auto text = shown(file(), selection);
    // With offsets a record a line, chunks included.
    CPPUNIT_ASSERT(text.find("  76 bo\n") != std::string::npos);
    CPPUNIT_ASSERT(text.find("  78 dy\n") != std::string::npos);
    selection.offsets = false;
    CPPUNIT_ASSERT(shown(file(), selection).find(" 76 bo 78 dy\n") != std::string::npos);
  }

  void pointers() {
    std::string bytes;
    mail::append_record(bytes, 'S', "old");
    const auto at = bytes.size() + mail::record_size(15) + mail::record_size(1);
    mail::append_record(bytes, 'p', fmt::format("{:15}", at));
    mail::append_record(bytes, 'S', "x");
    mail::append_record(bytes, 'S', "new");
    mail::append_record(bytes, 'p', fmt::format("{:15}", 0));
    mail::append_record(bytes, 'E', "");
    CPPUNIT_ASSERT(shown(bytes, {}).find("sender: x\n") == std::string::npos);
    Selection raw;
    raw.raw = true;
    CPPUNIT_ASSERT(shown(bytes, raw).find("pointer_record: ") != std::string::npos);
    CPPUNIT_ASSERT(shown(bytes, raw).find("sender: x\n") != std::string::npos);
    std::string loop;
    mail::append_record(loop, 'S', "x");
    mail::append_record(loop, 'p', fmt::format("{:15}", 3));
    CPPUNIT_ASSERT(shown(loop, {}).ends_with("!too many backward pointer records"));
  }

  void damaged_files() {
    CPPUNIT_ASSERT(!QueueText("f", "127.0.0.1 localhost\n", {}).plausible());
    CPPUNIT_ASSERT(!QueueText("f", "", {}).plausible());
    CPPUNIT_ASSERT(QueueText("f", file(), {}).plausible());
    CPPUNIT_ASSERT(shown(file().substr(0, 30), {}).ends_with("!unexpected EOF in data, record type 65 length 22"));
    CPPUNIT_ASSERT(shown("Z\x02zz", {}).find("unknown_record_type: zz\n") != std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueTextTest);

}  // namespace
}  // namespace postern::postcat
