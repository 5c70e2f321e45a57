// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/notes.h"

#include <fmt/core.h>

namespace postern::openssl {

namespace {

// With the rest of a report below kTlsReportLimit.
constexpr std::size_t kSizeLimit = 40UL << 10;
constexpr std::size_t kPerLine = 16;
constexpr std::size_t kHalf = kPerLine / 2;

}  // namespace

void Notes::add(std::string line) {
  if (cut_) return;
  size_ += line.size();
  if (size_ > kSizeLimit) {
    cut_ = true;
    line = peer_ + ": the rest of the handshake's log is left out";
  }
  lines_.push_back(std::move(line));
}

std::vector<std::string> dump_lines(std::string_view bytes) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < bytes.size(); at += kPerLine) {
    const std::string_view part = bytes.substr(at, kPerLine);
    std::string hex;
    std::string text;
    for (std::size_t i = 0; i < kPerLine; ++i) {
      const bool here = i < part.size();
      const auto byte = static_cast<unsigned char>(here ? part[i] : 0);
      hex += here ? fmt::format("{:02x}", byte) : "  ";
      hex += here && i + 1 == kHalf && part.size() > kHalf ? '|' : ' ';
      if (i == kHalf) text += ' ';
      if (here) text += byte >= ' ' && byte < 0x7F ? static_cast<char>(byte) : '.';
    }
    lines.push_back(fmt::format("{:04x} {} {}", at, hex, text));
  }
  return lines;
}

}  // namespace postern::openssl
