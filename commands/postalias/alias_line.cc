// SPDX-License-Identifier: Apache-2.0
#include "commands/postalias/alias_line.h"

#include <vector>

#include "lib/base/text.h"

namespace postern::postalias {

namespace {

struct Token {
  bool word = false;  // atom, quoted string, comment or [literal]; otherwise one special byte
  std::string text;   // as written
  std::string bare;   // without quotes and backslashes
};

constexpr std::string_view kSpecials = ":,;<>@";

// From an opening byte to its closing one, which may be missing at the end of the line.
Token enclosed(std::string_view& rest, char close, bool nests) {
  const char open = rest.front();
  std::size_t depth = 0;
  std::size_t i = 0;
  Token token{true, "", ""};
  for (; i < rest.size(); ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      token.bare += rest[++i];
    } else if (nests && rest[i] == open) {
      ++depth;
    } else if (rest[i] == close && i > 0 && (!nests || --depth == 0)) {
      ++i;
      break;
    } else if (i > 0) {
      token.bare += rest[i];
    }
  }
  token.text = rest.substr(0, i);
  if (!token.text.ends_with(close) || token.text.size() == 1) token.text += close;
  if (open != '"') token.bare = token.text;
  rest.remove_prefix(i);
  return token;
}

Token atom(std::string_view& rest) {
  Token token{true, "", ""};
  std::size_t i = 0;
  for (; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '\\' && i + 1 < rest.size()) {
      token.bare += rest[++i];
      continue;
    }
    if (text::is_blank(c) || c == '"' || c == '(' || kSpecials.find(c) != std::string_view::npos) break;
    token.bare += c;
  }
  token.text = rest.substr(0, i);
  rest.remove_prefix(i);
  return token;
}

std::vector<Token> tokens(std::string_view rest) {
  std::vector<Token> result;
  for (rest = text::trim_left(rest); !rest.empty(); rest = text::trim_left(rest)) {
    const char c = rest.front();
    if (c == '"') {
      result.push_back(enclosed(rest, '"', false));
    } else if (c == '(') {
      result.push_back(enclosed(rest, ')', true));
    } else if (c == '[') {
      result.push_back(enclosed(rest, ']', false));
    } else if (kSpecials.find(c) != std::string_view::npos) {
      result.push_back({false, std::string(1, c), std::string(1, c)});
      rest.remove_prefix(1);
    } else {
      result.push_back(atom(rest));
    }
  }
  return result;
}

std::string joined(const std::vector<Token>& list, std::size_t begin, std::size_t end, std::string Token::* text) {
  std::string result;
  for (std::size_t i = begin; i < end; ++i) {
    const bool first = i == begin;
    const bool after_word = !first && list[i - 1].word && (list[i].word || list[i].text == "<");
    const bool after_comma = !first && list[i - 1].text == ",";
    if (after_word || after_comma) result += ' ';
    result += list[i].*text;
  }
  return result;
}

}  // namespace

Result<std::pair<std::string, std::string>> parse_alias_line(std::string_view line) {
  const std::vector<Token> list = tokens(line);
  std::size_t colon = 0;
  bool local = true;
  while (colon < list.size() && list[colon].text != ":") {
    if (list[colon].text == "@") local = false;
    if (list[colon].text == "," || list[colon].text == ";") return fail("need name:value pair");
    ++colon;
  }
  if (colon == 0 || colon + 1 >= list.size()) return fail("need name:value pair");
  if (!local) return fail("name must be local");
  return std::pair{joined(list, 0, colon, &Token::bare), joined(list, colon + 1, list.size(), &Token::text)};
}

}  // namespace postern::postalias
