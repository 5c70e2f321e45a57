// SPDX-License-Identifier: Apache-2.0
#include "pipe/message_text.h"

#include <utility>

#include "lib/base/clock.h"
#include "lib/mail/address.h"
#include "lib/mail/record.h"

namespace postern::pipe {

namespace {

constexpr std::size_t kPiece = 64UL << 10;

}  // namespace

std::string message_head(const Attributes& attributes, const std::string& sender,
                         const service::RequestRecipient& recipient, bool original, std::int64_t now) {
  const std::string& eol = attributes.eol;
  const std::string from = sender.empty() ? attributes.null_sender : mail::quote_address(sender);
  std::string out;
  if (attributes.from_line) {
    // The separator of mailboxes has to name somebody.
    out += "From " + (from.empty() ? std::string("MAILER-DAEMON") : from) + "  " + ctime_stamp(now) + eol;
  }
  if (attributes.return_path) out += "Return-Path: <" + from + ">" + eol;
  if (attributes.original_to && original) {
    const std::string& shown = recipient.original.empty() ? recipient.address : recipient.original;
    out += "X-Original-To: " + mail::quote_address(shown) + eol;
  }
  if (attributes.delivered_to) out += "Delivered-To: " + mail::quote_address(recipient.address) + eol;
  return out;
}

MessageText::MessageText(const Attributes& attributes, std::string head, int queue_file, std::int64_t data_offset)
    : attributes_(attributes),
      head_(std::move(head)),
      file_(queue_file, static_cast<std::uint64_t>(data_offset), mail::Segment::content) {}

Result<bool> MessageText::next(std::string& out) {
  if (ended_) return false;
  out += std::exchange(head_, {});
  const std::size_t enough = out.size() + kPiece;
  while (out.size() < enough) {
    const auto record = file_.next();
    if (!record) return std::unexpected(record.error());
    const bool text = *record && ((*record)->type == mail::record::kLine || (*record)->type == mail::record::kChunk);
    if (!text) {
      ended_ = true;
      if (!at_start_) out += attributes_.eol;
      if (attributes_.blank_line) out += attributes_.eol;
      return true;
    }
    const std::string& line = (*record)->payload;
    if (at_start_ && attributes_.escape_from && line.starts_with("From ")) out += '>';
    if (at_start_ && attributes_.stuff_dots && line.starts_with('.')) out += '.';
    out += line;
    at_start_ = (*record)->type == mail::record::kLine;
    if (at_start_) out += attributes_.eol;
  }
  return true;
}

}  // namespace postern::pipe
