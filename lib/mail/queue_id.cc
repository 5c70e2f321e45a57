// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/queue_id.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "lib/base/text.h"

namespace postern::mail {

namespace {

// Digits of base 52; base 51 is the same without 'z', the separator.
constexpr std::string_view kDigits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
constexpr unsigned kTimeBase = 52;
constexpr unsigned kInodeBase = 51;
constexpr std::size_t kSecondsWidth = 6;
constexpr std::size_t kMicrosWidth = 4;
constexpr std::size_t kShortMicrosWidth = 5;
constexpr std::size_t kIdMax = 255;
constexpr std::size_t kQueueMax = 100;

std::string to_base(std::uint64_t value, unsigned base, std::size_t width) {
  std::string out;
  for (; value != 0; value /= base) out += kDigits[value % base];
  while (out.size() < width) out += '0';
  std::ranges::reverse(out);
  return out;
}

std::optional<std::uint64_t> from_base(std::string_view digits, unsigned base) {
  if (digits.empty()) return std::nullopt;
  std::uint64_t out = 0;
  for (const char c : digits) {
    const auto digit = kDigits.find(c);
    if (digit >= base) return std::nullopt;  // npos included
    if (out > (UINT64_MAX - digit) / base) return std::nullopt;
    out = out * base + digit;
  }
  return out;
}

struct LongId {
  std::string_view seconds;
  std::string_view micros;
  std::string_view inode;
};

std::optional<LongId> split_long(std::string_view id) {
  const auto z = id.rfind('z');
  if (z == std::string_view::npos || z < kSecondsWidth + kMicrosWidth) return std::nullopt;
  const auto time_end = z - kMicrosWidth;
  return LongId{
      .seconds = id.substr(0, time_end), .micros = id.substr(time_end, kMicrosWidth), .inode = id.substr(z + 1)};
}

std::optional<std::uint64_t> from_hex(std::string_view digits) {
  std::uint64_t out = 0;
  const auto* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, out, 16);
  if (digits.empty() || error != std::errc{} || end != last) return std::nullopt;
  return out;
}

}  // namespace

std::string make_queue_id(bool long_ids, WallTime when, std::uint64_t inode) {
  const auto micros = static_cast<std::uint64_t>(when.micros);
  if (!long_ids) return fmt::format("{:05X}{:X}", micros, inode);
  return to_base(static_cast<std::uint64_t>(when.seconds), kTimeBase, kSecondsWidth) +
         to_base(micros, kTimeBase, kMicrosWidth) + "z" + to_base(inode, kInodeBase, 1);
}

bool is_long_queue_id(std::string_view id) { return split_long(id).has_value(); }

std::optional<WallTime> queue_id_time(std::string_view id) {
  const auto parts = split_long(id);
  if (!parts) return std::nullopt;
  const auto seconds = from_base(parts->seconds, kTimeBase);
  const auto micros = from_base(parts->micros, kTimeBase);
  if (!seconds || !micros || *seconds > INT64_MAX) return std::nullopt;
  return WallTime{.seconds = static_cast<std::int64_t>(*seconds), .micros = static_cast<std::int64_t>(*micros)};
}

std::optional<std::uint64_t> queue_id_inode(std::string_view id) {
  if (const auto parts = split_long(id)) return from_base(parts->inode, kInodeBase);
  if (id.size() <= kShortMicrosWidth) return std::nullopt;
  return from_hex(id.substr(kShortMicrosWidth));
}

std::optional<std::string> with_inode(std::string_view id, std::uint64_t inode) {
  if (!queue_id_inode(id)) return std::nullopt;
  if (const auto parts = split_long(id)) {
    return std::string(id.substr(0, id.size() - parts->inode.size())) + to_base(inode, kInodeBase, 1);
  }
  return fmt::format("{}{:X}", id.substr(0, kShortMicrosWidth), inode);
}

bool valid_queue_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdMax &&
         std::ranges::all_of(id, [](char c) { return text::is_alnum(c) || c == '_'; });
}

bool valid_queue_name(std::string_view name) {
  return !name.empty() && name.size() <= kQueueMax && std::ranges::all_of(name, text::is_alnum);
}

std::string hash_directories(std::string_view id, unsigned depth) {
  std::string spread(id);
  if (const auto parts = split_long(id)) {
    spread = fmt::format("{:05X}", from_base(parts->micros, kTimeBase).value_or(0));
  }
  std::string out;
  for (unsigned level = 0; level < depth; ++level) {
    out += level < spread.size() ? spread[level] : '_';
    out += '/';
  }
  return out;
}

}  // namespace postern::mail
