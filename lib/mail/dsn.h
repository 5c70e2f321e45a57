// SPDX-License-Identifier: Apache-2.0
// Delivery status: enhanced status codes (RFC 3463), the NOTIFY and RET parameters (RFC 3461), and the entries of
// the per-message logs in bounce/, defer/ and trace/.
//
// A log is text: entries of name=value lines, separated by blank lines. The parser takes what is usable and counts
// the lines it did not understand; it never fails, since half a bounce is better than none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

// "2.0.0", "4.2.1", "5.1.10": class 2, 4 or 5, then two numbers of 1..3 digits.
[[nodiscard]] bool valid_dsn(std::string_view status);
// Length of a status at the start of `text` (followed by a blank or the end); 0 when there is none.
[[nodiscard]] std::size_t dsn_prefix(std::string_view text);

struct DsnText {
  std::string status;
  std::string text;
};
// "4.2.9 custom" -> {"4.2.9", "custom"}; text without a status gets `fallback`. Blanks behind the status go.
[[nodiscard]] DsnText split_dsn(std::string_view text, std::string_view fallback);
// The same status in another class: with_class("5.7.1", '4') is "4.7.1".
[[nodiscard]] std::string with_class(std::string_view status, char wanted);

namespace notify {
inline constexpr unsigned kNever = 1;
inline constexpr unsigned kSuccess = 2;
inline constexpr unsigned kFailure = 4;
inline constexpr unsigned kDelay = 8;
}  // namespace notify
namespace ret {
inline constexpr unsigned kFull = 1;
inline constexpr unsigned kHeaders = 2;
}  // namespace ret
// "NEVER" or a comma list of SUCCESS, FAILURE, DELAY, any case, none twice; nullopt otherwise.
[[nodiscard]] std::optional<unsigned> parse_notify(std::string_view value);
[[nodiscard]] std::string format_notify(unsigned mask);  // "SUCCESS,DELAY"; "" for 0
[[nodiscard]] std::optional<unsigned> parse_ret(std::string_view value);
[[nodiscard]] std::string_view format_ret(unsigned flags);  // "FULL", "HDRS", ""
// "type;value" (ORCPT): type and value not empty.
struct TypedAddress {
  std::string_view type;
  std::string_view address;
};
[[nodiscard]] std::optional<TypedAddress> split_typed_address(std::string_view text);

// What happened to one recipient.
struct DeliveryStatus {
  std::string recipient;           // internal form
  std::string original_recipient;  // empty, or different from recipient
  std::int64_t offset = 0;         // of the R record; 0 or less: unknown
  std::string dsn_orig_rcpt;
  unsigned notify = 0;
  std::string status;     // x.y.z
  std::string action;     // failed delayed delivered relayed expanded deliverable undeliverable
  std::string diag_type;  // smtp, x-unix; empty: no diagnostic
  std::string diag_text;
  std::string mta_type;  // dns
  std::string mta_name;
  std::string reason;
};

// One entry, blank lines included; `old_style` adds the line "<address>: reason" in front.
[[nodiscard]] std::string format_log_entry(const DeliveryStatus& status, bool old_style = true);

struct DeliveryLog {
  std::vector<DeliveryStatus> entries;
  std::vector<std::string> unknown_lines;  // at most 20, for warnings
};
// Missing status and action become the defaults given ("4.0.0", "delayed" for defer logs).
[[nodiscard]] DeliveryLog parse_log(std::string_view text, std::string_view default_status,
                                    std::string_view default_action);

}  // namespace postern::mail
