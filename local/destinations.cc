// SPDX-License-Identifier: Apache-2.0
#include "local/destinations.h"

#include <algorithm>
#include <span>

#include "lib/base/text.h"
#include "lib/mail/address_list.h"
#include "lib/mail/address_spec.h"

namespace postern::local {

namespace {

using Kind = Destination::Kind;
constexpr std::string_view kInclude = ":include:";

using mail::Token;

bool is(const Token& token, char c) { return token.kind == Token::Kind::special && token.text[0] == c; }

bool is_word(const Token& token) {
  return token.kind == Token::Kind::atom || token.kind == Token::Kind::quoted || token.kind == Token::Kind::literal;
}

// Between these and their neighbours blanks do not separate: "a . b" is one address, "| command" one command.
bool joins(const Token& left, const Token& right) {
  const auto open = [](char c) { return c == '.' || c == '|'; };
  return open(left.text.back()) || open(right.text.front());
}

// A plain item: addresses and the rest look alike until quotes and backslashes are gone.
void add_plain(std::span<const Token> tokens, std::vector<Destination>& out) {
  const auto first =
      std::ranges::find_if(tokens, [](const Token& t) { return is_word(t) || is(t, '@') || is(t, ':'); });
  if (first == tokens.end()) return;
  // An angle bracket that nothing opened.
  while (tokens.back().kind == Token::Kind::blank || is(tokens.back(), '>')) tokens = tokens.first(tokens.size() - 1);
  std::string text = mail::read_address(tokens).internal;
  if (text.starts_with('|')) {
    out.push_back({Kind::command, text.substr(1), false});
  } else if (text.starts_with('/') || text.starts_with('~')) {
    out.push_back({Kind::file, std::move(text), false});
  } else if (text::istarts_with(text, kInclude)) {
    out.push_back({Kind::include, std::string(text::trim(text.substr(kInclude.size()))), false});
  } else {
    out.push_back({Kind::address, text == "@" ? std::string() : std::move(text), first->text.starts_with('\\')});
  }
}

// Walks the tokens of a list once.
class Splitter {
 public:
  Splitter(std::span<const Token> tokens, std::vector<Destination>& out) : tokens_(tokens), out_(out) {}

  void run() {
    while (at_ < tokens_.size()) {
      const Token& token = tokens_[at_];
      if (is(token, ',') || is(token, ';')) {
        finish(at_ + 1);
      } else if (is(token, ':') && begins_group()) {
        restart(at_ + 1);
      } else if (is(token, '<') && ahead('>', "")) {
        route_addr();
        continue;
      } else if (is_word(token)) {
        // A word after a word begins another address, unless both belong to a name.
        if (word_ != nullptr && !joins(*word_, token) && !ahead('<', ",;")) finish(at_);
        word_ = &token;
      } else if (token.kind == Token::Kind::special) {
        word_ = nullptr;
      }
      ++at_;
    }
    finish(at_);
  }

 private:
  void restart(std::size_t first) {
    first_ = first;
    word_ = nullptr;
  }
  void finish(std::size_t next) {
    add_plain(tokens_.subspan(first_, at_ - first_), out_);
    restart(next);
  }
  // Whether `wanted` comes, and none of `stops` before it.
  [[nodiscard]] bool ahead(char wanted, std::string_view stops) const {
    for (const Token& token : tokens_.subspan(at_)) {
      if (is(token, wanted)) return true;
      if (token.kind == Token::Kind::special && stops.find(token.text[0]) != std::string_view::npos) return false;
    }
    return false;
  }
  // "name: a, b;"
  [[nodiscard]] bool begins_group() const {
    const auto before = tokens_.subspan(first_, at_ - first_);
    const auto is_at = [](const Token& t) { return is(t, '@') || is(t, ':'); };
    return std::ranges::any_of(before, is_word) && std::ranges::none_of(before, is_at) && ahead(';', "");
  }
  void route_addr() {
    const std::size_t open = at_;
    while (!is(tokens_[at_], '>')) ++at_;
    const std::string address = mail::read_address(tokens_.subspan(open + 1, at_ - open - 1)).internal;
    if (!address.empty()) out_.push_back({Kind::address, address, false});
    restart(++at_);
  }

  std::span<const Token> tokens_;
  std::vector<Destination>& out_;
  std::size_t at_ = 0;
  std::size_t first_ = 0;
  const Token* word_ = nullptr;  // the last word, when nothing special followed it
};

}  // namespace

std::vector<Destination> parse_destinations(std::string_view text) {
  std::vector<Destination> out;
  const auto tokens = mail::tokenize(text, SIZE_MAX).list;
  Splitter(tokens, out).run();
  return out;
}

std::vector<Destination> parse_destination_file(std::string_view content) {
  std::vector<Destination> out;
  std::string logical;
  const auto finish = [&] {
    for (auto& d : parse_destinations(logical)) out.push_back(std::move(d));
    logical.clear();
  };
  for (const auto whole : text::fields(content, '\n')) {
    const auto line = whole.substr(0, whole.find('\0'));
    if (line.starts_with('#') || text::trim(line).empty()) continue;
    if (!text::is_blank(line[0])) finish();
    logical += line;
  }
  finish();
  return out;
}

}  // namespace postern::local
