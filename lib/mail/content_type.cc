// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/content_type.h"

#include "lib/base/text.h"
#include "lib/parse/cursor.h"

namespace postern::mail {

namespace {

using parse::Cursor;

// RFC 5322 CFWS
void cfws(Cursor& in) {
  for (;;) {
    in.take_blanks();
    if (in.peek() != '(') return;
    int depth = 0;
    do {
      const auto c = in.take();
      if (!c) return;
      if (*c == '\\') in.take();
      if (*c == '(') ++depth;
      if (*c == ')') --depth;
    } while (depth > 0);
  }
}

// RFC 2045 5.1 token
std::string_view token(Cursor& in) {
  static constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";
  return in.take_while([](char c) { return !text::is_blank(c) && kSpecials.find(c) == std::string_view::npos; });
}

std::string quoted_string(Cursor& in) {
  std::string out;
  in.take('"');
  while (const auto c = in.take()) {
    if (*c == '"') break;
    if (*c == '\\') {
      if (const auto escaped = in.take()) out += *escaped;
    } else if (*c != '\n' && *c != '\r') {
      out += *c;
    }
  }
  return out;
}

// RFC 2045 5.1 value; unquoted values are taken up to a blank or ';', since boundaries with '=' or '?' are met
// unquoted.
std::string value(Cursor& in) {
  if (in.peek() == '"') return quoted_string(in);
  return std::string(in.take_while([](char c) { return !text::is_blank(c) && c != ';'; }));
}

// ";" attribute "=" value, repeated
std::string find_parameter(Cursor& in, std::string_view wanted) {
  for (;;) {
    in.take_until(";\"");
    if (in.peek() == '"') {
      quoted_string(in);
      continue;
    }
    if (!in.take(';')) return {};
    cfws(in);
    const auto name = token(in);
    cfws(in);
    if (!in.take('=')) continue;
    cfws(in);
    auto found = value(in);
    if (text::iequals(name, wanted)) return found;
  }
}

}  // namespace

ContentType parse_content_type(std::string_view header_value) {
  ContentType out;
  Cursor in(header_value);
  cfws(in);
  const auto type = token(in);
  cfws(in);
  std::string_view subtype;
  if (in.take('/')) {
    cfws(in);
    subtype = token(in);
  }
  if (text::iequals(type, "multipart")) {
    out.kind = ContentType::Kind::multipart;
    out.digest = text::iequals(subtype, "digest");
    out.boundary = find_parameter(in, "boundary");
    // A boundary cannot end in blanks: a line's trailing blanks do not belong to it.
    out.boundary.resize(text::trim_right(out.boundary).size());
  } else if (text::iequals(type, "message")) {
    out.kind = ContentType::Kind::message;
    out.global = text::iequals(subtype, "global");
    out.whole_message = text::iequals(subtype, "rfc822") || out.global;
    out.partial = text::iequals(subtype, "partial") || text::iequals(subtype, "external-body");
  } else if (!type.empty() && !text::iequals(type, "text")) {
    out.kind = ContentType::Kind::other;
  }
  return out;
}

TransferEncoding parse_transfer_encoding(std::string_view header_value) {
  Cursor in(header_value);
  cfws(in);
  const auto name = token(in);
  if (name.empty() || text::iequals(name, "7bit")) return TransferEncoding::seven_bit;
  if (text::iequals(name, "8bit")) return TransferEncoding::eight_bit;
  if (text::iequals(name, "binary")) return TransferEncoding::binary;
  if (text::iequals(name, "quoted-printable")) return TransferEncoding::quoted_printable;
  if (text::iequals(name, "base64")) return TransferEncoding::base64;
  return TransferEncoding::other;
}

}  // namespace postern::mail
