// SPDX-License-Identifier: Apache-2.0
#include "commands/postcat/queue_text.h"

#include <fmt/core.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/mail/header.h"
#include "lib/mail/record.h"

namespace postern::postcat {

namespace {

constexpr unsigned kJumpsMax = 10000;
constexpr unsigned kLengthBytesMax = 5;

// A time in decimal, as date; the text itself when it is none.
std::string date(std::string_view number) {
  const auto word = text::trim(number);
  const auto seconds = text::to_i64(word.substr(0, word.find(' ')));
  return seconds ? ctime_stamp(*seconds) : std::string(number);
}

}  // namespace

std::string_view record_name(char type) {
  using namespace mail::record;
  switch (type) {
    case kSize: return "message_size";
    case kTime: return "message_arrival_time";
    case kCreateTime: return "create_time";
    case kFullName: return "sender_fullname";
    case kInspect: return "content_inspector";
    case kFilter: return "content_filter";
    case kSender: return "sender";
    case kDone: return "done_recipient";
    case kRecipient: return "recipient";
    case kOriginal: return "original_recipient";
    case kCancelled: return "canceled_recipient";
    case kWarn: return "warning_message_time";
    case kAttribute: return "named_attribute";
    case kKilled: return "killed_record";
    case kRedirect: return "redirect_to";
    case kVerp: return "verp_delimiters";
    case kReturnReceipt: return "return_receipt";
    case kErrorsTo: return "errors_to";
    case kPriority: return "priority";
    case kPointer: return "pointer_record";
    case kDsnRet: return "dsn_return_flags";
    case kDsnEnvid: return "dsn_envelope_id";
    case kDsnOriginal: return "dsn_original_recipient";
    case kDsnNotify: return "dsn_notify_flags";
    default: return "unknown_record_type";
  }
}

bool QueueText::plausible() const {
  const auto first = read(at_);
  return selection_.start > 0 || (first && mail::record::allowed(mail::record::kEnvelopeSet, first->type));
}

Result<QueueText::Item> QueueText::read(std::uint64_t at) const {
  if (at >= bytes_.size()) return fail("unexpected end of file");
  Item out{.type = bytes_[at], .payload = {}, .offset = at, .next = 0};
  const unsigned type = static_cast<unsigned char>(out.type);
  std::uint64_t length = 0;
  std::uint64_t used = at + 1;
  for (unsigned i = 0;; ++i, ++used) {
    if (i == kLengthBytesMax) return fail(fmt::format("too many length bits, record type {}", type));
    if (used >= bytes_.size()) return fail("unexpected end of file");
    const auto group = static_cast<unsigned char>(bytes_[used]);
    length |= static_cast<std::uint64_t>(group & 0x7FU) << (7 * i);
    if ((group & 0x80U) == 0) break;
  }
  ++used;
  if (bytes_.size() - used < length) {
    return fail(fmt::format("unexpected EOF in data, record type {} length {}", type, length));
  }
  out.payload = bytes_.substr(used, length);
  out.next = used + length;
  return out;
}

Result<> QueueText::follow(const Item& item) {
  at_ = item.next;
  const auto target = text::to_u64(text::trim(item.payload));
  if (!target || *target >= bytes_.size()) return fail(fmt::format("bad pointer record at offset {}", item.offset));
  if (*target == 0) return {};
  if (*target <= item.offset && ++jumps_ > kJumpsMax) return fail("too many backward pointer records");
  at_ = *target;
  return {};
}

std::string QueueText::prefix(const Item& item) const {
  std::string out;
  if (selection_.offsets) out += fmt::format("{:9} ", item.offset);
  if (selection_.types) out += fmt::format("{:3} ", static_cast<unsigned char>(item.type));
  return out;
}

std::string QueueText::marker(const Item& item, std::string_view text) const {
  if (!selection_.envelope) return {};
  return fmt::format("{}*** {} {} ***\n", prefix(item), text, name_);
}

std::string QueueText::envelope(const Item& item) const {
  if (!selection_.envelope) return {};
  std::string_view name = record_name(item.type);
  std::string value(item.payload);
  const bool creation = item.type == mail::record::kAttribute && value.starts_with("create_time=");
  if (creation) {
    name = "create_time";
    value = date(item.payload.substr(item.payload.find('=') + 1));
  }
  const bool time =
      item.type == mail::record::kTime || item.type == mail::record::kWarn || item.type == mail::record::kCreateTime;
  if (time) value = date(item.payload);
  return fmt::format("{}{}: {}\n", prefix(item), name, value);
}

std::string QueueText::content(const Item& item) {
  using namespace mail::record;
  if (item.type == kPadding) return {};
  if (item.type != kLine && item.type != kChunk) return envelope(item);
  const bool continued = !item.payload.empty() && (item.payload[0] == ' ' || item.payload[0] == '\t');
  if (part_ == Part::header && line_begins_ && !continued && mail::header_name_length(item.payload) == 0) {
    part_ = Part::body;
  }
  line_begins_ = item.type == kLine;
  const bool wanted = part_ == Part::header ? selection_.header : selection_.body;
  if (!wanted) return {};
  // With its offset in front every record has a line of its own.
  return prefix(item) + std::string(item.payload) + (line_begins_ || selection_.offsets ? "\n" : "");
}

Result<std::optional<std::string>> QueueText::next() {
  if (part_ == Part::end) return std::nullopt;
  const auto item = read(at_);
  if (!item) return std::unexpected(item.error());
  const bool first = at_ == selection_.start && selection_.start == 0 && part_ == Part::envelope;
  std::string out;
  if (first && selection_.envelope) out = fmt::format("*** ENVELOPE RECORDS {} ***\n", name_);
  if (item->type == mail::record::kPointer) {
    const auto number = text::to_u64(text::trim(item->payload));
    if (selection_.raw) {
      at_ = item->next;
      return number == std::uint64_t{0} ? out : out + envelope(*item);
    }
    if (const auto followed = follow(*item); !followed) return std::unexpected(followed.error());
    return out;
  }
  at_ = item->next;
  const bool in_content = part_ == Part::header || part_ == Part::body;
  if (item->type == mail::record::kContent && part_ == Part::envelope) {
    part_ = Part::header;
    return out + marker(*item, "MESSAGE CONTENTS");
  }
  if (item->type == mail::record::kExtracted && in_content) {
    part_ = Part::extracted;
    return out + marker(*item, "HEADER EXTRACTED");
  }
  if (item->type == mail::record::kEnd) {
    part_ = Part::end;
    return out + marker(*item, "MESSAGE FILE END");
  }
  return out + (in_content ? content(*item) : envelope(*item));
}

}  // namespace postern::postcat
