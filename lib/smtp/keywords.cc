// SPDX-License-Identifier: Apache-2.0
#include "lib/smtp/keywords.h"

#include <algorithm>
#include <array>

#include "lib/base/text.h"

namespace postern::smtp {

namespace {

struct Keyword {
  std::string_view word;     // in the EHLO reply
  std::string_view discard;  // in *_discard_ehlo_keywords
  KeywordMask mask;
};
// In the order of the log line about those that are discarded.
constexpr std::array kKeywords{
    Keyword{"8BITMIME", "8bitmime", keyword::k8BitMime},
    Keyword{"AUTH", "auth", keyword::kAuth},
    Keyword{"ETRN", "etrn", keyword::kEtrn},
    Keyword{"PIPELINING", "pipelining", keyword::kPipelining},
    Keyword{"SIZE", "size", keyword::kSize},
    Keyword{"XVERP", "verp", keyword::kVerp},
    Keyword{"VRFY", "vrfy", keyword::kVrfy},
    Keyword{"XCLIENT", "xclient", keyword::kXclient},
    Keyword{"XFORWARD", "xforward", keyword::kXforward},
    Keyword{"STARTTLS", "starttls", keyword::kStartTls},
    Keyword{"ENHANCEDSTATUSCODES", "enhancedstatuscodes", keyword::kEnhancedStatusCodes},
    Keyword{"DSN", "dsn", keyword::kDsn},
    Keyword{"SMTPUTF8", "smtputf8", keyword::kSmtpUtf8},
    Keyword{"CHUNKING", "chunking", keyword::kChunking},
    Keyword{"REQUIRETLS", "requiretls", keyword::kRequireTls},
    Keyword{"", "silent-discard", keyword::kSilentDiscard},
};

KeywordMask mask_of_word(std::string_view word) {
  const auto* it = std::ranges::find_if(
      kKeywords, [word](const Keyword& k) { return !k.word.empty() && text::iequals(k.word, word); });
  return it == kKeywords.end() ? 0 : it->mask;
}

// Adds what is not there yet, in upper case.
void add_names(std::vector<std::string>& to, const std::vector<std::string_view>& words) {
  for (const auto word : words) {
    std::string name = text::upper(word);
    if (std::ranges::find(to, name) == to.end()) to.push_back(std::move(name));
  }
}

void add_size(Features& features, const std::vector<std::string_view>& parameters) {
  if (parameters.empty()) return;
  const auto size = text::to_u64(parameters.front());
  if (size && *size <= static_cast<std::uint64_t>(INT64_MAX)) {
    features.size_limit = *size;
    return;
  }
  features.mask &= ~keyword::kSize;
  features.size_limit = 0;
  features.bad_size = parameters.front();
}

void add_keyword(Features& features, std::string_view line, KeywordMask discard) {
  auto words = text::words(line);
  if (words.empty()) return;
  std::string_view name = words.front();
  words.erase(words.begin());
  // "AUTH=LOGIN PLAIN" of old servers.
  if (text::istarts_with(name, "AUTH=")) {
    if (name.size() > 5) words.insert(words.begin(), name.substr(5));
    name = name.substr(0, 4);
  }
  const KeywordMask mask = mask_of_word(name) & ~discard;
  features.mask |= mask;
  switch (mask) {
    case keyword::kSize: add_size(features, words); break;
    case keyword::kAuth: add_names(features.mechanisms, words); break;
    case keyword::kXforward: add_names(features.xforward, words); break;
    case keyword::kXclient: add_names(features.xclient, words); break;
    default: break;
  }
}

}  // namespace

DiscardList parse_discard_keywords(std::string_view list) {
  DiscardList result;
  for (const auto word : text::words(list, ", \t\r\n")) {
    const auto* it =
        std::ranges::find_if(kKeywords, [word](const Keyword& k) { return text::iequals(k.discard, word); });
    if (it == kKeywords.end()) {
      result.unknown.emplace_back(word);
    } else {
      result.mask |= it->mask;
    }
  }
  return result;
}

std::string keyword_names(KeywordMask mask) {
  std::vector<std::string> names;
  for (const auto& k : kKeywords) {
    if (!k.word.empty() && (mask & k.mask) != 0) names.push_back(text::upper(k.discard));
  }
  return text::join(names, " ");
}

bool Features::has_mechanism(std::string_view name) const {
  return std::ranges::any_of(mechanisms, [name](const std::string& m) { return text::iequals(m, name); });
}

Features parse_ehlo(const ServerReply& reply, KeywordMask discard) {
  Features features;
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    const auto line = reply.line_text(i);
    if (i == 0) {
      const auto words = text::words(line);
      if (!words.empty()) features.server_name = words.front();
    } else {
      add_keyword(features, line, discard);
    }
  }
  return features;
}

}  // namespace postern::smtp
