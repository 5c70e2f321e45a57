// SPDX-License-Identifier: Apache-2.0
// The values of Content-Type and Content-Transfer-Encoding (RFC 2045 5.1, 6.1), as far as structure depends on them.
//
// Comments are skipped, parameters may be quoted, malformed rest is ignored: a value always yields something.
// Text is given unfolded or folded; case of types and encodings is ignored.
#pragma once

#include <string>
#include <string_view>

namespace postern::mail {

struct ContentType {
  enum class Kind { text, multipart, message, other } kind = Kind::text;
  bool digest = false;         // multipart/digest: its parts are messages by default
  bool whole_message = false;  // message/rfc822, message/global: begins with headers
  bool global = false;         // message/global
  bool partial = false;        // message/partial, message/external-body: never decoded here
  std::string boundary;        // multipart only; empty: none given
};
[[nodiscard]] ContentType parse_content_type(std::string_view value);

enum class TransferEncoding { seven_bit, eight_bit, binary, quoted_printable, base64, other };
[[nodiscard]] TransferEncoding parse_transfer_encoding(std::string_view value);
// The data stands as it is, not encoded into other characters.
[[nodiscard]] constexpr bool is_identity(TransferEncoding encoding) {
  return encoding == TransferEncoding::seven_bit || encoding == TransferEncoding::eight_bit ||
         encoding == TransferEncoding::binary;
}

}  // namespace postern::mail
