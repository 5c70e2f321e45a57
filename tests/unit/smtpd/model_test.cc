// SPDX-License-Identifier: Apache-2.0
// Random sessions against a reference state machine: each command gets the one reply that the model predicts, and what
// the model says was accepted is what cleanup got, however the bytes were split.
#include <cppunit/extensions/HelperMacros.h>
#include <malloc.h>

#include <array>
#include <random>

#include "tests/unit/smtpd/house.h"

namespace postern::smtpd {

namespace {

constexpr int kSequences = 100000;
constexpr int kSequencesOfSession = 20;
constexpr int kMaxCommands = 8;
constexpr std::size_t kGrowthLimit = 4UL << 20;

struct Expected {
  std::size_t recipients = 0;
  std::vector<std::string> lines;
  bool operator==(const Expected&) const = default;
};

// What a server does, by the book. Replies are codes; one session.
class Model {
 public:
  explicit Model(std::uint32_t seed, bool refuses) : random_(seed), refuses_(refuses) {}

  std::string bytes;
  std::vector<int> replies{220};
  std::vector<Expected> messages;

  void step() {
    switch (pick(16)) {
      case 0: return greet("EHLO x.test", 250);
      case 1: return greet("HELO x.test", 250);
      case 2: return say("HELO", 501);
      case 3:
      case 4: return mail();
      case 5:
      case 6:
      case 7: return rcpt();
      case 8:
      case 9: return data();
      case 10:
      case 11:
      case 12: return bdat();
      case 13: return rset();
      case 14: return pick(2) == 0 ? say("NOOP", 250) : say("VRFY alice@example.test", 252);
      default: return odd();
    }
  }
  void rset() {
    say("RSET", 250);
    end();
  }
  void quit() { say("QUIT", 221); }

 private:
  std::uint32_t pick(std::uint32_t n) { return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(random_); }
  void say(const std::string& line, int code) {
    bytes += line + "\r\n";
    replies.push_back(code);
  }
  void greet(const std::string& line, int code) {
    say(line, code);
    end();
  }
  void end() {
    mail_ = after_bdat_ = failed_ = false;
    pending_ = {};
  }
  // STARTTLS is not offered, AUTH is not enabled, XCLIENT is nobody's.
  void odd() {
    switch (pick(5)) {
      case 0: return say("FROBNICATE now", 500);
      case 1: return say("STARTTLS", 502);
      case 2: return say("AUTH PLAIN AGEAYg==", 503);
      case 3: return say("XCLIENT NAME=x", mail_ ? 503 : 550);
      default: return say("RSET now", 501);
    }
  }
  void mail() {
    const bool bad = pick(5) == 0;
    const int code = mail_ || after_bdat_ ? 503 : bad ? 501 : 250;
    say(bad ? "MAIL a@b.test" : "MAIL FROM:<a@b.test>", code);
    if (code == 250) mail_ = true;
  }
  void rcpt() {
    const std::uint32_t kind = pick(4);
    static constexpr std::array<const char*, 4> kWho = {"alice@example.test", "u1@virt.test", "u@dest.test",
                                                        "nobody@example.test"};
    const int code = !mail_ || after_bdat_ ? 503 : kind == 3 ? 550 : 250;
    say(std::string("RCPT TO:<") + kWho.at(kind) + ">", code);
    if (code == 250) ++pending_.recipients;
  }
  std::string random_line() {
    static constexpr std::array<const char*, 8> kLines = {".",    "..",         "",     "QUIT",
                                                          "RSET", "Subject: x", ".dot", "MAIL FROM:<evil@b.test>"};
    const std::uint32_t kind = pick(9);
    return kind < 8 ? kLines.at(kind) : std::string(pick(300), 'y');
  }
  void deliver() {
    replies.push_back(refuses_ ? 550 : 250);
    if (!refuses_) messages.push_back(pending_);
    end();
  }
  void data() {
    if (after_bdat_ || !mail_) return say("DATA", 503);
    if (pending_.recipients == 0) return say("DATA", 554);
    say("DATA", 354);
    for (std::uint32_t n = pick(6); n > 0; --n) {
      const std::string line = random_line();
      bytes += (line.starts_with(".") ? "." : "") + line + "\r\n";
      pending_.lines.push_back(line);
    }
    bytes += ".\r\n";
    deliver();
  }
  void bdat() {
    const bool last = pick(2) == 0;
    std::vector<std::string> lines;
    std::string chunk;
    for (std::uint32_t n = pick(4); n > 0; --n) {
      lines.push_back(random_line());
      chunk += lines.back() + "\r\n";
    }
    bytes += "BDAT " + std::to_string(chunk.size()) + (last ? " LAST" : "") + "\r\n" + chunk;
    int refusal = 0;
    if (failed_) {
      refusal = 551;
    } else if (chunk.empty() && !last) {
      refusal = 551;
    } else if (!mail_) {
      refusal = 503;
    } else if (pending_.recipients == 0) {
      refusal = 554;
    }
    if (refusal != 0) {
      replies.push_back(refusal);
      end();
      after_bdat_ = failed_ = !last;
      return;
    }
    after_bdat_ = true;
    pending_.lines.insert(pending_.lines.end(), lines.begin(), lines.end());
    if (last) return deliver();
    replies.push_back(250);
  }

  std::mt19937 random_;
  bool refuses_;
  bool mail_ = false;
  bool after_bdat_ = false;
  bool failed_ = false;
  Expected pending_;
};

std::vector<int> codes(const std::string& heard) {
  std::vector<int> out;
  for (const auto line : text::words(heard, "\r\n")) {
    if (line.size() < 4 || line[3] != '-') out.push_back(static_cast<int>(text::to_u64(line.substr(0, 3)).value_or(0)));
  }
  return out;
}

// Recipients, and the content without our Received: header.
Expected stored(const StoredMessage& message) {
  Expected out;
  bool content = false;
  bool header = true;
  for (const auto& record : message.records) {
    const std::string payload = record.substr(1);
    if (!content && record.front() == 'R') ++out.recipients;
    if (record.front() == 'M') content = true;
    if (!content || record.front() != 'N') continue;
    header = header && (payload.starts_with("Received: from ") || payload.starts_with("\t"));
    if (!header) out.lines.push_back(payload);
  }
  return out;
}

std::vector<std::string> split(const std::string& bytes, std::mt19937& random) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t count = 1 + random() % 400;
    out.push_back(bytes.substr(at, count));
    at += count;
  }
  return out;
}

}  // namespace

class ModelTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ModelTest);
  CPPUNIT_TEST(random_sequences);
  CPPUNIT_TEST_SUITE_END();

 public:
  void random_sequences() {
    House house(
        "smtpd_hard_error_limit = 100000\nsmtpd_soft_error_limit = 100000\nsmtpd_junk_command_limit = 100000\n"
        "smtpd_forbid_unauth_pipelining = no\n");
    std::mt19937 random(1);
    std::size_t settled = 0;
    const int sessions = kSequences / kSequencesOfSession;
    for (int i = 0; i < sessions; ++i) {
      const std::uint32_t seed = random();
      const bool refuses = i % 3 == 0;
      house.verdict = {};
      if (refuses) house.verdict.status = service::CleanupStatus::content;
      session(house, seed, refuses, random);
      if (i == sessions / 2) settled = ::mallinfo2().uordblks;
    }
    const std::size_t now = ::mallinfo2().uordblks;
    CPPUNIT_ASSERT_MESSAGE("memory grows with sessions", now < settled + kGrowthLimit);
  }

 private:
  static void session(House& house, std::uint32_t seed, bool refuses, std::mt19937& random) {
    Model model(seed, refuses);
    for (int sequence = 0; sequence < kSequencesOfSession; ++sequence) {
      for (auto commands = 1 + random() % kMaxCommands; commands > 0; --commands) model.step();
      model.rset();
    }
    model.quit();
    house.messages.clear();
    house.log.clear();
    const std::string heard = house.pour(split(model.bytes, random));
    const std::string tag = "seed " + std::to_string(seed) + "\n" + model.bytes + "\n" + heard;
    CPPUNIT_ASSERT_MESSAGE(tag, model.replies == codes(heard));
    std::vector<Expected> accepted;
    for (const auto& message : house.messages) {
      if (message->ended && !refuses) accepted.push_back(stored(*message));
    }
    CPPUNIT_ASSERT_MESSAGE(tag, model.messages == accepted);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ModelTest);

}  // namespace postern::smtpd
