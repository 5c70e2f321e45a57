// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/smtp_command.h"

#include "lib/base/text.h"

namespace postern::parse {

namespace {

// "..." with backslash escapes, for as long as the input lasts.
void quoted_string(Cursor& in) {
  in.take('"');
  while (const auto c = in.take()) {
    if (*c == '"') return;
    if (*c == '\\') in.take();
  }
}

// From `open` to its `close`; quoted strings inside may hold either.
void bracketed(Cursor& in, char open, char close) {
  in.take(open);
  while (!in.done() && !in.take(close)) {
    if (in.peek() == '"') {
      quoted_string(in);
    } else if (in.take() == '\\') {
      in.take();
    }
  }
}

// One word: brackets and quotes hide blanks, and '<' ends nothing by itself.
std::string_view word(Cursor& in) {
  const auto start = in.offset();
  while (!in.done() && !text::is_blank(in.peek())) {
    switch (in.peek()) {
      case '"': quoted_string(in); break;
      case '<': bracketed(in, '<', '>'); break;
      case '[': bracketed(in, '[', ']'); break;
      default: in.take();
    }
  }
  return in.since(start);
}

// RFC 5321 4.1.2 esmtp-param
Parameter esmtp_param(std::string_view text) {
  Parameter parameter{.text = text, .keyword = text, .value = std::nullopt};
  if (const auto pair = text::cut(text, '=')) {
    parameter.keyword = pair->first;
    parameter.value = pair->second;
  }
  return parameter;
}

// RFC 5321 4.1.2 Path and what stands in for it: the whole word when there are no brackets.
void path(std::string_view text, PathCommand& out) {
  out.path = text;
  if (!text.starts_with('<')) return;
  Cursor in(text);
  bracketed(in, '<', '>');
  const bool closed = in.since(0).size() > 1 && in.since(0).ends_with('>');
  // "<Some One <a@b>>" is met; what the inner brackets mean is the address parser's to say.
  in.take_while([](char c) { return c == '>'; });
  out.bracketed = true;
  out.malformed = !closed || !in.done();
  if (!out.malformed) out.path = text.substr(1, text.size() - 2);
}

Parsed<PathCommand> path_argument(std::string_view argument, std::string_view keyword) {
  Cursor in(argument);
  in.take_blanks();
  if (!in.take_word(keyword)) return in.fault("keyword expected");
  if (!in.take(':')) return in.fault("colon expected");
  in.take_blanks();
  if (in.done()) return in.fault("path expected");
  PathCommand out;
  path(word(in), out);
  for (in.take_blanks(); !in.done(); in.take_blanks()) out.parameters.push_back(esmtp_param(word(in)));
  return out;
}

}  // namespace

Command split_command(std::string_view line) {
  Cursor in(text::trim(line));
  const auto verb = in.take_while([](char c) { return !text::is_blank(c); });
  in.take_blanks();
  return {.verb = verb, .argument = in.rest()};
}

std::vector<std::string_view> split_words(std::string_view argument) {
  std::vector<std::string_view> out;
  Cursor in(argument);
  for (in.take_blanks(); !in.done(); in.take_blanks()) out.push_back(word(in));
  return out;
}

Parsed<PathCommand> parse_mail_argument(std::string_view argument) { return path_argument(argument, "FROM"); }

Parsed<PathCommand> parse_rcpt_argument(std::string_view argument) { return path_argument(argument, "TO"); }

Parsed<ChunkArgument> parse_bdat_argument(std::string_view argument) {
  Cursor in(argument);
  in.take_blanks();
  const auto start = in.offset();
  const auto digits = in.take_while(text::is_digit);
  const auto size = text::to_u64(digits);
  // The limit keeps a sum of two sizes within a signed 64-bit number.
  if (!size || *size > INT64_MAX / 2) return std::unexpected(Fault{.what = "chunk size expected", .offset = start});
  ChunkArgument out{.size = *size, .last = false};
  if (!in.done() && in.take_blanks().empty()) return in.fault("blank expected");
  if (in.done()) return out;
  if (!in.take_word("LAST")) return in.fault("LAST expected");
  in.take_blanks();
  if (!in.done()) return in.fault("end of command expected");
  out.last = true;
  return out;
}

Parsed<SizeValue> parse_size_value(std::string_view value) {
  Cursor in(value);
  const auto digits = in.take_while(text::is_digit);
  if (digits.empty() || !in.done()) return in.fault("digit expected");
  if (digits.size() > 20) return std::unexpected(Fault{.what = "too many digits", .offset = 20});
  const auto size = text::to_u64(digits);
  if (!size || *size > INT64_MAX) return SizeValue{.size = INT64_MAX, .overflow = true};
  return SizeValue{.size = *size, .overflow = false};
}

}  // namespace postern::parse
