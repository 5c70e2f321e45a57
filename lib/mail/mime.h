// SPDX-License-Identifier: Apache-2.0
// The structure of a message while it streams by: headers, MIME parts, body (RFC 2045, 2046, 6532).
//
// Content goes in line by line, or in pieces of a line; events come out, so that a caller may wait (for rewriting,
// for the disk) between them. Memory is bounded by header_limit and nesting_limit * boundary_limit.
// Headers are reported whole (physical lines joined by '\n'), everything else as it came in. The empty line between
// headers and body, boundary lines, preamble and epilogue are body events; where text follows the initial headers
// without such an empty line, one is made up, so that writing all events out always gives a well-formed message. What
// is malformed is still passed on; faults() and first_fault() say what was seen, and the caller decides.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/header.h"

namespace postern::mail {

struct MimeOptions {
  bool parse_mime = true;             // off: headers up to the first empty line, then all body
  std::size_t header_limit = 102400;  // header_size_limit: the excess of a header is dropped
  std::size_t nesting_limit = 100;    // mime_nesting_limit
  std::size_t boundary_limit = 2048;  // mime_boundary_length_limit
  // Which faults to look for; the others cost nothing.
  bool report_8bit_header = false;      // strict_7bit_headers, strict_8bitmime
  bool report_8bit_body = false;        // strict_8bitmime, strict_8bitmime_body
  bool report_encoding_domain = false;  // strict_mime_encoding_domain
  bool report_truncation = false;
  bool report_nesting = false;
  bool report_header_end = false;  // non_empty_end_of_header_action = reject
  // A header that says so where the initial headers end without an empty line (= add_header).
  bool mark_header_end = false;
  // 8-bit parts become quoted-printable on the way through (for a next hop without 8BITMIME).
  bool downgrade = false;
};

namespace mime_fault {
inline constexpr unsigned kNesting = 1;    // deeper than nesting_limit; not parsed further
inline constexpr unsigned kTruncated = 2;  // a header longer than header_limit
inline constexpr unsigned k8bitHeader = 4;
inline constexpr unsigned k8bitBody = 8;         // in a part declared 7bit
inline constexpr unsigned kEncodingDomain = 16;  // multipart or message with an encoding that is not 7bit/8bit/binary
inline constexpr unsigned kHeaderEnd = 32;       // text follows the initial headers without an empty line
}  // namespace mime_fault
// One fault bit as text for log and reply, and its enhanced status.
[[nodiscard]] std::string_view mime_fault_text(unsigned bit);
[[nodiscard]] std::string_view mime_fault_dsn(unsigned bit);

// Which checks a header is for. MIME headers are those named Content-* or MIME-Version, wherever they stand, and all
// headers of a MIME part; nested ones are the others of an attached message.
enum class HeaderScope { primary, mime, nested };

struct MimeEvent {
  enum class Kind {
    header,       // one whole header
    headers_end,  // the initial headers are complete; the empty line, if any, follows as body. Once per message
    body,         // a line, or a piece of one
    end,          // after finish()
  } kind = Kind::body;
  HeaderScope scope = HeaderScope::primary;
  bool initial = false;                // header: in the message's own header block, whatever its scope
  const HeaderInfo* header = nullptr;  // known header, or nullptr
  std::string_view text = {};          // valid until the next feed() or finish(), and as long as what was fed
  bool complete = true;                // body: the line ends here
  bool boundary = false;               // body: a boundary line; what follows is another part
};

struct MimeFault {
  unsigned bit = 0;
  std::string text;  // the offending header or line, at most 100 bytes
};

class MimeParser {
 public:
  explicit MimeParser(MimeOptions options);
  ~MimeParser();
  MimeParser(MimeParser&&) noexcept;
  MimeParser& operator=(MimeParser&&) noexcept;

  // A line without its newline (complete), or a piece of one that goes on with the next call.
  [[nodiscard]] const std::vector<MimeEvent>& feed(std::string_view text, bool complete);
  [[nodiscard]] const std::vector<MimeEvent>& finish();

  [[nodiscard]] unsigned faults() const;  // bits of mime_fault, as far as they are looked for
  [[nodiscard]] const std::optional<MimeFault>& first_fault() const;
  // 8-bit bytes seen, whatever the options.
  [[nodiscard]] bool has_8bit_header() const;
  [[nodiscard]] bool has_8bit_body() const;
  // Some Content-Transfer-Encoding of the message itself or of a part says 8bit or binary.
  [[nodiscard]] bool declares_8bit() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::mail
