// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/maildrop.h"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <utility>

#include "lib/base/text.h"

namespace postern::mail {

namespace {

constexpr unsigned kNotifyMax = 15;
constexpr std::int64_t kTraceVerify = 512;
constexpr std::int64_t kTraceRecord = 1024;

std::string decimal(char type) { return std::to_string(static_cast<unsigned char>(type)); }

bool number_up_to(std::string_view value, std::uint64_t limit) {
  const auto number = text::to_u64(value);
  return number && *number <= limit;
}

bool recipient_attribute(std::string_view name) { return name == "notify_flags" || name == "dsn_orig_rcpt"; }

}  // namespace

bool drop_attribute_allowed(std::string_view name, std::string_view value) {
  if (name == "encoding") return value == "7bit" || value == "8bit" || value.empty();
  if (name == "envelope_id" || name == "dsn_orig_rcpt") return true;
  if (name == "ret_flags") return number_up_to(value, 3);
  if (name == "notify_flags") return number_up_to(value, kNotifyMax);
  if (name == "create_time") return text::to_u64(value).has_value();
  if (name == "rewrite_context") return value == "local" || value == "remote";
  if (name == "trace_flags") {
    const auto number = text::to_i64(value);
    return number == kTraceVerify || number == kTraceRecord;
  }
  return false;
}

// --- what a user writes ---

DropInput::Judgement DropInput::judge_attribute(std::string_view payload) const {
  const auto equals = payload.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return {Verdict::skip, fmt::format("ignoring malformed record: missing '=' after attribute name: {}", payload)};
  }
  const auto name = payload.substr(0, equals);
  if (drop_attribute_allowed(name, payload.substr(equals + 1))) return {};
  return {Verdict::skip, fmt::format("ignoring attribute record: {}", payload)};
}

DropInput::Judgement DropInput::judge(char type, std::string_view payload) {
  static constexpr std::array kSets{record::kDropEnvelopeSet, record::kDropContentSet, record::kDropExtractedSet};
  if (ended()) return {Verdict::skip, {}};
  if (!record::allowed(kSets[static_cast<std::size_t>(segment_)], type)) {
    return {Verdict::malformed, "unexpected record type: " + decimal(type)};
  }
  if (segment_ != 1 && payload.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) {
    return {Verdict::malformed, "null or line break in record type: " + decimal(type)};
  }
  // M, X and E end a segment; outside the content L and N mean something else, but then they are not allowed.
  const bool ends = type == kSets[static_cast<std::size_t>(segment_)].front();
  if (segment_ != 1) {
    if (type == record::kSender && std::exchange(sender_, true)) {
      return {Verdict::malformed, "multiple envelope sender records"};
    }
    if (type == record::kRecipient) recipient_ = true;
    if (type == record::kAttribute) return judge_attribute(payload);
  }
  if (ends) ++segment_;
  return {};
}

// --- what cleanup gets ---

Result<> DropOutput::check(char type, std::string_view payload) const {
  static constexpr std::string_view kEnvelope = "TMFSRVAin";
  std::string_view set;
  switch (segment_) {
    case Segment::envelope: set = options_.requeued ? record::kEnvelopeSet : kEnvelope; break;
    case Segment::content: set = options_.requeued ? record::kContentSet : record::kDropContentSet; break;
    default: set = options_.requeued ? record::kExtractedSet : record::kDropExtractedSet;
  }
  if (!record::allowed(set, type)) return fail("unexpected record type " + decimal(type), EBADMSG);
  if (!options_.requeued && payload.size() > options_.line_limit) {
    return fail(fmt::format("illegal length {}, record type {}", payload.size(), decimal(type)), EBADMSG);
  }
  return {};
}

Result<std::vector<DropOutput::Item>> DropOutput::convert(char type, std::string_view payload) {
  std::vector<Item> out;
  if (segment_ == Segment::end) return out;
  if (const auto checked = check(type, payload); !checked) return std::unexpected(checked.error());
  if (!filter_sent_) {
    filter_sent_ = true;
    if (!options_.content_filter.empty()) out.push_back({record::kFilter, options_.content_filter});
  }
  switch (segment_) {
    case Segment::envelope: envelope(type, payload, out); break;
    case Segment::content: content(type, payload, out); break;
    default: extracted(type, payload, out);
  }
  return out;
}

void DropOutput::attribute(std::string_view payload, std::vector<Item>& out) {
  const auto parsed = parse_attribute(payload);
  // cleanup makes the creation time itself; an empty value says nothing.
  if (!parsed || parsed->name == "create_time" || parsed->value.empty()) return;
  if (!options_.requeued && !drop_attribute_allowed(parsed->name, parsed->value)) return;
  auto& target = recipient_attribute(parsed->name) ? for_recipient_ : out;
  target.push_back({record::kAttribute, std::string(payload)});
}

void DropOutput::recipient(std::string_view address, std::vector<Item>& out) {
  for (auto& item : for_recipient_) out.push_back(std::move(item));
  for_recipient_.clear();
  out.push_back({record::kRecipient, std::string(address)});
  ++recipients_;
}

void DropOutput::envelope(char type, std::string_view payload, std::vector<Item>& out) {
  switch (type) {
    case record::kTime: {
      const auto words = text::words(payload);
      if (arrival_ == 0 && !words.empty()) arrival_ = text::to_i64(words[0]).value_or(0);
      out.push_back({type, std::string(payload)});
      break;
    }
    case record::kSender: sender_ = std::string(payload); [[fallthrough]];
    case record::kFullName:
    case record::kVerp: out.push_back({type, std::string(payload)}); break;
    case record::kContent:
      for_recipient_.clear();
      segment_ = Segment::content;
      out.push_back({type, {}});
      for (const auto& line : options_.received) out.push_back({record::kLine, line});
      break;
    case record::kAttribute: attribute(payload, out); break;
    case record::kDsnEnvid: attribute("envelope_id=" + std::string(payload), out); break;
    case record::kDsnNotify: attribute("notify_flags=" + std::string(payload), out); break;
    case record::kOriginal: for_recipient_.push_back({type, std::string(payload)}); break;
    case record::kRecipient: recipient(payload, out); break;
    case record::kDone:
    case record::kCancelled: for_recipient_.clear(); break;
    default: break;  // sizes, filters, warning times: of the file's former life
  }
}

void DropOutput::content(char type, std::string_view payload, std::vector<Item>& out) {
  if (type == record::kExtracted) {
    segment_ = Segment::extracted;
    out.push_back({type, {}});
    return;
  }
  if (type == record::kPadding) return;
  // A first line that begins with a blank would continue the last of our header lines.
  const bool blank = !payload.empty() && (payload.front() == ' ' || payload.front() == '\t');
  if (!content_begun_ && blank) out.push_back({record::kLine, {}});
  content_begun_ = true;
  out.push_back({type, std::string(payload)});
}

void DropOutput::extracted(char type, std::string_view payload, std::vector<Item>& out) {
  switch (type) {
    case record::kEnd:
      segment_ = Segment::end;
      out.push_back({type, {}});
      break;
    case record::kAttribute: {
      const auto parsed = parse_attribute(payload);
      const bool known =
          parsed && (recipient_attribute(parsed->name) || drop_attribute_allowed(parsed->name, parsed->value));
      if (known) attribute(payload, out);
      break;
    }
    case record::kDsnNotify: attribute("notify_flags=" + std::string(payload), out); break;
    case record::kOriginal: for_recipient_.push_back({type, std::string(payload)}); break;
    case record::kRecipient: recipient(payload, out); break;
    case record::kDone:
    case record::kCancelled: for_recipient_.clear(); break;
    default: break;
  }
}

}  // namespace postern::mail
