// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <utility>

#include "lib/base/text.h"
#include "lib/mail/queue_file.h"

namespace postern::mail {

namespace {

std::unexpected<Error> damaged(std::string text) { return fail(std::move(text), EBADMSG); }

std::int64_t number(std::string_view text) { return text::to_i64(text).value_or(0); }

// "sec usec", or seconds only in files of old programs.
std::optional<WallTime> parse_arrival(std::string_view payload) {
  const auto words = text::words(payload, " ");
  if (words.empty()) return std::nullopt;
  const auto seconds = text::to_i64(words[0]);
  if (!seconds) return std::nullopt;
  return WallTime{.seconds = *seconds, .micros = words.size() > 1 ? number(words[1]) : 0};
}

// Fills an Envelope, record by record.
class Collector {
 public:
  Collector(Envelope& envelope, std::size_t limit) : out_(envelope), limit_(limit) {}

  Result<> record(const FileRecord& found) {
    switch (found.type) {
      case record::kRecipient: recipient(found); break;
      case record::kDone:
      case record::kCancelled: group_ = {}; break;
      case record::kOriginal: original(found); break;
      case record::kSize: return size(found);
      case record::kTime: return time(found);
      case record::kSender: return sender(found);
      case record::kAttribute: return attribute(found);
      case record::kFullName: out_.full_name = found.payload; break;
      case record::kFilter: out_.filter = found.payload; break;
      case record::kRedirect: out_.redirect = found.payload; break;
      case record::kInspect: out_.inspect = found.payload; break;
      case record::kVerp: out_.verp = found.payload; break;
      case record::kWarn:
        out_.warn_time = number(text::trim_left(found.payload, " "));
        out_.warn_offset = static_cast<std::int64_t>(found.offset);
        break;
      case record::kEnd: out_.complete = true; break;
      default: break;
    }
    return {};
  }

  // Only what belongs to recipients, for a file whose envelope is known.
  void recipient_record(const FileRecord& found) {
    if (found.type == record::kAttribute) {
      if (const auto pair = parse_attribute(found.payload)) recipient_attribute(*pair, found);
    } else if (found.type == record::kOriginal) {
      original(found);
    } else if (found.type == record::kDone || found.type == record::kCancelled) {
      group_ = {};
    } else if (found.type == record::kRecipient) {
      recipient(found);
    }
  }

  [[nodiscard]] std::size_t taken() const { return taken_; }
  [[nodiscard]] bool full() const { return taken_ >= limit_; }

  Result<> check() const {
    if (!have_time_) return damaged("missing arrival time record");
    if (!have_sender_) return damaged("missing sender record");
    return {};
  }

 private:
  // The first record of a recipient's group says where the group begins.
  void begin_group(const FileRecord& found) {
    if (group_.start != 0) return;
    group_.start = found.offset;
    group_.segment = found.segment;
  }

  void original(const FileRecord& found) {
    begin_group(found);
    group_.original = found.payload;
  }

  void recipient(const FileRecord& found) {
    begin_group(found);
    QueueRecipient done = std::exchange(group_, {});
    if (full()) {
      ++out_.recipients_left;
      return;
    }
    done.address = found.payload;
    done.offset = static_cast<std::int64_t>(found.offset);
    out_.recipients.push_back(std::move(done));
    out_.resume_offset = found.next;
    out_.resume_segment = found.segment;
    ++taken_;
  }

  Result<> size(const FileRecord& found) {
    const auto parsed = parse_size(found.payload);
    if (!parsed) return damaged("bad size record");
    out_.size = *parsed;
    return {};
  }

  Result<> time(const FileRecord& found) {
    if (have_time_) return {};
    const auto parsed = parse_arrival(found.payload);
    if (!parsed) return damaged("bad arrival time record");
    out_.arrival = *parsed;
    have_time_ = true;
    return {};
  }

  Result<> sender(const FileRecord& found) {
    if (have_sender_) return damaged("multiple sender records");
    out_.sender = found.payload;
    have_sender_ = true;
    return {};
  }

  bool recipient_attribute(const Attribute& pair, const FileRecord& found) {
    if (pair.name == "notify_flags") {
      begin_group(found);
      group_.notify = static_cast<unsigned>(number(pair.value));
    } else if (pair.name == "dsn_orig_rcpt") {
      begin_group(found);
      group_.dsn_orig_rcpt = pair.value;
    } else {
      return false;
    }
    return true;
  }

  Result<> attribute(const FileRecord& found) {
    const auto pair = parse_attribute(found.payload);
    if (!pair) return damaged("malformed attribute record");
    if (recipient_attribute(*pair, found)) return {};
    if (pair->name == "create_time") {
      out_.create_time = number(pair->value);
    } else if (pair->name == "encoding") {
      out_.encoding = pair->value;
    } else if (pair->name == "envelope_id") {
      out_.envelope_id = pair->value;
    } else if (pair->name == "ret_flags") {
      out_.ret_flags = static_cast<unsigned>(number(pair->value));
    } else if (pair->name == "trace_flags") {
      out_.trace_flags = number(pair->value);
      out_.trace_offset = static_cast<std::int64_t>(found.offset);
    }
    out_.attributes.insert_or_assign(std::string(pair->name), std::string(pair->value));
    return {};
  }

  Envelope& out_;
  std::size_t limit_;
  std::size_t taken_ = 0;
  QueueRecipient group_;  // what stands before the next R
  bool have_time_ = false;
  bool have_sender_ = false;
};

// From behind M to X, without reading the content where the size record says where X is.
void skip_content(QueueFileReader& reader, const SizeRecord& size) {
  if (size.content_size > 0 && static_cast<std::uint64_t>(size.data_offset) == reader.offset() &&
      size.content_size <= INT64_MAX - size.data_offset) {
    reader.seek(static_cast<std::uint64_t>(size.data_offset + size.content_size), Segment::content);
  }
}

}  // namespace

std::string_view Envelope::attribute(std::string_view name) const {
  const auto found = attributes.find(name);
  return found == attributes.end() ? std::string_view{} : std::string_view(found->second);
}

std::int64_t Envelope::logged_size() const { return size.logged_size != 0 ? size.logged_size : size.content_size; }

Result<Envelope> read_envelope(int fd, std::size_t max_recipients) {
  Envelope out;
  out.resume_segment = Segment::envelope;
  QueueFileReader reader(fd);
  Collector collector(out, max_recipients);
  for (;;) {
    const auto found = reader.next();
    if (!found) return std::unexpected(found.error());
    if (!*found) break;
    if ((*found)->segment == Segment::content) continue;
    if (const auto taken = collector.record(**found); !taken) return std::unexpected(taken.error());
    if ((*found)->type == record::kContent) skip_content(reader, out.size);
  }
  if (const auto checked = collector.check(); !checked) return std::unexpected(checked.error());
  if (out.create_time == 0) out.create_time = out.arrival.seconds;
  if (out.recipients_left == 0) out.resume_segment = Segment::end;
  return out;
}

Result<bool> read_more_recipients(int fd, Envelope& envelope, std::size_t max) {
  if (envelope.recipients_left == 0) return false;
  QueueFileReader reader(fd, envelope.resume_offset, envelope.resume_segment);
  Collector collector(envelope, max);
  const auto left = envelope.recipients_left;
  while (!collector.full() && collector.taken() < left) {
    const auto found = reader.next();
    if (!found) return std::unexpected(found.error());
    if (!*found) {
      envelope.recipients_left = 0;  // others were marked done meanwhile
      return collector.taken() > 0;
    }
    if ((*found)->segment != Segment::content) collector.recipient_record(**found);
    if ((*found)->type == record::kContent && (*found)->segment == Segment::envelope) {
      skip_content(reader, envelope.size);
    }
  }
  envelope.recipients_left = left - collector.taken();
  return collector.taken() > 0;
}

void unread_recipients(Envelope& envelope, std::size_t from) {
  if (from >= envelope.recipients.size()) return;
  envelope.resume_offset = envelope.recipients[from].start;
  envelope.resume_segment = envelope.recipients[from].segment;
  envelope.recipients_left += envelope.recipients.size() - from;
  envelope.recipients.resize(from);
}

}  // namespace postern::mail
