// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/queue_file.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/files.h"
#include "lib/base/text.h"

namespace postern::mail {

namespace {

constexpr std::size_t kBufferSize = std::size_t{64} << 10;
constexpr unsigned kBackwardJumpsMax = 10000;
constexpr std::size_t kPrefixMax = 6;  // type and length bytes
constexpr std::size_t kSizeFields = 6;
constexpr std::size_t kNumberWidth = 15;

std::unexpected<Error> damaged(std::string text) { return fail(std::move(text), EBADMSG); }

// Decimal with blanks in front, as "%15ld" leaves it.
std::optional<std::int64_t> padded_number(std::string_view payload) {
  return text::to_i64(text::trim_left(payload, " "));
}

std::string_view allowed_in(Segment segment) {
  switch (segment) {
    case Segment::envelope: return record::kEnvelopeSet;
    case Segment::content: return record::kContentSet;
    default: return record::kExtractedSet;
  }
}

Result<> pwrite_type(int fd, std::int64_t offset, char expected, char replacement) {
  char found = 0;
  const ssize_t n = ::pread(fd, &found, 1, offset);
  if (n < 0) return fail_errno("read queue file");
  if (n == 0 || (found != expected && found != replacement)) {
    return damaged(fmt::format("no record of type {} at offset {}", expected, offset));
  }
  if (found == replacement) return {};
  return files::pwrite_all(fd, {&replacement, 1}, static_cast<std::uint64_t>(offset));
}

}  // namespace

// --- reader ---

QueueFileReader::QueueFileReader(int fd, std::uint64_t start, Segment segment, Pointers pointers)
    : fd_(fd), at_(start), segment_(segment), pointers_(pointers) {}

void QueueFileReader::seek(std::uint64_t offset, Segment segment) {
  at_ = offset;
  segment_ = segment;
}

// Makes `count` bytes from the current offset on available; false when the file ends before that.
Result<bool> QueueFileReader::fill(std::size_t count) {
  const bool inside = at_ >= buffer_start_ && at_ <= buffer_start_ + buffer_.size();
  if (!inside) {
    buffer_.clear();
    buffer_start_ = at_;
  }
  while (buffer_start_ + buffer_.size() - at_ < count) {
    buffer_.erase(0, at_ - buffer_start_);
    buffer_start_ = at_;
    const auto have = buffer_.size();
    buffer_.resize(have + kBufferSize);
    ssize_t n = 0;
    do {
      n = ::pread(fd_, buffer_.data() + have, kBufferSize, static_cast<off_t>(buffer_start_ + have));
    } while (n < 0 && errno == EINTR);
    buffer_.resize(have + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0) return fail_errno("read queue file");
    if (n == 0) return false;
  }
  return true;
}

Result<std::string_view> QueueFileReader::bytes(std::size_t count) {
  const auto filled = fill(count);
  if (!filled) return std::unexpected(filled.error());
  return std::string_view(buffer_).substr(at_ - buffer_start_, count);
}

Result<FileRecord> QueueFileReader::read_record() {
  const auto prefix = bytes(kPrefixMax);
  if (!prefix) return std::unexpected(prefix.error());
  if (prefix->empty()) return damaged(fmt::format("unexpected end of file at offset {}", at_));
  FileRecord out{.type = prefix->front(), .payload = {}, .offset = at_, .next = 0, .segment = segment_};
  std::uint64_t length = 0;
  std::size_t used = 1;
  bool more = true;
  for (; more && used < prefix->size(); ++used) {
    const auto group = static_cast<unsigned char>((*prefix)[used]);
    length |= static_cast<std::uint64_t>(group & 0x7FU) << (7 * (used - 1));
    more = (group & 0x80U) != 0;
  }
  const int type = static_cast<unsigned char>(out.type);
  if (more || length > kRecordMax) return damaged(fmt::format("bad length of record type {} at offset {}", type, at_));
  const auto whole = bytes(used + length);
  if (!whole) return std::unexpected(whole.error());
  if (whole->size() < used + length) return damaged(fmt::format("record type {} cut short at offset {}", type, at_));
  out.payload = whole->substr(used);
  out.next = at_ + whole->size();
  return out;
}

Result<> QueueFileReader::jump(const FileRecord& pointer) {
  const auto target = padded_number(pointer.payload);
  if (!target || *target < 0) return damaged(fmt::format("bad pointer record at offset {}", pointer.offset));
  if (*target == 0) {
    at_ = pointer.next;
    return {};
  }
  const auto offset = static_cast<std::uint64_t>(*target);
  if (offset <= pointer.offset && ++backward_jumps_ > kBackwardJumpsMax) {
    return damaged("too many backward pointer records");
  }
  at_ = offset;
  return {};
}

Result<std::optional<FileRecord>> QueueFileReader::next() {
  while (segment_ != Segment::end) {
    auto found = read_record();
    if (!found) return std::unexpected(found.error());
    if (found->type == record::kPointer) {
      if (const auto jumped = jump(*found); !jumped) return std::unexpected(jumped.error());
      if (pointers_ == Pointers::show) return std::move(*found);
      continue;
    }
    if (!record::allowed(allowed_in(segment_), found->type)) {
      return damaged(
          fmt::format("unexpected record type {} at offset {}", static_cast<unsigned char>(found->type), at_));
    }
    at_ = found->next;
    if (found->type == record::kContent && segment_ == Segment::envelope) segment_ = Segment::content;
    if (found->type == record::kExtracted && segment_ == Segment::content) segment_ = Segment::extracted;
    if (found->type == record::kEnd) segment_ = Segment::end;
    return std::move(*found);
  }
  return std::nullopt;
}

// --- size record and in-place writes ---

std::string format_number15(std::int64_t value) { return fmt::format("{:15d}", value); }

std::string format_size(const SizeRecord& size) {
  return fmt::format("{:15d} {:15d} {:15d} {:15d} {:15d} {:15d}", size.content_size, size.data_offset, size.recipients,
                     size.qmgr_flags, size.logged_size, size.send_options);
}

std::optional<SizeRecord> parse_size(std::string_view payload) {
  const auto words = text::words(payload, " ");
  if (words.empty()) return std::nullopt;
  std::array<std::int64_t, kSizeFields> fields{};
  for (std::size_t i = 0; i < std::min(words.size(), fields.size()); ++i) {
    const auto number = text::to_i64(words[i]);
    if (!number || *number < 0) return std::nullopt;
    fields[i] = *number;
  }
  return SizeRecord{.content_size = fields[0],
                    .data_offset = fields[1],
                    .recipients = fields[2],
                    .qmgr_flags = fields[3],
                    .logged_size = fields[4],
                    .send_options = fields[5]};
}

Result<> mark_done(int fd, std::int64_t offset) {
  if (offset < 0) return {};
  return pwrite_type(fd, offset, record::kRecipient, record::kDone);
}

Result<> kill_record(int fd, std::int64_t offset) {
  if (offset < 0) return {};
  return pwrite_type(fd, offset, record::kAttribute, record::kKilled);
}

Result<> rewrite_warn_time(int fd, std::int64_t offset, std::int64_t value) {
  if (offset < 0) return {};
  std::array<char, 2> found{};
  if (::pread(fd, found.data(), found.size(), offset) != 2 || found[0] != record::kWarn || found[1] != kNumberWidth) {
    return damaged(fmt::format("no warning time record at offset {}", offset));
  }
  return files::pwrite_all(fd, encode_record(record::kWarn, format_number15(value)),
                           static_cast<std::uint64_t>(offset));
}

Result<> rewrite_size(int fd, const SizeRecord& size) {
  return files::pwrite_all(fd, encode_record(record::kSize, format_size(size)), 0);
}

}  // namespace postern::mail
