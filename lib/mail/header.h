// SPDX-License-Identifier: Apache-2.0
// Message headers: what a header line is, which headers Postern knows, folding (RFC 5322 2.2, 3.6).
//
// A header here is "Name: value", physical lines joined by '\n', without the last newline. Blanks before the colon
// (obsolete syntax) are accepted. The name is 1 or more printable bytes other than ':' and blank.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

enum class HeaderId {
  other,
  apparently_to,
  bcc,
  cc,
  content_description,
  content_disposition,
  content_id,
  content_length,
  content_transfer_encoding,
  content_type,
  date,
  delivered_to,
  disposition_notification_to,
  errors_to,
  from,
  mail_followup_to,
  message_id,
  mime_version,
  received,
  reply_to,
  resent_bcc,
  resent_cc,
  resent_date,
  resent_from,
  resent_message_id,
  resent_reply_to,
  resent_sender,
  resent_to,
  return_path,
  return_receipt_to,
  sender,
  subject,
  to,
  tls_required,
  x_mailbox_line,
  x_original_to,
};

struct HeaderInfo {
  HeaderId id = HeaderId::other;
  std::string_view name;   // canonical spelling
  bool sender = false;     // holds sender addresses: rewritten as header_sender
  bool recipient = false;  // holds recipient addresses: rewritten as header_recipient
  bool extract = false;    // sendmail -t takes recipients from it
  bool resent = false;     // belongs to a Resent- block
  bool mime = false;       // Content-* and MIME-Version
};
// nullptr when the name is not a known one. ASCII case ignored.
[[nodiscard]] const HeaderInfo* find_header(std::string_view name);

// Length of the header name when `line` begins a header ("Subject: x", "Subject : x"); 0 otherwise.
[[nodiscard]] std::size_t header_name_length(std::string_view line);
struct HeaderField {
  std::string_view name;
  std::string_view value;  // behind the colon and the blanks that follow it; folding still in it
};
[[nodiscard]] std::optional<HeaderField> split_header(std::string_view header);

// The value on one line: each newline and the blanks around it become one blank; comments stay.
[[nodiscard]] std::string unfold(std::string_view value);
// "From someone Mon ..." or ">From ...": an mbox envelope line.
[[nodiscard]] bool is_mbox_from(std::string_view line);

}  // namespace postern::mail
