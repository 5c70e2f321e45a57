// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/record.h"

#include <fmt/core.h>

#include <cerrno>

namespace postern::mail {

namespace {

constexpr std::size_t kLengthBytesMax = 5;

struct Prefix {
  std::size_t size = 0;  // type and length bytes; 0: not all of them are there yet
  std::uint64_t length = 0;
  bool overlong = false;
};

Prefix read_prefix(std::string_view bytes) {
  Prefix out;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    if (i > kLengthBytesMax) {
      out.overlong = true;
      return out;
    }
    const auto group = static_cast<unsigned char>(bytes[i]);
    out.length |= static_cast<std::uint64_t>(group & 0x7FU) << (7 * (i - 1));
    if ((group & 0x80U) == 0) {
      out.size = i + 1;
      return out;
    }
  }
  return out;
}

std::size_t length_bytes(std::size_t payload) {
  std::size_t count = 1;
  for (; payload > 0x7F; payload >>= 7) ++count;
  return count;
}

}  // namespace

std::size_t record_size(std::size_t payload) { return 1 + length_bytes(payload) + payload; }

void append_record(std::string& out, char type, std::string_view payload) {
  payload = payload.substr(0, kRecordMax);
  out += type;
  std::size_t left = payload.size();
  do {
    const auto group = static_cast<unsigned char>(left & 0x7F);
    left >>= 7;
    out += static_cast<char>(left != 0 ? group | 0x80 : group);
  } while (left != 0);
  out += payload;
}

std::string encode_record(char type, std::string_view payload) {
  std::string out;
  out.reserve(record_size(payload.size()));
  append_record(out, type, payload);
  return out;
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  append_record(out, record::kAttribute, fmt::format("{}={}", name, value));
}

void append_content_line(std::string& out, std::string_view line, std::size_t limit, bool complete) {
  while (line.size() > limit) {
    append_record(out, record::kChunk, line.substr(0, limit));
    line.remove_prefix(limit);
  }
  append_record(out, complete ? record::kLine : record::kChunk, line);
}

void RecordDecoder::feed(std::string_view bytes) {
  // What was returned is dropped in large steps, so that feeding small pieces stays linear.
  if (at_ > 0 && at_ >= buffer_.size() / 2) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_ += bytes;
}

Result<std::optional<Record>> RecordDecoder::next() {
  const auto bytes = std::string_view(buffer_).substr(at_);
  if (bytes.empty()) return std::nullopt;
  const auto prefix = read_prefix(bytes);
  const int type = static_cast<unsigned char>(bytes[0]);
  if (prefix.overlong) return fail(fmt::format("too many length bits, record type {}", type), EBADMSG);
  if (prefix.size == 0) return std::nullopt;
  if (prefix.length > limit_) {
    return fail(fmt::format("illegal length {}, record type {}", prefix.length, type), EBADMSG);
  }
  if (bytes.size() - prefix.size < prefix.length) return std::nullopt;
  const auto payload = bytes.substr(prefix.size, prefix.length);
  at_ += prefix.size + payload.size();
  consumed_ += prefix.size + payload.size();
  return Record{.type = bytes[0], .payload = payload};
}

void RecordDecoder::reset() {
  buffer_.clear();
  at_ = 0;
}

std::optional<Attribute> parse_attribute(std::string_view payload) {
  const auto equals = payload.find('=');
  if (equals == std::string_view::npos || equals == 0) return std::nullopt;
  return Attribute{.name = payload.substr(0, equals), .value = payload.substr(equals + 1)};
}

}  // namespace postern::mail
