// SPDX-License-Identifier: Apache-2.0
// What sendmail does to a message: which lines of its input belong to it, and who the header names as recipients.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::sendmail {

// Lines of standard input, one after the other, become lines of the message: mbox envelope lines in front of it go,
// line endings are made uniform, and a line with only a dot may end it.
class InputLines {
 public:
  enum class Endings { always, strict, never };
  // sendmail_fix_line_endings
  [[nodiscard]] static Result<Endings> parse_endings(std::string_view value);

  InputLines(Endings endings, bool dot_ends) : endings_(endings), dot_ends_(dot_ends) {}
  // `line` without its newline; `complete` when it had one. nullopt: not part of the message.
  [[nodiscard]] std::optional<std::string_view> take(std::string_view line, bool complete);
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  Endings endings_;
  bool dot_ends_;
  bool fixes_ = true;
  bool first_ = true;     // no line has been seen
  bool envelope_ = true;  // only mbox envelope lines so far
  bool ended_ = false;
};

// sendmail -t: recipients from the To, Cc, Bcc headers, or from the Resent- ones where there are any.
class HeaderRecipients {
 public:
  explicit HeaderRecipients(std::size_t header_limit) : limit_(header_limit) {}
  void line(std::string_view text);
  // At the end of the message. Internal form.
  [[nodiscard]] std::vector<std::string> take();

 private:
  void finish_header();
  std::size_t limit_;
  bool in_header_ = true;
  std::string header_;
  bool resent_ = false;
  std::vector<std::string> normal_;
  std::vector<std::string> resent_recipients_;
};

// Addresses of one command line argument, which may be a list. Internal form.
[[nodiscard]] std::vector<std::string> addresses_of(std::string_view text);
// -f: the first address; "" and "<>" are the null sender.
[[nodiscard]] std::string sender_of(std::string_view text);
// The full name in a password file entry: up to the first comma, '&' is the login name with an upper-case letter.
[[nodiscard]] std::string full_name_of(std::string_view gecos, std::string_view login);
// What -bv sends instead of a message.
[[nodiscard]] std::vector<std::string> probe_message(std::string_view sender,
                                                     const std::vector<std::string>& recipients);

}  // namespace postern::sendmail
