// SPDX-License-Identifier: Apache-2.0
// The commands of RFC 5321 and its extensions, with what the session loop must know of each before it runs.
//
// The order is that of the counters in the disconnect line.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "lib/base/text.h"

namespace postern::smtpd {

enum class Verb {
  helo,
  ehlo,
  xclient,
  xforward,
  starttls,
  auth,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  vrfy,
  etrn,
  quit,
  unknown
};
inline constexpr std::size_t kVerbCount = 16;

struct VerbTraits {
  std::string_view name;
  bool without_tls = false;    // allowed where the session must begin TLS first
  bool last_in_group = false;  // RFC 2920: the client must wait for the reply
  bool junk = false;           // counts against smtpd_junk_command_limit
};

inline constexpr std::array<VerbTraits, kVerbCount> kVerbs = {{
    {"HELO", true, true, true},
    {"EHLO", true, true, true},
    {"XCLIENT", true, false, false},
    {"XFORWARD", false, false, false},
    {"STARTTLS", true, false, false},
    {"AUTH", false, false, false},
    {"MAIL", false, false, false},
    {"RCPT", false, false, false},
    {"DATA", false, true, false},
    {"BDAT", false, false, false},
    {"RSET", false, false, true},
    {"NOOP", true, true, true},
    {"VRFY", false, true, true},
    {"ETRN", false, false, true},
    {"QUIT", true, false, false},
    {"UNKNOWN", true, false, false},
}};

constexpr const VerbTraits& traits(Verb verb) { return kVerbs[static_cast<std::size_t>(verb)]; }

inline Verb find_verb(std::string_view word) {
  for (std::size_t i = 0; i + 1 < kVerbCount; ++i) {
    if (text::iequals(word, kVerbs[i].name)) return static_cast<Verb>(i);
  }
  return Verb::unknown;
}

}  // namespace postern::smtpd
