// SPDX-License-Identifier: Apache-2.0
// Whole messages through cleanup, with a rewrite service that completes addresses: the records of the queue file are
// what other programs read.
#include "cleanup/intake.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>

#include <algorithm>

#include "lib/base/files.h"
#include "lib/config/config.h"
#include "lib/ipc/call.h"
#include "lib/mail/queue_file.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::cleanup {

namespace {

constexpr Duration kLong{10000};
using Records = std::vector<std::pair<char, std::string>>;

async::Task<Result<service::RewriteReply>> complete(service::RewriteRequest request) {
  if (request.address.find('@') == std::string::npos) request.address += "@example.test";
  co_return service::RewriteReply{std::move(request.address)};
}

async::Task<> feed(Intake* intake, const Records* records, service::CleanupResult* out) {
  for (std::size_t i = 0; i < records->size(); ++i) {
    co_await intake->record((*records)[i].first, (*records)[i].second);
  }
  service::CleanupResult result = co_await intake->finish(deadline_in(kLong));
  *out = std::move(result);
}

}  // namespace

class IntakeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(IntakeTest);
  CPPUNIT_TEST(records_of_an_smtp_message);
  CPPUNIT_TEST(discarded_mail_is_not_named);
  CPPUNIT_TEST(size_record_describes_the_file);
  CPPUNIT_TEST(qmgr_reads_what_was_written);
  CPPUNIT_TEST(local_submission_is_completed);
  CPPUNIT_TEST(need_for_8bit_is_by_the_headers);
  CPPUNIT_TEST(forced_conversion_of_8bit_parts);
  CPPUNIT_TEST(headers_that_end_at_text);
  CPPUNIT_TEST(recipients_behind_the_content);
  CPPUNIT_TEST(duplicate_recipients_are_one);
  CPPUNIT_TEST(delay_warning_is_noted_once);
  CPPUNIT_TEST(long_lines_become_chunks);
  CPPUNIT_TEST(held_and_discarded);
  CPPUNIT_TEST(too_large_is_refused_and_removed);
  CPPUNIT_TEST(own_notices_have_no_limit);
  CPPUNIT_TEST(hop_count);
  CPPUNIT_TEST(broken_clients);
  CPPUNIT_TEST(rewrite_service_that_fails);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    dir_ = std::make_unique<test::TempDir>();
    here_ = std::make_unique<test::InDirectory>(dir_->path());
    log_.emplace();
    main_cf_ = "myhostname = mx.example.test\nmydomain = example.test\n";
    dispatcher_ = {};
    dispatcher_.on<service::RewriteRequest>([](service::RewriteRequest r) { return complete(std::move(r)); });
    service_ = std::make_unique<test::UnixService>(loop_, "rewrite", [this](Fd fd) {
      ipc::CallServerOptions options;
      options.protocol = service::kRewriteProtocol;
      return ipc::serve_calls(loop_, std::move(fd), &dispatcher_, std::move(options));
    });
    flags_ = service::cleanup_flag::kExternal;
  }
  void tearDown() override {
    service_.reset();
    log_.reset();
    here_.reset();
    dir_.reset();
  }

  void records_of_an_smtp_message() {
    const auto result = send(smtp());
    CPPUNIT_ASSERT(result.status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT_EQUAL(
        "C T A:create_time A:log_ident A:rewrite_context A:envelope_id A:ret_flags S "
        "A:log_client_name A:notify_flags A:dsn_orig_rcpt O R A:dsn_orig_rcpt O R M N N N N X E"s,
        layout());
    CPPUNIT_ASSERT(log_->has(id_ + ": message-id=<m@client.test>"));
  }

  // Who counts messages by their ids counts what is delivered.
  void discarded_mail_is_not_named() {
    flags_ |= service::cleanup_flag::kDiscard;
    CPPUNIT_ASSERT(send(smtp()).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT(!log_->has("message-id="));
  }

  void size_record_describes_the_file() {
    const auto result = send(smtp());
    const auto records = read();
    const auto size = *mail::parse_size(records[0].payload);
    for (const auto& r : records) {
      if (r.type == 'M') CPPUNIT_ASSERT_EQUAL(size.data_offset, static_cast<std::int64_t>(r.next));
      if (r.type == 'X')
        CPPUNIT_ASSERT_EQUAL(size.content_size, static_cast<std::int64_t>(r.offset) - size.data_offset);
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, size.recipients);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{24}, size.qmgr_flags);  // failure and delay, shifted
    CPPUNIT_ASSERT_EQUAL(size.content_size, size.logged_size);
    CPPUNIT_ASSERT_EQUAL(result.size, size.logged_size);
  }

  void qmgr_reads_what_was_written() {
    (void)send(smtp());
    const auto fd = files::open("incoming/" + id_, O_RDONLY);
    const auto e = mail::read_envelope(fd->get());
    CPPUNIT_ASSERT(e.has_value());
    CPPUNIT_ASSERT_EQUAL("carol@client.test"s, e->sender);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, e->recipients.size());
    CPPUNIT_ASSERT_EQUAL("rfc822;Bob@dest.test"s, e->recipients[0].dsn_orig_rcpt);
    CPPUNIT_ASSERT_EQUAL(12U, e->recipients[0].notify);
    CPPUNIT_ASSERT_EQUAL("rfc822;dave@dest.test"s, e->recipients[1].dsn_orig_rcpt);
    CPPUNIT_ASSERT_EQUAL("dave@dest.test"s, e->recipients[1].original);
    CPPUNIT_ASSERT(e->create_time > 0 && e->arrival.seconds == 1700000000);
  }

  void local_submission_is_completed() {
    Records records = {{'T', "1700000000 1"},
                       {'A', "rewrite_context=local"},
                       {'F', "Jane Doe"},
                       {'S', "jane"},
                       {'R', "bob"},
                       {'M', ""},
                       {'N', "To: bob, Ann <ann>"},
                       {'N', ""},
                       {'N', "text"},
                       {'X', ""},
                       {'E', ""}};
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT_EQUAL("C T A:create_time A:rewrite_context F S A:dsn_orig_rcpt O R M N N N N N N X E"s, layout());
    CPPUNIT_ASSERT_EQUAL("jane@example.test"s, payload('S'));
    CPPUNIT_ASSERT_EQUAL("bob@example.test"s, payload('R'));
    const std::string text = content();
    CPPUNIT_ASSERT(text.starts_with("To: bob@example.test, Ann <ann@example.test>\nMessage-Id: <"));
    CPPUNIT_ASSERT(text.find("\nDate: ") != std::string::npos);
    CPPUNIT_ASSERT(text.ends_with("\nFrom: Jane Doe <jane@example.test>\n\ntext\n"));
  }

  static Records with_content(const std::vector<std::string>& lines) {
    Records out = smtp();
    const auto content = std::find(out.begin(), out.end(), std::pair<char, std::string>{'M', ""});
    out.erase(content + 1, out.end());
    for (const auto& line : lines) out.emplace_back('N', line);
    out.emplace_back('X', "");
    out.emplace_back('E', "");
    return out;
  }

  void need_for_8bit_is_by_the_headers() {
    const Records declared = with_content({"Content-Transfer-Encoding: 8bit", "", "h\xC3\xA9"});
    CPPUNIT_ASSERT(send(declared).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT(layout().ends_with("X A:encoding E"));
    CPPUNIT_ASSERT(send(with_content({"Subject: x", "", "h\xC3\xA9"})).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT(layout().ends_with("N X E"));
    main_cf_ += "detect_8bit_encoding_header = no\n";
    CPPUNIT_ASSERT(send(declared).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT(layout().ends_with("N X E"));
  }

  void forced_conversion_of_8bit_parts() {
    main_cf_ += "force_mime_input_conversion = yes\n";
    const auto result = send(with_content({"Message-Id: <m@x>", "Content-Transfer-Encoding: 8bit", "", "h\xC3\xA9"}));
    CPPUNIT_ASSERT(result.status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT_EQUAL("Message-Id: <m@x>\nContent-Transfer-Encoding: quoted-printable\n\nh=C3=A9\n"s, content());
    CPPUNIT_ASSERT(layout().ends_with("N X E"));
  }

  void headers_that_end_at_text() {
    const Records records = with_content({"Message-Id: <m@x>", "text"});
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT_EQUAL("Message-Id: <m@x>\n\ntext\n"s, content());
    main_cf_ += "non_empty_end_of_header_action = add_header\n";
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT_EQUAL("Message-Id: <m@x>\nMIME-Error: message header was terminated by a non-empty line\n\ntext\n"s,
                         content());
    main_cf_ += "non_empty_end_of_header_action = reject\n";
    const auto refused = send(records);
    CPPUNIT_ASSERT(refused.status == service::CleanupStatus::content);
    CPPUNIT_ASSERT_EQUAL("5.6.0 message header was terminated by a non-empty line"s, refused.reason);
    CPPUNIT_ASSERT(send(with_content({"Message-Id: <m@x>", "", "text"})).status == service::CleanupStatus::ok);
  }

  void recipients_behind_the_content() {
    Records records = {{'T', "1700000000 1"},
                       {'A', "encoding=8bit"},
                       {'S', ""},
                       {'M', ""},
                       {'N', "From: x@y.test"},
                       {'X', ""},
                       {'R', "bob@dest.test"},
                       {'E', ""}};
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT(layout().ends_with(" X A:encoding A:dsn_orig_rcpt O R E"));
  }

  void duplicate_recipients_are_one() {
    Records records = smtp();
    for (int i = 0; i < 200; ++i) {
      records.insert(records.begin() + 6, {'R', "dave@dest.test"});
      records.insert(records.begin() + 6, {'A', "notify_flags=1"});
    }
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, mail::parse_size(read()[0].payload)->recipients);
  }

  void delay_warning_is_noted_once() {
    main_cf_ += "delay_warning_time = 4h\n";
    CPPUNIT_ASSERT(send(smtp()).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT(layout().find("A:log_client_name W A:notify_flags A:dsn_orig_rcpt O R A:dsn_orig_rcpt O R M") !=
                   std::string::npos);
    CPPUNIT_ASSERT_EQUAL(mail::format_number15(1700000000 + 4 * 3600), payload('W'));
  }

  void long_lines_become_chunks() {
    Records records = smtp();
    records.insert(records.end() - 2, {'L', std::string(3000, 'a')});
    records.insert(records.end() - 2, {'N', std::string(10, 'b')});
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
    for (const auto& r : read()) CPPUNIT_ASSERT(r.payload.size() <= 2048);
    CPPUNIT_ASSERT(content().ends_with("\n" + std::string(3000, 'a') + std::string(10, 'b') + "\n"));
  }

  void held_and_discarded() {
    flags_ |= service::cleanup_flag::kHold;
    CPPUNIT_ASSERT(send(smtp()).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT(!files::exists("incoming/" + id_) && files::exists("hold/" + id_));
    flags_ = service::cleanup_flag::kExternal | service::cleanup_flag::kDiscard;
    CPPUNIT_ASSERT(send(smtp()).status == service::CleanupStatus::ok);
    CPPUNIT_ASSERT(!files::exists("incoming/" + id_) && !files::exists("hold/" + id_));
  }

  void too_large_is_refused_and_removed() {
    main_cf_ += "message_size_limit = 2000\n";
    Records records = smtp();
    for (int i = 0; i < 3; ++i) records.insert(records.end() - 2, {'N', std::string(500, 'a')});
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
    for (int i = 0; i < 30; ++i) records.insert(records.end() - 2, {'N', std::string(500, 'a')});
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::size);
    CPPUNIT_ASSERT(!files::exists("incoming/" + id_));
    CPPUNIT_ASSERT(log_->has(id_ + ": queue file size limit exceeded"));
  }

  void own_notices_have_no_limit() {
    main_cf_ += "message_size_limit = 1000\n";
    flags_ = service::cleanup_flag::kNotice;
    Records records = smtp();
    for (int i = 0; i < 10; ++i) records.insert(records.end() - 2, {'N', std::string(500, 'a')});
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
  }

  void hop_count() {
    main_cf_ += "hopcount_limit = 3\n";
    Records records = smtp();
    const auto content = std::ranges::find(records, 'M', &Records::value_type::first) + 1;
    records.insert(content, 2, {'N', "Received: from x by y"});
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::ok);
    records.insert(std::ranges::find(records, 'M', &Records::value_type::first) + 1, {'N', "Received: from z by x"});
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::hops);
  }

  void broken_clients() {
    const Records good = smtp();
    const auto status_without = [&](char type) {
      Records records = good;
      std::erase_if(records, [type](const auto& r) { return r.first == type; });
      const auto status = send(records).status;
      if (status != service::CleanupStatus::ok) CPPUNIT_ASSERT(!files::exists("incoming/" + id_));
      return status;
    };
    for (const char type : {'T', 'S', 'E', 'X'}) CPPUNIT_ASSERT(status_without(type) == service::CleanupStatus::bad);
    CPPUNIT_ASSERT(status_without('R') == service::CleanupStatus::no_recipients);
    for (const auto& [type, payload] : Records{{'S', "second@x.test"},
                                               {'C', ""},
                                               {'p', "0"},
                                               {'\0', ""},
                                               {'A', "no value"},
                                               {'R', "a\nR b"},
                                               {'R', "a\0b"s}}) {
      Records records = good;
      records.insert(records.begin() + 6, {type, payload});
      CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::bad);
    }
    Records after = good;
    after.emplace_back('R', "late@dest.test");
    CPPUNIT_ASSERT(send(after).status == service::CleanupStatus::bad);
  }

  void rewrite_service_that_fails() {
    service_.reset();
    main_cf_ += "ipc_timeout = 1s\n";
    Records records = smtp();
    records.insert(records.begin() + 6, {'R', "bare"});
    CPPUNIT_ASSERT(send(records).status == service::CleanupStatus::write);
    CPPUNIT_ASSERT(!files::exists("incoming/" + id_));
  }

 private:
  static Records smtp() {
    return {{'T', "1700000000 123456"},
            {'A', "log_ident=X"},
            {'A', "rewrite_context=remote"},
            {'A', "envelope_id=x y"},
            {'A', "ret_flags=2"},
            {'S', "carol@client.test"},
            {'A', "log_client_name=localhost"},
            {'A', "notify_flags=12"},
            {'A', "dsn_orig_rcpt=rfc822;Bob@dest.test"},
            {'R', "bob@dest.test"},
            {'R', "dave@dest.test"},
            {'M', ""},
            {'N', "Subject: x"},
            {'N', "Message-Id: <m@client.test>"},
            {'N', ""},
            {'N', "text"},
            {'X', ""},
            {'E', ""}};
  }
  Params load() const { return *Params::load(*config::Config::from_text(main_cf_)); }
  static mail::QueueLayout layout_of() {
    mail::QueueLayout out;
    out.root = ".";
    return out;
  }

  service::CleanupResult send(const Records& records) {
    const Params params = load();
    const mail::QueueDir queue(layout_of());
    async::ThreadPool disk(loop_, 1, 10);
    service::RewriteClient rewrite(loop_, "rewrite", params.ipc_timeout);
    HeaderPolicy headers;
    headers.myhostname = params.myhostname;
    headers.hop_limit = params.hopcount_limit;
    Shared shared{params, queue, rewrite, disk, headers};
    service::CleanupOpen open;
    open.flags = flags_;
    Intake intake(shared, open);
    const auto opened = intake.open();
    CPPUNIT_ASSERT(opened.has_value());
    id_ = opened->queue_id;
    service::CleanupResult out;
    test::run(loop_, feed(&intake, &records, &out));
    return out;
  }
  std::vector<mail::FileRecord> read() const {
    const auto fd = files::open("incoming/" + id_, O_RDONLY);
    CPPUNIT_ASSERT(fd.has_value());
    mail::QueueFileReader reader(fd->get());
    std::vector<mail::FileRecord> out;
    for (;;) {
      auto record = reader.next();
      CPPUNIT_ASSERT(record.has_value());
      if (!*record) return out;
      out.push_back(std::move(**record));
    }
  }
  std::string layout() const {
    std::string out;
    for (const auto& r : read()) {
      if (!out.empty()) out += ' ';
      out += r.type;
      if (r.type == 'A') out += ":" + r.payload.substr(0, r.payload.find('='));
    }
    return out;
  }
  std::string payload(char type) const {
    for (const auto& r : read()) {
      if (r.type == type) return r.payload;
    }
    return "none";
  }
  std::string content() const {
    std::string out;
    for (const auto& r : read()) {
      if (r.segment == mail::Segment::content && (r.type == 'N' || r.type == 'L')) out += r.payload;
      if (r.segment == mail::Segment::content && r.type == 'N') out += '\n';
    }
    return out;
  }

  async::Loop loop_;
  std::unique_ptr<test::TempDir> dir_;
  std::unique_ptr<test::InDirectory> here_;
  std::optional<test::LogLines> log_;
  ipc::Dispatcher dispatcher_;
  std::unique_ptr<test::UnixService> service_;
  std::string main_cf_;
  std::string id_;
  std::int64_t flags_ = 0;
};

CPPUNIT_TEST_SUITE_REGISTRATION(IntakeTest);

}  // namespace postern::cleanup
