// SPDX-License-Identifier: Apache-2.0
// EHLO keywords: the bits in which both ends keep them, and the names by which smtpd_discard_ehlo_keywords and
// smtp_discard_ehlo_keywords switch them off.
//
// Features is what a server announced, as the client understood it. Keywords without case; an unknown one is
// ignored; SIZE with a parameter that is no number counts as not announced.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/smtp/reply.h"

namespace postern::smtp {

using KeywordMask = std::uint32_t;
namespace keyword {
inline constexpr KeywordMask kPipelining = 1U << 0;
inline constexpr KeywordMask kSize = 1U << 1;
inline constexpr KeywordMask kVrfy = 1U << 2;
inline constexpr KeywordMask kEtrn = 1U << 3;
inline constexpr KeywordMask kStartTls = 1U << 4;
inline constexpr KeywordMask kAuth = 1U << 5;
inline constexpr KeywordMask kVerp = 1U << 6;
inline constexpr KeywordMask kXclient = 1U << 7;
inline constexpr KeywordMask kXforward = 1U << 8;
inline constexpr KeywordMask kEnhancedStatusCodes = 1U << 9;
inline constexpr KeywordMask k8BitMime = 1U << 10;
inline constexpr KeywordMask kDsn = 1U << 11;
inline constexpr KeywordMask kSmtpUtf8 = 1U << 12;
inline constexpr KeywordMask kChunking = 1U << 13;
inline constexpr KeywordMask kRequireTls = 1U << 14;
// Not a keyword: "do not log what was discarded".
inline constexpr KeywordMask kSilentDiscard = 1U << 31;
}  // namespace keyword

struct DiscardList {
  KeywordMask mask = 0;
  std::vector<std::string> unknown;  // names that mean nothing, as written
};
// "pipelining, starttls silent-discard": blanks and commas between names, any case.
[[nodiscard]] DiscardList parse_discard_keywords(std::string_view list);
// Names of the keywords in the mask, as a list would discard them but in upper case and the order of the
// "discarding EHLO keywords: A B" log line.
[[nodiscard]] std::string keyword_names(KeywordMask mask);

struct Features {
  KeywordMask mask = 0;
  std::uint64_t size_limit = 0;         // 0: none announced
  std::string bad_size;                 // the parameter of SIZE that was no number, for a warning
  std::string server_name;              // first word of the first line
  std::vector<std::string> mechanisms;  // AUTH, upper case, in the order given, "AUTH=" lines included
  std::vector<std::string> xforward;    // attribute names, upper case
  std::vector<std::string> xclient;     // attribute names, upper case

  [[nodiscard]] bool has(KeywordMask k) const { return (mask & k) == k; }
  [[nodiscard]] bool has_mechanism(std::string_view name) const;
};
// The reply to EHLO or LHLO. Keywords in `discard` are read over.
[[nodiscard]] Features parse_ehlo(const ServerReply& reply, KeywordMask discard = 0);

}  // namespace postern::smtp
