// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/tls_failure.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "lib/base/text.h"
#include "lib/mail/queue_file.h"
#include "lib/mail/record.h"

namespace postern::mail {

namespace {

constexpr std::string_view kAttribute = "tls_failed";
constexpr std::size_t kChunk = 8192;
// Type and length of a record with kSizePayload bytes.
constexpr std::size_t kSizeHeader = 2;

std::unexpected<Error> damaged() { return fail("damaged queue file", EBADMSG); }

// Where the extracted segment begins: content need not be read to get there.
Result<std::int64_t> extracted_offset(int fd) {
  std::array<char, kSizeHeader + kSizePayload> bytes{};
  const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), 0);
  if (n < 0) return fail_errno("read queue file");
  const std::string_view all(bytes.data(), static_cast<std::size_t>(n));
  if (all.size() < bytes.size() || all[0] != record::kSize) return damaged();
  const auto size = parse_size(all.substr(kSizeHeader));
  if (!size || size->data_offset <= 0 || size->content_size < 0) return damaged();
  return size->data_offset + size->content_size;
}

// "MICROSECONDS DESTINATION"
std::optional<std::int64_t> time_of(std::string_view payload, std::string_view destination) {
  const auto attribute = parse_attribute(payload);
  if (!attribute || attribute->name != kAttribute) return std::nullopt;
  const auto fields = text::cut(attribute->value, ' ');
  if (!fields || fields->second != destination) return std::nullopt;
  return text::to_i64(fields->first);
}

}  // namespace

Result<std::optional<std::int64_t>> find_tls_failure(int fd, std::string_view destination) {
  const auto start = extracted_offset(fd);
  if (!start) return std::unexpected(start.error());
  RecordDecoder decoder;
  std::array<char, kChunk> buffer{};
  bool ended = false;
  for (std::int64_t at = *start;;) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), at);
    if (n < 0) return fail_errno("read queue file");
    // A last record that a full disk cut short is as if it were not there.
    if (n == 0) return std::optional<std::int64_t>();
    at += n;
    decoder.feed({buffer.data(), static_cast<std::size_t>(n)});
    for (;;) {
      const auto found = decoder.next();
      if (!found) return damaged();
      if (!*found) break;
      const Record& record = **found;
      if (ended && record.type == record::kAttribute) {
        if (const auto time = time_of(record.payload, destination)) return time;
      }
      ended = ended || record.type == record::kEnd;
    }
  }
}

Result<> add_tls_failure(int fd, std::string_view destination, std::int64_t microseconds) {
  std::string record;
  append_attribute(record, kAttribute, std::to_string(microseconds) + " " + std::string(destination));
  iovec part{record.data(), record.size()};
  // Appended whatever others append, while marks of recipients go on being written in place.
  const ssize_t n = ::pwritev2(fd, &part, 1, 0, RWF_APPEND);
  if (n == static_cast<ssize_t>(record.size())) return {};
  const int code = n < 0 ? errno : ENOSPC;
  // A piece of a record would hide all that come behind it.
  struct stat st{};
  if (n > 0 && ::fstat(fd, &st) == 0 && ::ftruncate(fd, st.st_size - n) < 0) return fail_errno("truncate queue file");
  return fail_errno("write queue file", code);
}

}  // namespace postern::mail
