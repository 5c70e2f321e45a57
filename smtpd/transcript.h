// SPDX-License-Identifier: Apache-2.0
// What was said in a session, and what kinds of trouble there were: for the notice to the postmaster that
// notify_classes may ask for.
//
// Nothing is kept where no class is wanted. What is kept is bounded: smtpd_history_flush_threshold lines outlive the
// end of a transaction, and a session that never ends one loses its oldest lines. Credentials are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/smtp/reply.h"

namespace postern::smtpd {

namespace notice_class {
inline constexpr unsigned kData = 1;       // a table cannot be asked
inline constexpr unsigned kPolicy = 2;     // refused by a restriction or limit
inline constexpr unsigned kProtocol = 4;   // the client's mistakes
inline constexpr unsigned kResource = 8;   // no space, no queue file
inline constexpr unsigned kSoftware = 16;  // configuration errors
}  // namespace notice_class

// Error: an unknown word. Words that are of other programs' concern are no error.
[[nodiscard]] Result<unsigned> parse_notify_classes(std::string_view list);
// What kind of trouble a reply shows that no restriction made.
[[nodiscard]] unsigned class_of(const smtp::Reply& reply);

class Transcript {
 public:
  // `wanted`: the classes that make a notice; 0 keeps nothing.
  void begin(unsigned wanted) { wanted_ = wanted; }
  void heard(std::string_view line);
  void said(const smtp::Reply& reply);
  void trouble(unsigned notice_class) { seen_ |= notice_class; }
  // At the end of a transaction.
  void flush(std::size_t threshold);
  [[nodiscard]] bool due() const { return (seen_ & wanted_) != 0; }
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  void add(std::string_view tag, std::string_view line);
  unsigned wanted_ = 0;
  unsigned seen_ = 0;
  std::size_t count_ = 0;
  std::string text_;  // lines, each with its '\n'
};

}  // namespace postern::smtpd
