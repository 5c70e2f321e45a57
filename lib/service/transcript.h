// SPDX-License-Identifier: Apache-2.0
// What was said in an SMTP session, and what kinds of trouble there were: for the notice to the postmaster that
// notify_classes may ask for (lib/service/error_notice.h). Common to the SMTP server and client.
//
// Nothing is kept where no class is wanted. What is kept is bounded: 64 KiB of lines of at most 2,048 bytes; a longer
// session loses its oldest lines. Credentials are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::service {

namespace notice_class {
inline constexpr unsigned kData = 1;       // a table cannot be asked
inline constexpr unsigned kPolicy = 2;     // refused by a restriction or limit
inline constexpr unsigned kProtocol = 4;   // the other end's mistakes
inline constexpr unsigned kResource = 8;   // no space, no queue file
inline constexpr unsigned kSoftware = 16;  // configuration errors
inline constexpr unsigned kBounce = 32;    // refused, since a bounce would follow; in a server's session
}  // namespace notice_class

// Error: an unknown word. Words that are of other programs' concern are no error.
[[nodiscard]] Result<unsigned> parse_notify_classes(std::string_view list);

class Transcript {
 public:
  // `wanted`: the classes that make a notice; 0 keeps nothing.
  void begin(unsigned wanted) { wanted_ = wanted; }
  // A command, whoever gave it, and a server's reply, under the name of its direction: "In:  " or "Out: ".
  void command(std::string_view direction, std::string_view line);
  void reply(std::string_view direction, std::string_view line);
  void trouble(unsigned notice_class) { seen_ |= notice_class; }
  // A message was taken after all: what went before was no trouble.
  void forgive() { seen_ = 0; }
  // Forgets what was said, if it is more than so many lines.
  void flush(std::size_t threshold);
  [[nodiscard]] bool kept() const { return wanted_ != 0; }
  [[nodiscard]] bool due() const { return (seen_ & wanted_) != 0; }
  [[nodiscard]] bool due(unsigned notice_class) const { return (seen_ & wanted_ & notice_class) != 0; }
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  void add(std::string_view tag, std::string_view line);
  unsigned wanted_ = 0;
  unsigned seen_ = 0;
  std::size_t count_ = 0;
  std::string text_;  // lines, each with its '\n'
};

}  // namespace postern::service
