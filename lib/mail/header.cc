// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/header.h"

#include <algorithm>
#include <array>

#include "lib/base/text.h"
#include "lib/parse/cursor.h"

namespace postern::mail {

namespace {

constexpr std::array kHeaders{
    HeaderInfo{.id = HeaderId::apparently_to, .name = "Apparently-To", .recipient = true},
    HeaderInfo{.id = HeaderId::bcc, .name = "Bcc", .recipient = true, .extract = true},
    HeaderInfo{.id = HeaderId::cc, .name = "Cc", .recipient = true, .extract = true},
    HeaderInfo{.id = HeaderId::content_description, .name = "Content-Description", .mime = true},
    HeaderInfo{.id = HeaderId::content_disposition, .name = "Content-Disposition", .mime = true},
    HeaderInfo{.id = HeaderId::content_id, .name = "Content-ID", .mime = true},
    HeaderInfo{.id = HeaderId::content_length, .name = "Content-Length"},
    HeaderInfo{.id = HeaderId::content_transfer_encoding, .name = "Content-Transfer-Encoding", .mime = true},
    HeaderInfo{.id = HeaderId::content_type, .name = "Content-Type", .mime = true},
    HeaderInfo{.id = HeaderId::date, .name = "Date"},
    HeaderInfo{.id = HeaderId::delivered_to, .name = "Delivered-To"},
    HeaderInfo{.id = HeaderId::disposition_notification_to, .name = "Disposition-Notification-To", .sender = true},
    HeaderInfo{.id = HeaderId::errors_to, .name = "Errors-To", .sender = true},
    HeaderInfo{.id = HeaderId::from, .name = "From", .sender = true},
    HeaderInfo{.id = HeaderId::mail_followup_to, .name = "Mail-Followup-To", .sender = true},
    HeaderInfo{.id = HeaderId::message_id, .name = "Message-Id"},
    HeaderInfo{.id = HeaderId::mime_version, .name = "MIME-Version", .mime = true},
    HeaderInfo{.id = HeaderId::received, .name = "Received"},
    HeaderInfo{.id = HeaderId::reply_to, .name = "Reply-To", .sender = true},
    HeaderInfo{.id = HeaderId::resent_bcc, .name = "Resent-Bcc", .recipient = true, .extract = true, .resent = true},
    HeaderInfo{.id = HeaderId::resent_cc, .name = "Resent-Cc", .recipient = true, .extract = true, .resent = true},
    HeaderInfo{.id = HeaderId::resent_date, .name = "Resent-Date", .resent = true},
    HeaderInfo{.id = HeaderId::resent_from, .name = "Resent-From", .sender = true, .resent = true},
    HeaderInfo{.id = HeaderId::resent_message_id, .name = "Resent-Message-Id", .resent = true},
    HeaderInfo{.id = HeaderId::resent_reply_to, .name = "Resent-Reply-To", .sender = true, .resent = true},
    HeaderInfo{.id = HeaderId::resent_sender, .name = "Resent-Sender", .sender = true, .resent = true},
    HeaderInfo{.id = HeaderId::resent_to, .name = "Resent-To", .recipient = true, .extract = true, .resent = true},
    HeaderInfo{.id = HeaderId::return_path, .name = "Return-Path", .sender = true},
    HeaderInfo{.id = HeaderId::return_receipt_to, .name = "Return-Receipt-To", .sender = true},
    HeaderInfo{.id = HeaderId::sender, .name = "Sender", .sender = true},
    HeaderInfo{.id = HeaderId::subject, .name = "Subject"},
    HeaderInfo{.id = HeaderId::to, .name = "To", .recipient = true, .extract = true},
    HeaderInfo{.id = HeaderId::tls_required, .name = "TLS-Required"},
    HeaderInfo{.id = HeaderId::x_mailbox_line, .name = "X-Mailbox-Line"},
    HeaderInfo{.id = HeaderId::x_original_to, .name = "X-Original-To"},
};

}  // namespace

const HeaderInfo* find_header(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kHeaders, [name](const auto& known) { return text::iequals(known.name, name); });
  return found == kHeaders.end() ? nullptr : found;
}

std::size_t header_name_length(std::string_view line) {
  parse::Cursor in(line);
  const auto name = in.take_while([](char c) { return c > ' ' && c <= '~' && c != ':'; });
  in.take_while([](char c) { return c == ' ' || c == '\t'; });
  return in.take(':') ? name.size() : 0;
}

std::optional<HeaderField> split_header(std::string_view header) {
  const auto length = header_name_length(header);
  if (length == 0) return std::nullopt;
  const auto colon = header.find(':', length);
  return HeaderField{.name = header.substr(0, length), .value = text::trim_left(header.substr(colon + 1), " \t")};
}

std::string unfold(std::string_view value) {
  std::string out;
  for (const auto line : text::fields(value, '\n')) {
    const auto piece = text::trim(line);
    if (piece.empty()) continue;
    if (!out.empty()) out += ' ';
    out += piece;
  }
  return out;
}

bool is_mbox_from(std::string_view line) { return text::trim_left(line, ">").starts_with("From "); }

}  // namespace postern::mail
