// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/queue_file.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/files.h"

namespace postern::mail {
namespace {

Fd file_of(const std::string& bytes) {
  Fd fd(::memfd_create("queue", MFD_CLOEXEC));
  CPPUNIT_ASSERT(files::write_all(fd.get(), bytes));
  return fd;
}

std::string record(char type, std::string_view payload = {}) { return encode_record(type, payload); }
std::string attribute(std::string_view pair) { return encode_record('A', pair); }

// A message as cleanup leaves it, with its size record filled in.
struct Message {
  std::string envelope = record('T', "1795148341 123456") + attribute("create_time=1795148342") +
                         attribute("rewrite_context=local") + attribute("envelope_id=e1") + attribute("ret_flags=2") +
                         record('S', "sender@a.test") + attribute("encoding=8bit") + attribute("trace_flags=256") +
                         record('W', format_number15(1795162741));
  std::string recipients = attribute("notify_flags=10") + attribute("dsn_orig_rcpt=rfc822;o@a.test") +
                           record('O', "orig@a.test") + record('R', "one@b.test") + record('O', "x") +
                           record('D', "done@b.test") + record('R', "two@b.test") + record('/', "gone@b.test");
  std::string content = record('N', "Subject: x") + record('N') + record('L', "long ") + record('N', "line");
  std::string extracted = attribute("encoding=7bit") + record('L', "smtp:[relay.test]") + record('R', "three@b.test");

  [[nodiscard]] std::string bytes() const {
    const std::string head = record('C', format_size({})) + envelope + recipients + record('M');
    const SizeRecord size{.content_size = static_cast<std::int64_t>(content.size()),
                          .data_offset = static_cast<std::int64_t>(head.size()),
                          .recipients = 3,
                          .qmgr_flags = 20,
                          .logged_size = 0,
                          .send_options = 1};
    const auto filled = record('C', format_size(size)) + head.substr(kSizePayload + 2);
    return filled + content + record('X') + extracted + record('E');
  }
};

class QueueFileTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(QueueFileTest);
  CPPUNIT_TEST(size_record_text);
  CPPUNIT_TEST(reads_every_record_with_its_offset);
  CPPUNIT_TEST(follows_pointers);
  CPPUNIT_TEST(damage_is_reported_as_damage);
  CPPUNIT_TEST(pointer_loops_end);
  CPPUNIT_TEST(records_larger_than_the_buffer);
  CPPUNIT_TEST(envelope);
  CPPUNIT_TEST(content_is_not_read_for_the_envelope);
  CPPUNIT_TEST(recipients_in_portions);
  CPPUNIT_TEST(recipients_given_back_are_read_again);
  CPPUNIT_TEST(incomplete_envelopes_are_refused);
  CPPUNIT_TEST(marks_in_place);
  CPPUNIT_TEST_SUITE_END();

  void size_record_text() {
    const SizeRecord size{
        .content_size = 308, .data_offset = 914, .recipients = 4, .qmgr_flags = 24, .logged_size = 308};
    const auto text = format_size(size);
    CPPUNIT_ASSERT_EQUAL(std::string("            308             914               4              24             308"
                                     "               0"),
                         text);
    CPPUNIT_ASSERT_EQUAL(kSizePayload, text.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{914}, parse_size(text)->data_offset);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{77}, parse_size("     77")->content_size);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, parse_size("     77 12 1")->logged_size);
    CPPUNIT_ASSERT(!parse_size(""));
    CPPUNIT_ASSERT(!parse_size("12 x"));
    CPPUNIT_ASSERT(!parse_size("-5"));
  }

  void reads_every_record_with_its_offset() {
    const Message message;
    const auto bytes = message.bytes();
    const Fd fd = file_of(bytes);
    QueueFileReader reader(fd.get());
    std::string types;
    std::string segments;
    for (;;) {
      const auto found = reader.next();
      CPPUNIT_ASSERT(found.has_value());
      if (!*found) break;
      CPPUNIT_ASSERT_EQUAL((*found)->type, bytes[(*found)->offset]);
      CPPUNIT_ASSERT_EQUAL(record((*found)->type, (*found)->payload),
                           bytes.substr((*found)->offset, (*found)->next - (*found)->offset));
      types += (*found)->type;
      segments += "ecxE"[static_cast<int>((*found)->segment)];
    }
    CPPUNIT_ASSERT_EQUAL(std::string("CTAAAASAAWAAORODR/MNNLNXALRE"), types);
    CPPUNIT_ASSERT_EQUAL(std::string("eeeeeeeeeeeeeeeeeeecccccxxxx"), segments);
  }

  void follows_pointers() {
    // "old" is replaced by "new", which stands behind E and points back; a dummy pointer is passed over.
    const std::string head = record('T', "1") + record('S', "s") + record('p', format_number15(0)) + record('M');
    const std::string body = record('N', "first");
    const auto pointer_at = head.size() + body.size();
    const auto back = pointer_at + record_size(15);
    const std::string rest = record('N', "last") + record('X') + record('E');
    const auto replacement_at = back + rest.size();
    const std::string all = head + body + record('p', format_number15(static_cast<std::int64_t>(replacement_at))) +
                            rest + record('N', "new") + record('p', format_number15(static_cast<std::int64_t>(back)));
    const Fd fd = file_of(all);
    QueueFileReader reader(fd.get());
    std::string lines;
    for (auto found = reader.next(); found && *found; found = reader.next()) {
      if ((*found)->type == 'N') lines += (*found)->payload + " ";
    }
    CPPUNIT_ASSERT_EQUAL(std::string("first new last "), lines);
    QueueFileReader shown(fd.get(), 0, Segment::envelope, QueueFileReader::Pointers::show);
    std::string types;
    for (auto found = shown.next(); found && *found; found = shown.next()) types += (*found)->type;
    CPPUNIT_ASSERT_EQUAL(std::string("TSpMNpNpNXE"), types);
  }

  static int error_of(const std::string& bytes) {
    const Fd fd = file_of(bytes);
    const auto read = read_envelope(fd.get());
    return read ? 0 : read.error().code;
  }

  void damage_is_reported_as_damage() {
    const auto whole = Message().bytes();
    CPPUNIT_ASSERT_EQUAL(0, error_of(whole));
    for (std::size_t length = 0; length < whole.size(); length += 7) {
      CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(whole.substr(0, length)));
    }
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(record('T', "1") + record('S', "s") + record('Q', "?")));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(record('T', "1") + std::string("\0\0", 2)));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of("T\x80\x80\x80\x80\x80\x80"));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of("T\xFF\xFF\xFF\xFF\x7F"));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(record('C', "nonsense")));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(record('p', "x")));
    CPPUNIT_ASSERT(!read_envelope(-1).has_value());
    CPPUNIT_ASSERT_EQUAL(EBADF, read_envelope(-1).error().code);
  }

  void pointer_loops_end() {
    const auto read = [](const std::string& bytes) { return error_of(bytes); };
    CPPUNIT_ASSERT_EQUAL(EBADMSG, read(record('T', "1") + record('p', format_number15(3)) + record('M')));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, read(record('T', "1") + record('p', "99999999999")));
  }

  void records_larger_than_the_buffer() {
    const std::string big(300000, 'b');
    const Fd fd = file_of(record('T', "1") + record('S', big) + record('R', "r") + record('M') + record('N', big) +
                          record('X') + record('E'));
    const auto envelope = read_envelope(fd.get());
    CPPUNIT_ASSERT(envelope.has_value());
    CPPUNIT_ASSERT_EQUAL(big, envelope->sender);
  }

  void envelope() {
    const auto bytes = Message().bytes();
    const Fd fd = file_of(bytes);
    const auto envelope = read_envelope(fd.get()).value();
    CPPUNIT_ASSERT(envelope.complete);
    CPPUNIT_ASSERT_EQUAL(std::string("sender@a.test"), envelope.sender);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795148341}, envelope.arrival.seconds);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{123456}, envelope.arrival.micros);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795148342}, envelope.create_time);
    CPPUNIT_ASSERT_EQUAL(std::string("7bit"), envelope.encoding);  // the extracted segment wins
    CPPUNIT_ASSERT_EQUAL(std::string("smtp:[relay.test]"), envelope.filter);
    CPPUNIT_ASSERT_EQUAL(std::string("e1"), envelope.envelope_id);
    CPPUNIT_ASSERT_EQUAL(2U, envelope.ret_flags);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795162741}, envelope.warn_time);
    CPPUNIT_ASSERT_EQUAL(std::string("local"), std::string(envelope.attribute("rewrite_context")));
    CPPUNIT_ASSERT_EQUAL(std::string(""), std::string(envelope.attribute("sasl_username")));
    CPPUNIT_ASSERT_EQUAL(envelope.size.content_size, envelope.logged_size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, envelope.recipients.size());
    const auto& one = envelope.recipients[0];
    CPPUNIT_ASSERT_EQUAL(std::string("one@b.test"), one.address);
    CPPUNIT_ASSERT_EQUAL(std::string("orig@a.test"), one.original);
    CPPUNIT_ASSERT_EQUAL(std::string("rfc822;o@a.test"), one.dsn_orig_rcpt);
    CPPUNIT_ASSERT_EQUAL(10U, one.notify);
    CPPUNIT_ASSERT_EQUAL('R', bytes[static_cast<std::size_t>(one.offset)]);
    // What stood before a finished recipient does not stick to the next one.
    CPPUNIT_ASSERT_EQUAL(std::string("two@b.test"), envelope.recipients[1].address);
    CPPUNIT_ASSERT_EQUAL(std::string(""), envelope.recipients[1].original);
    CPPUNIT_ASSERT_EQUAL(std::string("three@b.test"), envelope.recipients[2].address);
  }

  void content_is_not_read_for_the_envelope() {
    Message message;
    // Would be damage if it were parsed; the size record leads past it.
    message.content = std::string(1000, '\xFF');
    CPPUNIT_ASSERT_EQUAL(0, error_of(message.bytes()));
  }

  void recipients_in_portions() {
    Message message;
    message.recipients.clear();
    for (int i = 0; i < 10; ++i) {
      message.recipients += record('O', "o" + std::to_string(i)) + record('R', "r" + std::to_string(i));
    }
    const Fd fd = file_of(message.bytes());
    auto envelope = read_envelope(fd.get(), 4).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, envelope.recipients.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{7}, envelope.recipients_left);
    CPPUNIT_ASSERT_EQUAL(std::string("7bit"), envelope.encoding);
    CPPUNIT_ASSERT(read_more_recipients(fd.get(), envelope, 5).value());
    CPPUNIT_ASSERT_EQUAL(std::string("r8"), envelope.recipients.back().address);
    CPPUNIT_ASSERT_EQUAL(std::string("o8"), envelope.recipients.back().original);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, envelope.recipients_left);
    CPPUNIT_ASSERT(read_more_recipients(fd.get(), envelope, 50).value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{11}, envelope.recipients.size());
    CPPUNIT_ASSERT_EQUAL(std::string("three@b.test"), envelope.recipients.back().address);
    CPPUNIT_ASSERT(!read_more_recipients(fd.get(), envelope, 50).value());
    auto none = read_envelope(fd.get(), 0).value();
    CPPUNIT_ASSERT(none.recipients.empty());
    CPPUNIT_ASSERT(read_more_recipients(fd.get(), none, kAllRecipients).value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{11}, none.recipients.size());
  }

  void recipients_given_back_are_read_again() {
    Message message;
    message.recipients.clear();
    for (int i = 0; i < 6; ++i) {
      message.recipients += record('O', "o" + std::to_string(i)) + record('R', "r" + std::to_string(i));
    }
    const Fd fd = file_of(message.bytes());
    auto envelope = read_envelope(fd.get(), 4).value();
    unread_recipients(envelope, 4);  // there is none
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, envelope.recipients_left);
    unread_recipients(envelope, 1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, envelope.recipients.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{6}, envelope.recipients_left);
    CPPUNIT_ASSERT(read_more_recipients(fd.get(), envelope, 100).value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{7}, envelope.recipients.size());
    CPPUNIT_ASSERT_EQUAL(std::string("r1"), envelope.recipients[1].address);
    CPPUNIT_ASSERT_EQUAL(std::string("o1"), envelope.recipients[1].original);
    CPPUNIT_ASSERT_EQUAL(std::string("three@b.test"), envelope.recipients.back().address);
    // From the last segment, too.
    unread_recipients(envelope, 6);
    CPPUNIT_ASSERT(read_more_recipients(fd.get(), envelope, 100).value());
    CPPUNIT_ASSERT_EQUAL(std::string("three@b.test"), envelope.recipients.back().address);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, envelope.recipients_left);
  }

  void incomplete_envelopes_are_refused() {
    const auto tail = record('M') + record('X') + record('E');
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(record('S', "s") + tail));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(record('T', "1") + tail));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(record('T', "1") + record('S', "s") + record('S', "t") + tail));
    CPPUNIT_ASSERT_EQUAL(EBADMSG, error_of(record('T', "1") + record('S', "s") + attribute("noequals") + tail));
    CPPUNIT_ASSERT_EQUAL(0, error_of(record('T', "1") + record('S', "") + tail));
    CPPUNIT_ASSERT_EQUAL(0, error_of(record('T', "1") + record('S', "") + tail + "whatever follows"));
  }

  void marks_in_place() {
    const auto before = Message().bytes();
    const Fd fd = file_of(before);
    const auto envelope = read_envelope(fd.get()).value();
    CPPUNIT_ASSERT(mark_done(fd.get(), envelope.recipients[0].offset));
    CPPUNIT_ASSERT(mark_done(fd.get(), envelope.recipients[0].offset));  // once more does no harm
    CPPUNIT_ASSERT(mark_done(fd.get(), -1));
    CPPUNIT_ASSERT(!mark_done(fd.get(), 0));  // that is the size record
    CPPUNIT_ASSERT(kill_record(fd.get(), envelope.trace_offset));
    CPPUNIT_ASSERT(rewrite_warn_time(fd.get(), envelope.warn_offset, -1));
    CPPUNIT_ASSERT(!rewrite_warn_time(fd.get(), 0, -1));
    CPPUNIT_ASSERT(rewrite_size(
        fd.get(),
        {.content_size = envelope.size.content_size, .data_offset = envelope.size.data_offset, .logged_size = 5}));
    const auto after = read_envelope(fd.get()).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, after.recipients.size());
    CPPUNIT_ASSERT_EQUAL(std::string("two@b.test"), after.recipients[0].address);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, after.trace_flags);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, after.warn_time);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, after.logged_size());
    CPPUNIT_ASSERT_EQUAL(static_cast<off_t>(before.size()), ::lseek(fd.get(), 0, SEEK_END));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueFileTest);

}  // namespace
}  // namespace postern::mail
