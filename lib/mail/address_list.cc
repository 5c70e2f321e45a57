// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/address_list.h"

#include <algorithm>
#include <span>
#include <utility>

#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/address_spec.h"
#include "lib/parse/cursor.h"

namespace postern::mail {

namespace {

using parse::Cursor;
using Kind = Token::Kind;

constexpr std::size_t kFoldColumn = 69;  // a line's length without its leading tab
constexpr std::string_view kNotAtom = "()<>@,;:\"[]";

bool is_atom_byte(char c) { return !text::is_blank(c) && kNotAtom.find(c) == std::string_view::npos; }

// RFC 5322 3.2.2: comments nest.
bool take_comment(Cursor& in) {
  int depth = 0;
  do {
    const auto c = in.take();
    if (!c) return false;
    if (*c == '\\') in.take();
    if (*c == '(') ++depth;
    if (*c == ')') --depth;
  } while (depth > 0);
  return true;
}

// From the opening byte to `close`.
bool take_delimited(Cursor& in, char close) {
  in.take();
  while (const auto c = in.take()) {
    if (*c == close) return true;
    if (*c == '\\') in.take();
  }
  return false;
}

Token next_token(Cursor& in) {
  const auto start = in.offset();
  const auto token = [&](Kind kind, bool closed = true) {
    return Token{.kind = kind, .text = in.since(start), .closed = closed};
  };
  if (!in.take_blanks().empty()) return token(Kind::blank);
  if (in.peek() == '(') {
    const bool closed = take_comment(in);
    return token(Kind::comment, closed);
  }
  if (in.peek() == '"' || in.peek() == '[') {
    const bool quoted = in.peek() == '"';
    const bool closed = take_delimited(in, quoted ? '"' : ']');
    return token(quoted ? Kind::quoted : Kind::literal, closed);
  }
  if (!is_atom_byte(in.peek())) {
    in.take();
    return token(Kind::special);
  }
  while (!in.done() && is_atom_byte(in.peek())) {
    if (in.take() == '\\') in.take();
  }
  return token(Kind::atom);
}

bool is_special(const Token& token, char c) { return token.kind == Kind::special && token.text[0] == c; }

bool is_word(const Token& token) {
  return token.kind == Kind::atom || token.kind == Kind::quoted || token.kind == Kind::literal;
}

std::string without_backslashes(std::string_view s) {
  std::string out;
  Cursor in(s);
  while (const auto c = in.take()) {
    if (*c != '\\') {
      out += *c;
    } else if (const auto escaped = in.take()) {
      out += *escaped;
    }
  }
  return out;
}

// A comment's text without its outer parentheses.
std::string comment_text(const Token& token) {
  auto inside = token.text.substr(1);
  if (token.closed) inside.remove_suffix(1);
  return without_backslashes(inside);
}

bool is_idle(const Token& token) { return token.kind == Kind::blank || token.kind == Kind::comment; }

bool joined_by_dot(const Token& left, const Token& right) {
  return left.text.ends_with('.') || right.text.starts_with('.');
}

// The words of a phrase without quotes; comments left out.
std::string phrase_text(std::span<const Token> tokens) {
  std::string out;
  bool blank = false;
  for (const auto& token : tokens) {
    blank = blank || is_idle(token);
    if (is_idle(token)) continue;
    if (blank && !out.empty()) out += ' ';
    blank = false;
    out += token_value(token);
  }
  return out;
}

// As it stands in the header, on one line.
std::string source_text(const Token& token) {
  std::string out(token.text);
  std::ranges::replace(out, '\n', ' ');
  return out;
}

// Words and comments as they stand, one blank between them.
std::string laid_out(std::span<const Token> tokens) {
  std::string out;
  const Token* previous = nullptr;
  for (const auto& token : tokens) {
    if (token.kind == Kind::blank) continue;
    const bool special = token.kind == Kind::special || (previous != nullptr && previous->kind == Kind::special);
    if (previous != nullptr && !special && !joined_by_dot(*previous, token)) out += ' ';
    out += source_text(token);
    previous = &token;
  }
  return out;
}

// Walks a token list once. An item is what stands between two commas; `first_` .. is its part without angles.
class ListParser {
 public:
  ListParser(std::string_view value, const Tokens& tokens, AddressList& out)
      : value_(value), tokens_(tokens.list), out_(out), angle_ahead_(tokens_.size() + 1) {
    for (std::size_t i = tokens_.size(); i-- > 0;) {
      const bool separator = is_special(tokens_[i], ',') || is_special(tokens_[i], ';');
      angle_ahead_[i] = is_special(tokens_[i], '<') || (angle_ahead_[i + 1] && !separator);
    }
  }

  void run() {
    while (at_ < tokens_.size()) {
      const auto& token = tokens_[at_];
      if (is_special(token, ',')) {
        comma();
      } else if (is_special(token, ';')) {
        end_group();
      } else if (is_special(token, ':') && !seen_at_) {
        begin_group();
      } else if (is_special(token, '<')) {
        route_addr();
        continue;
      } else {
        element(token);
      }
      ++at_;
    }
    flush();
    if (!after_group_) out_.items.push_back(std::move(item_));
  }

 private:
  std::span<const Token> pending() const { return tokens_.subspan(first_, at_ - first_); }

  std::size_t offset_of(const Token& token) const {
    return static_cast<std::size_t>(token.text.data() - value_.data());
  }

  void restart(std::size_t first) {
    first_ = first;
    seen_at_ = false;
    word_ = nullptr;
  }

  void next_item() { out_.items.push_back(std::exchange(item_, {})); }

  void comma() {
    flush();
    // "name: a;, b": the comma only separates the group from what follows it.
    if (!after_group_) next_item();
    after_group_ = false;
    restart(at_ + 1);
  }

  void begin_group() {
    group_ = phrase_text(pending());
    item_.group += laid_out(pending()) + ": ";
    after_group_ = false;
    restart(at_ + 1);
  }

  void end_group() {
    flush();
    item_.ends_group = true;
    next_item();
    after_group_ = true;
    group_.clear();
    restart(at_ + 1);
  }

  void element(const Token& token) {
    if (token.kind != Kind::blank) after_group_ = false;
    if (is_special(token, '@')) seen_at_ = true;
    if (token.kind == Kind::special) word_ = nullptr;
    if (!is_word(token)) return;
    const bool apart = word_ != nullptr && !joined_by_dot(*word_, token) && !angle_ahead_[at_];
    if (apart || item_.address != std::string::npos) {
      flush();
      next_item();
      restart(at_);
    }
    word_ = &token;
  }

  // "phrase <route:local@domain>"
  void route_addr() {
    if (item_.address != std::string::npos) next_item();
    after_group_ = false;
    const auto phrase = pending();
    const std::size_t open = at_++;
    const bool route = at_ < tokens_.size() && is_special(tokens_[at_], '@');
    while (at_ < tokens_.size() && !is_special(tokens_[at_], '>')) {
      // Without its '>' an address ends at the comma, so that one slip does not swallow the list.
      if (!route && (is_special(tokens_[at_], ',') || is_special(tokens_[at_], ';'))) break;
      ++at_;
    }
    const auto inside = tokens_.subspan(open + 1, at_ - open - 1);
    if (at_ < tokens_.size() && is_special(tokens_[at_], '>')) ++at_;
    ListedAddress entry;
    entry.angle = true;
    entry.phrase = phrase_text(phrase);
    entry.begin = entry.end = offset_of(tokens_[open]) + 1;
    fill(entry, inside);
    const std::size_t after = at_;
    while (at_ < tokens_.size() && is_idle(tokens_[at_])) ++at_;
    const auto behind = tokens_.subspan(after, at_ - after);
    note_comments(entry, phrase);
    note_comments(entry, behind);
    item_.before = laid_out(phrase);
    item_.after = laid_out(behind);
    add(std::move(entry), inside);
    restart(at_);
  }

  void flush() {
    if (std::ranges::any_of(pending(), is_word)) {
      ListedAddress entry;
      fill(entry, pending());
      note_comments(entry, pending());
      if (!entry.address.empty()) add(std::move(entry), pending());
    } else if (const auto comments = laid_out(pending()); !comments.empty() && item_.address == std::string::npos) {
      item_.before = comments;
    }
  }

  void add(ListedAddress entry, std::span<const Token> tokens) {
    for (const auto& token : tokens) {
      if (token.kind == Kind::comment) item_.comments += " " + source_text(token);
    }
    item_.address = out_.addresses.size();
    out_.addresses.push_back(std::move(entry));
  }

  // Address and byte range, without what stands at the ends and does not belong to it.
  void fill(ListedAddress& entry, std::span<const Token> tokens) {
    const auto outside = [](const Token& token) { return is_idle(token) || is_special(token, '>'); };
    while (!tokens.empty() && is_idle(tokens.front())) tokens = tokens.subspan(1);
    while (!tokens.empty() && outside(tokens.back())) tokens = tokens.first(tokens.size() - 1);
    entry.group = group_;
    if (tokens.empty()) return;
    entry.begin = offset_of(tokens.front());
    entry.end = offset_of(tokens.back()) + tokens.back().text.size();
    entry.address = read_address(tokens).internal;
  }

  static void note_comments(ListedAddress& entry, std::span<const Token> tokens) {
    for (const auto& token : tokens) {
      if (token.kind != Kind::comment) continue;
      if (!entry.comment.empty()) entry.comment += ' ';
      entry.comment += comment_text(token);
    }
  }

  std::string_view value_;
  std::span<const Token> tokens_;
  AddressList& out_;
  std::vector<bool> angle_ahead_;  // a '<' follows within the item
  std::size_t at_ = 0;
  std::size_t first_ = 0;
  bool seen_at_ = false;
  const Token* word_ = nullptr;  // the last word, when nothing special followed it
  std::string group_;
  AddressList::Item item_;
  bool after_group_ = false;  // a group has just ended: nothing of another item was seen yet
};

std::string item_text(const AddressList& list, const AddressList::Item& item,
                      const std::vector<std::string>& replacements) {
  std::string out = item.group + item.before;
  if (item.address != std::string::npos) {
    const bool angle = list.addresses[item.address].angle;
    if (angle) out += item.before.empty() ? "<" : " <";
    out += quote_address(replacements[item.address]) + item.comments;
    if (angle) out += ">" + item.after;
  }
  if (item.ends_group) out += ';';
  return out;
}

}  // namespace

std::string token_value(const Token& token) {
  if (token.kind != Kind::quoted) return without_backslashes(token.text);
  auto inside = token.text.substr(1);
  if (token.closed) inside.remove_suffix(1);
  return without_backslashes(inside);
}

AddressSpec read_address(std::span<const Token> tokens) {
  AddressSpec out;
  const auto significant = [](const Token& token) { return !is_idle(token); };
  const auto start = std::ranges::find_if(tokens, significant);
  if (start != tokens.end() && is_special(*start, '@')) {
    const auto colon = std::find_if(start, tokens.end(), [](const Token& t) { return is_special(t, ':'); });
    if (colon != tokens.end()) tokens = tokens.subspan(static_cast<std::size_t>(colon - tokens.begin()) + 1);
  }
  const Token* previous = nullptr;
  for (const auto& token : tokens) {
    if (!significant(token)) {
      out.comments = out.comments || token.kind == Kind::comment;
      out.well_formed = out.well_formed && token.closed;
      continue;
    }
    if (is_special(token, '@')) {
      if (out.at != std::string::npos && out.at + 1 == out.internal.size()) out.well_formed = false;
      out.at = out.internal.size();
    } else if (is_special(token, ':')) {
      out.colons = true;
    } else if (token.kind == Kind::special || !token.closed) {
      out.well_formed = false;
    } else if (previous != nullptr && is_word(*previous) && !joined_by_dot(*previous, token)) {
      out.well_formed = false;
    }
    out.internal += token_value(token);
    previous = &token;
  }
  return out;
}

Tokens tokenize(std::string_view text, std::size_t limit) {
  Tokens out;
  Cursor in(text);
  while (!in.done() && out.list.size() < limit) out.list.push_back(next_token(in));
  out.rest = in.rest();
  return out;
}

AddressList parse_address_list(std::string_view value, std::size_t token_limit) {
  AddressList out;
  const Tokens tokens = tokenize(value, token_limit);
  out.truncated = !tokens.rest.empty();
  out.rest = tokens.rest;
  ListParser(value, tokens, out).run();
  return out;
}

std::string rewrite_address_header(std::string_view header, const AddressList& list,
                                   const std::vector<std::string>& replacements) {
  const bool same = std::ranges::equal(list.addresses, replacements, {}, &ListedAddress::address);
  const auto colon = header.find(':');
  if (same || replacements.size() != list.addresses.size() || colon == std::string_view::npos) {
    return std::string(header);
  }
  std::string out(header.substr(0, colon + 1));
  std::size_t column = out.size();
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const auto item = item_text(list, list.items[i], replacements) + (i + 1 < list.items.size() ? "," : "");
    if (i > 0 && column + 1 + item.size() > kFoldColumn) {
      out += "\n\t" + item;
      column = item.size();
    } else {
      out += " " + item;
      column += 1 + item.size();
    }
  }
  return out + list.rest;
}

std::string quote_phrase(std::string_view phrase) {
  const bool plain = std::ranges::all_of(phrase, [](char c) {
    return c == ' ' || (is_atom_byte(c) && c != '.' && c != '\\' && (text::is_print(c) || (c & 0x80) != 0));
  });
  if (plain && !phrase.empty() && text::trim(phrase).size() == phrase.size()) return std::string(phrase);
  return quote_text(phrase);
}

}  // namespace postern::mail
