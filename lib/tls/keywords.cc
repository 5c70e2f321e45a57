// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/keywords.h"

#include <fmt/core.h>

#include <array>

#include "lib/base/text.h"

namespace postern::tls {

namespace {

constexpr std::string_view kSwitch = "tlsswitchchannel";

struct Strength {
  std::string_view prefix;
  Level level;
};
constexpr std::array kStrengths{Strength{"notls", Level::none}, Strength{"maytls", Level::may},
                                Strength{"musttls", Level::encrypt}};

struct Word {
  Level level = Level::none;
  bool server = true;
  bool client = true;
  [[nodiscard]] bool broad() const { return server && client; }
};

std::optional<Word> find_word(std::string_view word) {
  const std::string lower = text::lower(word);
  for (const Strength& strength : kStrengths) {
    if (!lower.starts_with(strength.prefix)) continue;
    const std::string_view half = std::string_view(lower).substr(strength.prefix.size());
    if (half.empty()) return Word{strength.level, true, true};
    if (half == "server") return Word{strength.level, true, false};
    if (half == "client") return Word{strength.level, false, true};
  }
  return std::nullopt;
}

// What one half has been told so far.
struct Half {
  std::optional<Level> level;
  bool narrow = false;  // by a word for this half alone
  std::string said;     // that word
};

Result<> tell(Half& half, const Word& word, std::string_view text) {
  const bool overrides = !word.broad() && !half.narrow;
  if (half.level && *half.level != word.level && !overrides) {
    return fail(fmt::format("{} and {} contradict each other", half.said, text));
  }
  // A broad word that agrees leaves the narrow one in force.
  if (half.level && word.broad()) return {};
  half = {word.level, !word.broad(), std::string(text)};
  return {};
}

Result<> set_switch(ChannelKeywords& keywords, std::string_view name) {
  if (name.empty() || find_word(name) || text::iequals(name, kSwitch)) {
    return fail(fmt::format("{} needs the name of a service", kSwitch));
  }
  if (!keywords.switch_to.empty() && keywords.switch_to != name) {
    return fail(fmt::format("{} {} and {} {} contradict each other", kSwitch, keywords.switch_to, kSwitch, name));
  }
  keywords.switch_to = name;
  return {};
}

}  // namespace

std::string keyword_name(Level level, std::string_view half) {
  for (const Strength& strength : kStrengths) {
    if (strength.level == level) return std::string(strength.prefix) + std::string(half);
  }
  return {};
}

Result<ChannelKeywords> parse_channel_keywords(std::string_view text) {
  ChannelKeywords out;
  Half server;
  Half client;
  const auto words = text::words(text, " \t\r\n,");
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (text::iequals(words[i], kSwitch)) {
      if (auto set = set_switch(out, i + 1 < words.size() ? words[i + 1] : std::string_view()); !set) {
        return std::unexpected(set.error());
      }
      ++i;
      continue;
    }
    const auto word = find_word(words[i]);
    if (!word) return fail(fmt::format("unknown keyword \"{}\"", text::printable(words[i])));
    if (word->server) {
      if (auto told = tell(server, *word, words[i]); !told) return std::unexpected(told.error());
    }
    if (word->client) {
      if (auto told = tell(client, *word, words[i]); !told) return std::unexpected(told.error());
    }
  }
  out.server = server.level;
  out.client = client.level;
  if (out.server == Level::none && !out.switch_to.empty()) {
    return fail(fmt::format("{} and {} {} contradict each other", server.said, kSwitch, out.switch_to));
  }
  return out;
}

bool agrees(Level keyword, Level level) {
  switch (keyword) {
    case Level::none: return level == Level::none;
    case Level::may: return level == Level::may || level == Level::dane;
    default: return mandatory(level) && level != Level::dane;
  }
}

Result<Level> limited_level(const ChannelKeywords& keywords, Level level) {
  if (!keywords.client || agrees(*keywords.client, level)) return level;
  switch (*keywords.client) {
    case Level::none:
      if (agrees(Level::encrypt, level) || level == Level::dane) {
        return fail(fmt::format("level {} of the destination and {} of the transport", level_name(level),
                                keyword_name(Level::none, "client")));
      }
      return Level::none;
    case Level::may:
      // A destination may ask for more, or for nothing.
      return level;
    default: return level == Level::dane ? Level::dane : Level::encrypt;
  }
}

}  // namespace postern::tls
