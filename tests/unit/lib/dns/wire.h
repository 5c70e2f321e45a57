// SPDX-License-Identifier: Apache-2.0
// DNS packets for tests, written the simplest way: one question, answers whose owner is the question.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/text.h"

namespace postern::dns::test {

inline std::string u16(unsigned value) { return {static_cast<char>(value >> 8 & 255), static_cast<char>(value & 255)}; }

inline std::string wire_name(std::string_view name) {
  std::string out;
  if (!name.empty()) {
    for (const auto label : text::fields(name, '.')) {
      out += static_cast<char>(label.size());
      out += label;
    }
  }
  return out + '\0';
}

struct Rr {
  unsigned type = 0;
  std::string rdata;
  std::string owner = {};  // wire form; empty: the question
};

// `flags`: the low byte of the flags (AD is 0x20); the low four bits are the response code.
inline std::string packet(std::string_view name, unsigned type, unsigned flags, const std::vector<Rr>& answers,
                          unsigned id = 7) {
  std::string out =
      u16(id) + u16(0x8180 | flags) + u16(1) + u16(static_cast<unsigned>(answers.size())) + u16(0) + u16(0);
  out += wire_name(name) + u16(type) + u16(1);
  for (const auto& rr : answers) {
    out += rr.owner.empty() ? std::string("\xc0\x0c", 2) : rr.owner;
    out += u16(rr.type) + u16(1) + u16(0) + u16(300) + u16(static_cast<unsigned>(rr.rdata.size())) + rr.rdata;
  }
  return out;
}

}  // namespace postern::dns::test
