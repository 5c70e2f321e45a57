// SPDX-License-Identifier: Apache-2.0
#include "commands/sendmail/message.h"

#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"
#include "lib/mail/header.h"

namespace postern::sendmail {

Result<InputLines::Endings> InputLines::parse_endings(std::string_view value) {
  if (value == "always") return Endings::always;
  if (value == "strict") return Endings::strict;
  if (value == "never") return Endings::never;
  return fail("bad sendmail_fix_line_endings value: " + std::string(value));
}

std::optional<std::string_view> InputLines::take(std::string_view line, bool complete) {
  if (first_) {
    first_ = false;
    fixes_ = endings_ == Endings::always || (endings_ == Endings::strict && complete && line.ends_with('\r'));
  }
  if (fixes_ && complete && line.ends_with('\r')) line.remove_suffix(1);
  if (dot_ends_ && line == ".") {
    ended_ = true;
    return std::nullopt;
  }
  if (envelope_ && mail::is_mbox_from(line)) return std::nullopt;
  envelope_ = false;
  return line;
}

void HeaderRecipients::line(std::string_view text) {
  if (!in_header_) return;
  const bool continues = !text.empty() && (text[0] == ' ' || text[0] == '\t') && !header_.empty();
  if (continues) {
    if (header_.size() + text.size() < limit_) {
      header_ += '\n';
      header_ += text;
    }
    return;
  }
  finish_header();
  if (mail::header_name_length(text) == 0) {
    in_header_ = false;
    return;
  }
  header_ = text.substr(0, limit_);
}

void HeaderRecipients::finish_header() {
  const auto field = mail::split_header(header_);
  const auto* info = field ? mail::find_header(field->name) : nullptr;
  if (info != nullptr && info->extract) {
    resent_ = resent_ || info->resent;
    auto& list = info->resent ? resent_recipients_ : normal_;
    for (auto& address : addresses_of(field->value)) list.push_back(std::move(address));
  }
  header_.clear();
}

std::vector<std::string> HeaderRecipients::take() {
  finish_header();
  in_header_ = false;
  return std::move(resent_ ? resent_recipients_ : normal_);
}

std::vector<std::string> addresses_of(std::string_view text) {
  std::vector<std::string> out;
  for (auto& found : mail::parse_address_list(text).addresses) {
    if (!found.address.empty()) out.push_back(std::move(found.address));
  }
  return out;
}

std::string sender_of(std::string_view text) {
  const auto addresses = addresses_of(text);
  return addresses.empty() ? std::string() : addresses.front();
}

std::string full_name_of(std::string_view gecos, std::string_view login) {
  std::string name(login);
  if (!name.empty()) name[0] = text::to_upper(name[0]);
  return text::replace_all(gecos.substr(0, gecos.find(',')), "&", name);
}

std::vector<std::string> probe_message(std::string_view sender, const std::vector<std::string>& recipients) {
  std::vector<std::string> out{"From: " + mail::quote_address(sender), "Subject: probe"};
  for (const auto& recipient : recipients) {
    if (out.size() > 2) out.back() += ",";
    out.push_back((out.size() == 2 ? "To:\t" : "\t") + mail::quote_address(recipient));
  }
  return out;
}

}  // namespace postern::sendmail
