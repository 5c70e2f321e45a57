// SPDX-License-Identifier: Apache-2.0
// One message over one session with a server that answers from a script, on a real socket.
#include "smtp/transaction.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/files.h"
#include "lib/config/config.h"
#include "lib/mail/queue_file.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::smtp_client {

namespace {

constexpr Duration kLong{10000};

// Commands by their beginning; the first that fits answers. An empty reply closes the connection.
struct Script {
  std::vector<std::pair<std::string, std::string>> replies;
  std::vector<std::string> commands;
  std::string content;
  [[nodiscard]] std::string answer(const std::string& command) const {
    for (const auto& [begin, reply] : replies) {
      if (command.starts_with(begin)) return reply;
    }
    return "250 2.0.0 ok";
  }
};

async::Task<bool> read_line(async::Stream* stream, std::string* line) {
  for (;;) {
    const std::string_view in = stream->input();
    const auto end = in.find("\r\n");
    if (end != std::string_view::npos) {
      *line = in.substr(0, end);
      stream->consume(end + 2);
      co_return true;
    }
    const async::Io io = co_await stream->fill(deadline_in(kLong));
    if (io != async::Io::ok) co_return false;
  }
}

async::Task<> play(async::Loop* loop, Script* script, Fd fd) {
  async::Stream stream(*loop, std::move(fd));
  stream.put("220 mx.dest.test ESMTP\r\n");
  bool content = false;
  std::string line;
  for (;;) {
    const async::Io io = co_await stream.flush(deadline_in(kLong));
    if (io != async::Io::ok) co_return;
    const bool read = co_await read_line(&stream, &line);
    if (!read) co_return;
    if (content && line != ".") {
      script->content += line + "\n";
      continue;
    }
    script->commands.push_back(line);
    const std::string reply = script->answer(line);
    if (reply.empty()) co_return;
    content = line == "DATA" && reply.starts_with("354");
    stream.put(reply + "\r\n");
  }
}

struct Attempt {
  std::vector<std::string> open;  // text of the reason, "" for recipients that are settled
  bool lost = false;
};

async::Task<> attempt(async::Loop* loop, const Params* params, Target target, service::Delivery* delivery,
                      Attempt* out) {
  Session session(*loop, *params, std::move(target), Dialect::smtp, log::Session());
  const Result<> connected = co_await session.connect();
  if (!connected) co_return;
  const std::optional<OpenFailure> failed = co_await session.open({});
  if (failed) co_return;
  Transaction transaction(session, *delivery, *params, log::Session());
  co_await transaction.run();
  co_await session.quit();
  for (const auto& reason : transaction.open_reasons()) out->open.push_back(reason ? reason->text : "");
  out->lost = transaction.lost().has_value();
}

struct Reports {
  std::vector<std::string> lines;
};

async::Task<Result<service::BounceReply>> note(Reports* reports, service::BounceAppend request) {
  reports->lines.push_back(request.status.s.recipient + " " + request.status.s.status + " " +
                           request.status.s.diag_text);
  co_return service::BounceReply{true};
}

}  // namespace

class TransactionTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TransactionTest);
  CPPUNIT_TEST(plain_delivery);
  CPPUNIT_TEST(parameters_the_server_knows);
  CPPUNIT_TEST(some_recipients_refused);
  CPPUNIT_TEST(all_recipients_refused);
  CPPUNIT_TEST(all_recipients_refused_in_a_pipeline);
  CPPUNIT_TEST(sender_refused_now_or_for_good);
  CPPUNIT_TEST(content_refused);
  CPPUNIT_TEST(connection_lost_keeps_what_was_said);
  CPPUNIT_TEST(connection_lost_after_the_dot_is_no_delivery);
  CPPUNIT_TEST(too_large_for_the_server);
  CPPUNIT_TEST(addresses_cannot_carry_commands);
  CPPUNIT_TEST(smtputf8_needs_the_server);
  CPPUNIT_TEST(damaged_file_is_never_half_sent);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    dir_ = std::make_unique<test::TempDir>();
    log_.emplace();
    params_ = *Params::load(*config::Config::from_text("myhostname = me.example.test\n"), false);
    script_ = {};
    script_.replies = {{"EHLO", "250 mx.dest.test"}, {"DATA", "354 go"}, {".", "250 2.0.0 taken"}};
    server_ = std::make_unique<test::UnixService>(loop_, *dir_ / "server",
                                                  [this](Fd fd) { return play(&loop_, &script_, std::move(fd)); });
    reports_ = {};
    dispatcher_ = {};
    dispatcher_.on<service::BounceAppend>([this](service::BounceAppend r) { return note(&reports_, std::move(r)); });
    bounce_ = std::make_unique<test::UnixService>(loop_, *dir_ / "bounce", [this](Fd fd) {
      return ipc::serve_calls(loop_, std::move(fd), &dispatcher_,
                              {.protocol = std::string(service::kBounceProtocol), .retiring = {}});
    });
    reporter_ = std::make_unique<service::Reporter>(
        loop_, service::ReporterNames{*dir_ / "bounce", *dir_ / "bounce", *dir_ / "bounce"}, kLong);
    request_ = {};
    request_.queue_id = "ID1";
    request_.sender = "carol@example.test";
    request_.flags = service::delivery_flag::kDeleteDone;
    write_message({"Subject: x", "", ".dot", "end"});
  }
  void tearDown() override {
    reporter_.reset();
    bounce_.reset();
    server_.reset();
    log_.reset();
    dir_.reset();
  }

  void plain_delivery() {
    run();
    expect_commands(
        "EHLO me.example.test|MAIL FROM:<carol@example.test>|RCPT TO:<a@dest.test>|RCPT TO:<b@dest.test>|"
        "DATA|.|QUIT");
    CPPUNIT_ASSERT_EQUAL("Subject: x\n\n..dot\nend\n"s, script_.content);
    CPPUNIT_ASSERT_EQUAL("DD"s, marks());
    CPPUNIT_ASSERT(log_->has("to=<a@dest.test>") && log_->has("dsn=2.0.0, status=sent (250 2.0.0 taken)"));
    CPPUNIT_ASSERT(reports_.lines.empty());
  }

  void parameters_the_server_knows() {
    script_.replies[0].second = "250-mx.dest.test\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 DSN";
    request_.encoding = "8bit";
    request_.envelope_id = "x+y";
    request_.ret_flags = mail::ret::kHeaders;
    request_.data_size = 1234;
    request_.recipients[0].notify = mail::notify::kFailure | mail::notify::kDelay;
    request_.recipients[0].dsn_orig_rcpt = "rfc822;o@orig.test";
    run();
    CPPUNIT_ASSERT_EQUAL("MAIL FROM:<carol@example.test> SIZE=1234 BODY=8BITMIME ENVID=x+2By RET=HDRS"s,
                         script_.commands[1]);
    CPPUNIT_ASSERT_EQUAL("RCPT TO:<a@dest.test> ORCPT=rfc822;o@orig.test NOTIFY=FAILURE,DELAY"s, script_.commands[2]);
    CPPUNIT_ASSERT_EQUAL("RCPT TO:<b@dest.test>"s, script_.commands[3]);
    CPPUNIT_ASSERT_EQUAL("DD"s, marks());
  }

  void some_recipients_refused() {
    script_.replies.emplace_back("RCPT TO:<a@", "550 5.1.1 who");
    run();
    CPPUNIT_ASSERT_EQUAL("DD"s, marks());
    CPPUNIT_ASSERT((reports_.lines == std::vector<std::string>{"a@dest.test 5.1.1 550 5.1.1 who"}));
    CPPUNIT_ASSERT(log_->has("status=bounced (host mx[" + *dir_ / "server" +
                             "] said: 550 5.1.1 who (in reply to RCPT TO command))"));
    CPPUNIT_ASSERT(!script_.content.empty());
  }

  void all_recipients_refused() {
    script_.replies.emplace_back("RCPT TO:<a@", "550 5.1.1 who");
    script_.replies.emplace_back("RCPT TO:<b@", "450 4.2.0 later");
    run();
    CPPUNIT_ASSERT_EQUAL("RSET QUIT"s, script_.commands[4] + " " + script_.commands[5]);
    CPPUNIT_ASSERT_EQUAL("DR"s, marks());
    CPPUNIT_ASSERT(result_.open[0].empty());
    CPPUNIT_ASSERT(result_.open[1].find("said: 450 4.2.0 later (in reply to RCPT TO command)") != std::string::npos);
    CPPUNIT_ASSERT(!result_.lost);
  }

  void all_recipients_refused_in_a_pipeline() {
    script_.replies[0].second = "250-mx.dest.test\r\n250 PIPELINING";
    script_.replies.emplace_back("RCPT", "450 4.2.0 later");
    run();  // a server that says 354 all the same gets an empty message for nobody
    CPPUNIT_ASSERT_EQUAL("DATA . QUIT"s, script_.commands[4] + " " + script_.commands[5] + " " + script_.commands[6]);
    CPPUNIT_ASSERT_EQUAL(""s, script_.content);
    CPPUNIT_ASSERT_EQUAL("RR"s, marks());
  }

  void sender_refused_now_or_for_good() {
    script_.replies.emplace_back("MAIL", "450 4.7.1 later");
    run();
    expect_commands("EHLO me.example.test|MAIL FROM:<carol@example.test>|RSET|QUIT");
    CPPUNIT_ASSERT_EQUAL("RR"s, marks());
    CPPUNIT_ASSERT(result_.open[1].find("450 4.7.1 later (in reply to MAIL FROM command)") != std::string::npos);
    script_.replies.back().second = "553 5.1.8 never";
    run();
    CPPUNIT_ASSERT_EQUAL("DD"s, marks());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, reports_.lines.size());
  }

  void content_refused() {
    script_.replies[2].second = "451 4.3.0 disk";
    run();
    CPPUNIT_ASSERT_EQUAL("RR"s, marks());
    CPPUNIT_ASSERT(result_.open[0].find("451 4.3.0 disk (in reply to end of DATA command)") != std::string::npos);
    script_.replies[2].second = "554 5.7.1 spam";
    run();
    CPPUNIT_ASSERT_EQUAL("DD"s, marks());
    CPPUNIT_ASSERT_EQUAL("b@dest.test 5.7.1 554 5.7.1 spam"s, reports_.lines[1]);
  }

  void connection_lost_keeps_what_was_said() {
    script_.replies.emplace_back("RCPT TO:<a@", "550 5.1.1 who");
    script_.replies.emplace_back("RCPT TO:<b@", "");
    run();
    CPPUNIT_ASSERT_EQUAL("DR"s, marks());  // the refusal counts, the other one is tried again
    CPPUNIT_ASSERT(result_.lost);
    CPPUNIT_ASSERT(result_.open[1].starts_with("lost connection with mx["));
    CPPUNIT_ASSERT(result_.open[1].ends_with("] while sending RCPT TO"));
  }

  void connection_lost_after_the_dot_is_no_delivery() {
    script_.replies[2].second = "";
    run();
    CPPUNIT_ASSERT_EQUAL("RR"s, marks());
    CPPUNIT_ASSERT(result_.open[0].ends_with("while sending end of data -- message may be sent more than once"));
  }

  void too_large_for_the_server() {
    script_.replies[0].second = "250-mx.dest.test\r\n250 SIZE 1000";
    request_.data_size = 1001;
    run();
    expect_commands("EHLO me.example.test");
    CPPUNIT_ASSERT_EQUAL("DD"s, marks());
    CPPUNIT_ASSERT(log_->has("dsn=5.3.4, status=bounced (message size 1001 exceeds size limit 1000 of server mx["));
  }

  void addresses_cannot_carry_commands() {
    request_.recipients[0].address = "a\r\nRCPT TO:<victim@dest.test>\r\n@dest.test";
    run();
    expect_commands("EHLO me.example.test|MAIL FROM:<carol@example.test>|RCPT TO:<b@dest.test>|DATA|.|QUIT");
    CPPUNIT_ASSERT_EQUAL("DD"s, marks());
    CPPUNIT_ASSERT(reports_.lines[0].find(" 5.1.3 ") != std::string::npos);
  }

  void smtputf8_needs_the_server() {
    request_.send_options = mail::send_option::kSmtpUtf8Requested | mail::send_option::kSmtpUtf8Header;
    run();
    expect_commands("EHLO me.example.test|QUIT");
    CPPUNIT_ASSERT(log_->has("dsn=5.6.7, status=bounced (SMTPUTF8 is required, but was not offered by host mx["));
    script_.replies[0].second = "250-mx.dest.test\r\n250 SMTPUTF8";
    write_message({"text"});
    run();
    CPPUNIT_ASSERT_EQUAL("MAIL FROM:<carol@example.test> SMTPUTF8"s, script_.commands[1]);
  }

  void damaged_file_is_never_half_sent() {
    write_message({"Subject: x", "", "text"}, "\x01\x02 no record");
    run();
    CPPUNIT_ASSERT_EQUAL("DATA"s, script_.commands.back());  // neither the dot nor QUIT
    CPPUNIT_ASSERT_EQUAL("RR"s, marks());
    CPPUNIT_ASSERT_EQUAL("unreadable mail queue entry"s, result_.open[0]);
  }

 private:
  void write_message(const std::vector<std::string>& lines, const std::string& rest = mail::encode_record('X', "")) {
    CPPUNIT_ASSERT(files::make_directory(*dir_ / "active", 0700).has_value());
    std::string file;
    request_.recipients.clear();
    for (const char* name : {"a@dest.test", "b@dest.test"}) {
      service::RequestRecipient r;
      r.address = name;
      mail::append_record(file, 'O', name);
      r.offset = static_cast<std::int64_t>(file.size());
      mail::append_record(file, 'R', name);
      request_.recipients.push_back(r);
    }
    mail::append_record(file, 'M', "");
    request_.data_offset = static_cast<std::int64_t>(file.size());
    for (const auto& line : lines) mail::append_record(file, 'N', line);
    CPPUNIT_ASSERT(files::write_atomic(*dir_ / "active/ID1", file + rest, 0700).has_value());
  }
  void run() {
    script_.commands.clear();
    script_.content.clear();
    result_ = {};
    Target target;
    target.host = "mx";
    target.address = *dir_ / "server";
    service::Delivery delivery(request_, *reporter_, {});
    CPPUNIT_ASSERT(delivery.open(dir_->path()).has_value());
    test::run(loop_, attempt(&loop_, &params_, target, &delivery, &result_));
    CPPUNIT_ASSERT_EQUAL(delivery.size(), result_.open.size());
    // Nobody is forgotten: settled, or open with a reason.
    for (std::size_t i = 0; i < delivery.size(); ++i) CPPUNIT_ASSERT(delivery.settled(i) || !result_.open[i].empty());
    (void)test::turn_until(
        loop_, [this] { return !script_.commands.empty() && script_.commands.back() == "QUIT"; }, Duration(200));
  }
  void expect_commands(const std::string& wanted) { CPPUNIT_ASSERT_EQUAL(wanted, text::join(script_.commands, "|")); }
  std::string marks() {
    const std::string bytes = *files::read(*dir_ / "active/ID1");
    std::string out;
    for (const auto& r : request_.recipients) out += bytes[static_cast<std::size_t>(r.offset)];
    return out;
  }

  std::unique_ptr<test::TempDir> dir_;
  std::optional<test::LogLines> log_;
  async::Loop loop_;
  Params params_;
  Script script_;
  std::unique_ptr<test::UnixService> server_;
  Reports reports_;
  ipc::Dispatcher dispatcher_;
  std::unique_ptr<test::UnixService> bounce_;
  std::unique_ptr<service::Reporter> reporter_;
  service::DeliveryRequest request_;
  Attempt result_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(TransactionTest);

}  // namespace postern::smtp_client
