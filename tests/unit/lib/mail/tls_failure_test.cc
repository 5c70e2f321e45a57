// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/tls_failure.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/mail/queue_file.h"

namespace postern::mail {
namespace {

std::string record(char type, std::string_view payload = {}) { return encode_record(type, payload); }

// What stands behind the end record is what milters' edits leave there.
Fd message(const std::string& content, const std::string& behind = {}) {
  const std::string envelope = record('T', "1795148341 1") + record('S', "s@a.test") + record('R', "r@b.test") +
                               record('A', "tls_failed=1 envelope.test") + record('M');
  const SizeRecord size{.content_size = static_cast<std::int64_t>(content.size()),
                        .data_offset = static_cast<std::int64_t>(kSizePayload + 2 + envelope.size()),
                        .recipients = 1,
                        .qmgr_flags = 0,
                        .logged_size = 0,
                        .send_options = 0};
  Fd fd(::memfd_create("queue", MFD_CLOEXEC));
  const std::string bytes = record('C', format_size(size)) + envelope + content + record('X') +
                            record('A', "tls_failed=2 extracted.test") + record('E') + behind;
  CPPUNIT_ASSERT(files::write_all(fd.get(), bytes));
  return fd;
}

class TlsFailureTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TlsFailureTest);
  CPPUNIT_TEST(remembers_destinations);
  CPPUNIT_TEST(edited_messages);
  CPPUNIT_TEST(others_see_the_message_as_before);
  CPPUNIT_TEST(damage);
  CPPUNIT_TEST_SUITE_END();

  static void expect(const Fd& fd, std::string_view destination, std::optional<std::int64_t> time) {
    const auto found = find_tls_failure(fd.get(), destination);
    CPPUNIT_ASSERT(found.has_value());
    CPPUNIT_ASSERT_MESSAGE(std::string(destination), *found == time);
  }

  void remembers_destinations() {
    const Fd fd = message(record('N', "Subject: x") + record('N') + record('N', "tls_failed=3 content.test"));
    expect(fd, "a.test", std::nullopt);
    // Only what stands behind the end is ours: what a client can put anywhere else is not.
    for (const char* name : {"envelope.test", "extracted.test", "content.test"}) expect(fd, name, std::nullopt);
    CPPUNIT_ASSERT(add_tls_failure(fd.get(), "a.test", 1795148341000001));
    CPPUNIT_ASSERT(add_tls_failure(fd.get(), "[b.test]:2525", 17));
    expect(fd, "a.test", 1795148341000001);
    expect(fd, "[b.test]:2525", 17);
    expect(fd, "test", std::nullopt);
    // Marks go on being written in place.
    CPPUNIT_ASSERT(mark_done(fd.get(), kSizePayload + 2 + 24));
    expect(fd, "a.test", 1795148341000001);
  }

  void edited_messages() {
    // More than one read, and pointers among the edits.
    const Fd fd = message(record('N', "x"), record('N', std::string(20000, 'y')) + record('p', format_number15(300)));
    expect(fd, "a.test", std::nullopt);
    CPPUNIT_ASSERT(add_tls_failure(fd.get(), "a.test", 5));
    expect(fd, "a.test", 5);
  }

  void others_see_the_message_as_before() {
    const Fd fd = message(record('N', "x"));
    const auto before = read_envelope(fd.get());
    CPPUNIT_ASSERT(before && before->complete);
    CPPUNIT_ASSERT(add_tls_failure(fd.get(), "a.test", 5));
    const auto after = read_envelope(fd.get());
    CPPUNIT_ASSERT(after && after->complete);
    CPPUNIT_ASSERT(before->attributes == after->attributes);
    CPPUNIT_ASSERT_EQUAL(before->recipients.size(), after->recipients.size());
  }

  void damage() {
    const Fd fd = message(record('N', "x"));
    // A record that a full disk cut short.
    const std::string whole = record('A', "tls_failed=7 a.test");
    CPPUNIT_ASSERT(::lseek(fd.get(), 0, SEEK_END) > 0);
    CPPUNIT_ASSERT(files::write_all(fd.get(), whole.substr(0, 8)));
    expect(fd, "a.test", std::nullopt);
    const Fd text(::memfd_create("queue", MFD_CLOEXEC));
    CPPUNIT_ASSERT(files::write_all(text.get(), "this is no queue file"));
    const auto found = find_tls_failure(text.get(), "a.test");
    CPPUNIT_ASSERT(!found && found.error().code == EBADMSG);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TlsFailureTest);

}  // namespace
}  // namespace postern::mail
