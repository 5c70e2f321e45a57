// SPDX-License-Identifier: Apache-2.0
#include "lib/config/expand.h"

#include <fmt/core.h>

#include <array>

#include "lib/base/text.h"

namespace postern::config {

namespace {

// References through parameters; a circle always gets here.
constexpr int kMaxReferences = 100;
// Brackets within brackets of one text, and values looked up in one expansion: both only bound memory and time.
constexpr int kMaxBrackets = 500;
constexpr int kMaxLookups = 100'000;
constexpr std::size_t kMaxResult = 16UL << 20;
// How much of the text an error message shows.
constexpr std::size_t kErrorTail = 30;

constexpr bool is_name_byte(char c) { return text::is_alnum(c) || c == '_'; }

[[nodiscard]] std::unexpected<Error> fail_at(std::string_view problem, std::string_view before, std::string_view rest) {
  return fail(fmt::format("{} at: \"...{}>>>{}\"", problem, before, text::printable(rest.substr(0, kErrorTail))));
}

// Length of the group that starts with `open` at the front, brackets included; npos when it is not closed.
std::size_t group_length(std::string_view s, char open, char close) {
  int depth = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == open) ++depth;
    if (s[i] == close && --depth == 0) return i + 1;
  }
  return std::string_view::npos;
}

// Takes a {...} group off the front of `rest`; its inside, as written. The caller saw the '{'.
Result<std::string_view> take_group(std::string_view& rest) {
  const auto length = group_length(rest, '{', '}');
  if (length == std::string_view::npos) {
    return fail(fmt::format("truncated macro reference: \"{}\"", text::printable(rest)));
  }
  const auto inside = rest.substr(1, length - 2);
  rest.remove_prefix(length);
  return inside;
}

struct Branches {
  std::optional<std::string_view> yes;
  std::optional<std::string_view> no;
};

// What stands behind the condition: "", "?yes", ":no", "?{yes}:{no}", "?{yes}:no".
Result<Branches> parse_branches(std::string_view rest) {
  Branches out;
  const bool negative = rest.front() == ':';
  rest = text::trim_left(rest.substr(1));
  if (!rest.starts_with('{')) {
    (negative ? out.no : out.yes) = rest;
    return out;
  }
  auto first = take_group(rest);
  if (!first) return std::unexpected(first.error());
  const auto shown = std::string(*first) + '}';
  (negative ? out.no : out.yes) = text::trim(*first);
  rest = text::trim_left(rest);
  if (rest.empty()) return out;
  if (negative) return fail_at("unexpected input", shown, rest);
  if (rest.front() != ':') return fail_at("\":\" expected", shown, rest);
  rest = text::trim_left(rest.substr(1));
  if (!rest.starts_with('{')) {
    out.no = rest;
    return out;
  }
  auto second = take_group(rest);
  if (!second) return std::unexpected(second.error());
  out.no = text::trim(*second);
  rest = text::trim_left(rest);
  if (!rest.empty()) return fail_at("unexpected input", std::string(*second) + '}', rest);
  return out;
}

enum class Operator { equal, not_equal, less, less_equal, greater_equal, greater };

struct Comparison {
  std::string_view left;
  std::string_view right;
  Operator op = Operator::equal;
  bool level = false;
  std::string_view rest;  // from '?' or ':' on
};

std::optional<Operator> find_operator(std::string_view symbol) {
  constexpr std::array<std::pair<std::string_view, Operator>, 6> kOperators = {{{"==", Operator::equal},
                                                                                {"!=", Operator::not_equal},
                                                                                {"<", Operator::less},
                                                                                {"<=", Operator::less_equal},
                                                                                {">=", Operator::greater_equal},
                                                                                {">", Operator::greater}}};
  for (const auto& [text, op] : kOperators) {
    if (text == symbol) return op;
  }
  return std::nullopt;
}

// "{left} OP {right}" and what follows; `body` starts with '{'.
Result<Comparison> parse_comparison(std::string_view body) {
  Comparison out;
  auto rest = body;
  const auto left = take_group(rest);
  if (!left) return std::unexpected(left.error());
  out.left = *left;
  rest = text::trim_left(rest);
  const auto symbol = rest.substr(0, rest.find_first_not_of("=!<>~+-*/&|%^"));
  const auto op = find_operator(symbol);
  if (!op) {
    return fail_at("\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected",
                   std::string(out.left) + '}', rest);
  }
  out.op = *op;
  rest.remove_prefix(symbol.size());
  const auto suffix = rest.substr(0, rest.find_first_of(" \t\r\n\f\v{"));
  if (suffix == "level") out.level = true;
  if (!suffix.empty() && suffix != "level") return fail_at("bad operator suffix", symbol, suffix);
  rest.remove_prefix(suffix.size());
  const auto operand = text::trim_left(rest);
  if (!operand.starts_with('{')) {
    return fail_at("\"{expression}\" expected", body.substr(0, body.size() - rest.size()), rest);
  }
  rest = operand;
  const auto right = take_group(rest);
  if (!right) return std::unexpected(right.error());
  out.right = *right;
  out.rest = text::trim_left(rest);
  if (!out.rest.empty() && out.rest.front() != '?' && out.rest.front() != ':') {
    return fail_at("\"?\" or \":\" expected", "}", out.rest);
  }
  return out;
}

bool all_digits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

// Numbers of any length compare by value, anything else byte by byte.
int compare_operands(std::string_view a, std::string_view b) {
  if (!all_digits(a) || !all_digits(b)) return a.compare(b);
  a = text::trim_left(a, "0");
  b = text::trim_left(b, "0");
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

bool holds(Operator op, int order) {
  switch (op) {
    case Operator::equal: return order == 0;
    case Operator::not_equal: return order != 0;
    case Operator::less: return order < 0;
    case Operator::less_equal: return order <= 0;
    case Operator::greater_equal: return order >= 0;
    case Operator::greater: return order > 0;
  }
  return false;
}

Result<std::string> call_function(std::string_view name, const std::string& argument) {
  if (text::is_ascii(argument)) return argument;
  return fail(fmt::format("{}: not an ASCII domain name: \"{}\"", name, text::printable(argument)));
}

class Expander {
 public:
  Expander(const Lookup& lookup, bool once) : lookup_(lookup), once_(once) {}
  // Collects names instead of values.
  Expander(const Lookup& lookup, std::vector<std::string>& names) : lookup_(lookup), names_(&names) {}

  Result<std::string> text(std::string_view source, int references, int brackets) {
    std::string out;
    if (brackets > kMaxBrackets) {
      return fail(
          fmt::format("unreasonable macro call nesting: \"{}\"", text::printable(source.substr(0, kErrorTail))));
    }
    std::size_t at = 0;
    while (at < source.size()) {
      const auto dollar = source.find('$', at);
      out += source.substr(at, dollar - at);
      if (dollar == std::string_view::npos) break;
      at = dollar + 1;
      auto value = reference(source, at, references, brackets);
      if (!value) return value;
      out += *value;
      if (out.size() > kMaxResult) return fail("macro result is too long");
    }
    return out;
  }

 private:
  // One reference; `at` stands behind the '$' and is moved behind the reference.
  Result<std::string> reference(std::string_view source, std::size_t& at, int references, int brackets) {
    const auto rest = source.substr(at);
    if (rest.starts_with('$')) {
      ++at;
      return std::string("$");
    }
    if (rest.starts_with('{') || rest.starts_with('(')) {
      const auto length = rest.front() == '{' ? group_length(rest, '{', '}') : group_length(rest, '(', ')');
      if (length == std::string_view::npos) {
        return fail(fmt::format("truncated macro reference: \"{}\"", text::printable(source)));
      }
      if (length == 2) return fail(fmt::format("empty macro name: \"{}\"", text::printable(source)));
      at += length;
      return bracketed(rest.substr(1, length - 2), references, brackets + 1);
    }
    std::size_t length = 0;
    while (length < rest.size() && is_name_byte(rest[length])) ++length;
    if (length == 0) return fail(fmt::format("empty macro name: \"{}\"", text::printable(source)));
    at += length;
    return value_of(rest.substr(0, length), references);
  }

  Result<std::string> bracketed(std::string_view body, int references, int brackets) {
    body = text::trim_left(body);
    if (body.starts_with('{')) return conditional(body, references, brackets);
    std::size_t length = 0;
    while (length < body.size() && is_name_byte(body[length])) ++length;
    const auto name = body.substr(0, length);
    const auto behind = body.substr(length);
    const auto rest = text::trim_left(behind);
    if (rest.empty()) return value_of(name, references);
    if (rest.front() == '{' && name == "domain_to_ascii") return function(name, rest, references, brackets);
    if (rest.front() != '?' && rest.front() != ':') return fail_at("attribute name syntax error", name, behind);
    const auto value = value_of(name, references);
    if (!value) return value;
    const auto branches = parse_branches(rest);
    if (!branches) return std::unexpected(branches.error());
    return choose(*branches, !value->empty(), references, brackets);
  }

  Result<std::string> function(std::string_view name, std::string_view rest, int references, int brackets) {
    const auto inside = take_group(rest);
    if (!inside) return std::unexpected(inside.error());
    if (!text::trim(rest).empty()) return fail_at("unexpected input", std::string(*inside) + '}', rest);
    const auto argument = text(text::trim(*inside), references, brackets);
    if (!argument) return argument;
    return call_function(name, *argument);
  }

  Result<std::string> conditional(std::string_view body, int references, int brackets) {
    const auto comparison = parse_comparison(body);
    if (!comparison) return std::unexpected(comparison.error());
    const auto left = text(comparison->left, references, brackets);
    if (!left) return left;
    const auto right = text(comparison->right, references, brackets);
    if (!right) return right;
    const auto truth = compare(*comparison, *left, *right);
    if (!truth) return std::unexpected(truth.error());
    if (comparison->rest.empty()) return std::string(*truth ? "true" : "");
    const auto branches = parse_branches(comparison->rest);
    if (!branches) return std::unexpected(branches.error());
    return choose(*branches, *truth, references, brackets);
  }

  Result<bool> compare(const Comparison& comparison, const std::string& left, const std::string& right) {
    if (!comparison.level) return holds(comparison.op, compare_operands(left, right));
    if (names_ != nullptr) return true;  // no values here to compare
    const auto a = compatibility_level(left);
    if (!a) return std::unexpected(a.error());
    const auto b = compatibility_level(right);
    if (!b) return std::unexpected(b.error());
    return holds(comparison.op, *a < *b ? -1 : (*a == *b ? 0 : 1));
  }

  Result<std::string> choose(const Branches& branches, bool truth, int references, int brackets) {
    if (names_ != nullptr) {
      for (const auto& branch : {branches.yes, branches.no}) {
        if (!branch) continue;
        if (auto seen = text(*branch, references, brackets); !seen) return seen;
      }
      return std::string();
    }
    const auto& branch = truth ? branches.yes : branches.no;
    if (!branch) return std::string();
    return text(*branch, references, brackets);
  }

  Result<std::string> value_of(std::string_view name, int references) {
    if (name.empty()) return std::string();
    if (names_ != nullptr) {
      names_->emplace_back(name);
      return std::string();
    }
    if (references >= kMaxReferences - 1 || ++lookups_ > kMaxLookups) {
      return fail(fmt::format("unreasonable macro call nesting: \"{}\"", name));
    }
    auto raw = lookup_(name);
    if (!raw) return std::string();
    if (once_) return std::move(*raw);
    return text(*raw, references + 1, 0);
  }

  const Lookup& lookup_;
  std::vector<std::string>* names_ = nullptr;
  bool once_ = false;
  int lookups_ = 0;
};

}  // namespace

Result<std::string> expand(std::string_view text, const Lookup& lookup) {
  return Expander(lookup, false).text(text, 0, 0);
}

Result<std::string> expand_once(std::string_view text, const Lookup& lookup) {
  return Expander(lookup, true).text(text, 0, 0);
}

Result<std::vector<std::string>> references(std::string_view text) {
  std::vector<std::string> names;
  const Lookup none = [](std::string_view) { return std::optional<std::string>(); };
  if (auto seen = Expander(none, names).text(text, 0, 0); !seen) return std::unexpected(seen.error());
  return names;
}

Result<std::uint64_t> compatibility_level(std::string_view text) {
  constexpr int kPartBits = 20;
  const auto parts = text::fields(text, '.');
  std::uint64_t out = 0;
  bool good = parts.size() <= 3;
  for (std::size_t i = 0; good && i < 3; ++i) {
    out <<= kPartBits;
    if (i >= parts.size()) continue;
    const auto part = text::to_u64(parts[i]);
    good = part && *part < (1ULL << kPartBits);
    if (good) out |= *part;
  }
  if (!good) return fail(fmt::format("malformed compatibility level syntax: \"{}\"", text::printable(text)));
  return out;
}

}  // namespace postern::config
