// SPDX-License-Identifier: Apache-2.0
// Replies of an SMTP server: what smtpd says, and what smtp hears (RFC 5321 4.2, RFC 2034, RFC 3463).
//
// A Reply is made of a code, an optional enhanced status code and one or more lines of text; wire() writes it.
// The enhanced code stands on every line.
// An SmtpError is a refusal on its way to the client: `text` goes out, `reason` goes to the log only.
// ServerReply is what a client reads; ReplyReader takes it from bytes as they come, and is not strict: a line that
// is no reply line is kept as text and the reply goes on behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::smtp {

// What a peer may say in one line, and what we say at most in one.
inline constexpr std::size_t kReplyLineLimit = 2048;

struct Reply {
  int code = 0;
  std::string enhanced;            // "2.1.0", or empty
  std::vector<std::string> lines;  // never with line ends in them; none = one empty line

  Reply() = default;
  Reply(int c, std::string_view e, std::string_view text) : code(c), enhanced(e), lines{std::string(text)} {}
  [[nodiscard]] bool closes() const { return code == 421 || code == 521; }
};
// "CODE[-| ][ENHANCED ]TEXT\r\n" for each line. Bytes that would end a line become blanks.
[[nodiscard]] std::string wire(const Reply& reply);
void append_wire(std::string& out, const Reply& reply);
// All lines without CRLF, joined by one blank, as logs and reports show a reply: "250-a 250 b".
[[nodiscard]] std::string one_line(const Reply& reply);

struct SmtpError {
  int code = 451;
  std::string enhanced = "4.3.0";
  std::string text;
  std::string reason = {};
  [[nodiscard]] Reply reply() const { return {code, enhanced, text}; }
};

// "x.y.z" at the beginning of the text, followed by its end or a blank; class 2, 4 or 5, each number 1-3 digits.
// Returns its length, or 0.
[[nodiscard]] std::size_t enhanced_status_length(std::string_view text);
// A code and text as administrators write them: "550 5.7.1 Go away" or "450 Later". nullopt unless it begins with
// a code of 200 to 599; `enhanced` stays empty when there is none, or when its class is not the code's.
[[nodiscard]] std::optional<Reply> parse_reply_text(std::string_view text);

// A reply that was received. Bytes that are not printable (valid UTF-8 is) were replaced by '?';
// a line ends at a NUL.
struct ServerReply {
  int code = 0;                    // of the last line; any three digits
  std::string enhanced;            // of the last line, when its class is the code's; else empty
  std::vector<std::string> lines;  // code included, without line ends
  std::vector<std::string> junk;   // lines (also in `lines`) that were not SMTP, for the log
  std::vector<std::string> cut;    // lines of kReplyLineLimit and more, as kept in `lines`
  bool incomplete = false;         // the reply was longer than its limit: lines were dropped

  [[nodiscard]] int kind() const { return code / 100; }  // 2, 3, 4, 5; others are not SMTP
  // Lines joined by one blank, code included; the line that reaches kReplyLineLimit is the last one.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool longer_than_text() const;  // text() leaves lines out
  // Line i behind code and separator.
  [[nodiscard]] std::string_view line_text(std::size_t i) const;
  // The enhanced code, or one made from the code: "4.0.0"; "5.5.0" for a reply that is neither 2xx, 4xx nor 5xx.
  [[nodiscard]] std::string status() const;
};

// One reply after the other from a byte stream, in bounded memory whatever comes.
// A reply line: three digits, then '-', ' ' or the end; LF alone ends a line too. The reply ends with the first
// such line without '-'; its code counts.
class ReplyReader {
 public:
  static constexpr std::size_t kReplyLimit = 65536;  // bytes kept of one reply

  // Takes bytes up to the end of a reply; returns how many. Once complete() it takes nothing more until take().
  std::size_t feed(std::string_view bytes);
  [[nodiscard]] bool complete() const { return complete_; }
  // Bytes of an unfinished reply are held.
  [[nodiscard]] bool partial() const { return !complete_ && (size_ > 0 || !line_.empty()); }
  // The complete reply; the reader is then ready for the next one.
  [[nodiscard]] ServerReply take();

 private:
  void end_line();
  ServerReply reply_;
  std::string line_;
  bool line_cut_ = false;
  bool complete_ = false;
  std::size_t size_ = 0;
};

}  // namespace postern::smtp
