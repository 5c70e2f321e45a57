// SPDX-License-Identifier: Apache-2.0
// What is to be told of one handshake before its outcome: its steps, as loglevels 2 and 3 want them, and warnings. They
// travel with the report to the program that asked, whose log lines they are. The amount is bounded, since the report
// is: what does not fit is cut with a line that says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::openssl {

class Notes {
 public:
  Notes() = default;
  Notes(std::uint32_t loglevel, std::string peer) : loglevel_(loglevel), peer_(std::move(peer)) {}

  // Steps of the handshake are wanted.
  [[nodiscard]] bool steps() const { return loglevel_ >= 2; }
  // What goes over the wire is wanted: while the handshake lasts, or always.
  [[nodiscard]] bool bytes(bool handshaken) const { return loglevel_ >= (handshaken ? 4U : 3U); }
  [[nodiscard]] const std::string& peer() const { return peer_; }

  void add(std::string line);
  void warn(std::string_view text) { add("warning: " + std::string(text)); }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::uint32_t loglevel_ = 0;
  std::string peer_;
  std::vector<std::string> lines_;
  std::size_t size_ = 0;
  bool cut_ = false;
};

// "0000 16 03 01 02 00 01 00 01|fc 03 ...  ........ ...", 16 bytes a line.
[[nodiscard]] std::vector<std::string> dump_lines(std::string_view bytes);

}  // namespace postern::openssl
