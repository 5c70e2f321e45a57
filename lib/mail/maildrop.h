// SPDX-License-Identifier: Apache-2.0
// The rules for mail from local users: what postdrop takes from a user, and what pickup makes of a maildrop file.
//
// Both are state machines over records (lib/mail/record.h), without I/O. DropInput judges what comes from a user's
// process, record by record, and says what to store. DropOutput turns the records of a stored file into those that
// cleanup gets; for a file that postsuper put back (`requeued`) these are the records of a queue file: what was
// delivered is left out, and what cleanup will make anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/record.h"

namespace postern::mail {

class DropInput {
 public:
  enum class Verdict { store, skip, malformed };
  struct Judgement {
    Verdict verdict = Verdict::store;
    std::string text;  // skip: a warning; malformed: what is wrong
  };
  [[nodiscard]] Judgement judge(char type, std::string_view payload);
  [[nodiscard]] bool ended() const { return segment_ == 3; }
  // A sender and at least one recipient were there.
  [[nodiscard]] bool deliverable() const { return sender_ && recipient_; }

 private:
  Judgement judge_attribute(std::string_view payload) const;
  int segment_ = 0;  // envelope, content, extracted, end
  bool sender_ = false;
  bool recipient_ = false;
};

// May a local user set this attribute to this value?
[[nodiscard]] bool drop_attribute_allowed(std::string_view name, std::string_view value);

class DropOutput {
 public:
  struct Options {
    bool requeued = false;
    std::string content_filter;         // transport:nexthop, or empty
    std::size_t line_limit = 2048;      // longest record of a local submission
    std::vector<std::string> received;  // header lines in front of the content
  };
  explicit DropOutput(Options options) : options_(std::move(options)) {}

  struct Item {
    char type = 0;
    std::string payload;
  };
  // What to send to cleanup for one record of the file, in order. Error: the file is damaged or not as postdrop made
  // it.
  [[nodiscard]] Result<std::vector<Item>> convert(char type, std::string_view payload);
  // Known when the sender record has been converted.
  [[nodiscard]] const std::optional<std::string>& sender() const { return sender_; }
  // Wall-clock seconds of the arrival record; 0 before it.
  [[nodiscard]] std::int64_t arrival() const { return arrival_; }
  [[nodiscard]] std::uint64_t recipients() const { return recipients_; }
  [[nodiscard]] bool ended() const { return segment_ == Segment::end; }

 private:
  enum class Segment { envelope, content, extracted, end };
  Result<> check(char type, std::string_view payload) const;
  void envelope(char type, std::string_view payload, std::vector<Item>& out);
  void content(char type, std::string_view payload, std::vector<Item>& out);
  void extracted(char type, std::string_view payload, std::vector<Item>& out);
  void attribute(std::string_view payload, std::vector<Item>& out);
  void recipient(std::string_view address, std::vector<Item>& out);

  Options options_;
  Segment segment_ = Segment::envelope;
  std::optional<std::string> sender_;
  std::int64_t arrival_ = 0;
  std::uint64_t recipients_ = 0;
  bool filter_sent_ = false;
  bool content_begun_ = false;
  std::vector<Item> for_recipient_;  // O, notify_flags, dsn_orig_rcpt: they belong to the next recipient
};

}  // namespace postern::mail
