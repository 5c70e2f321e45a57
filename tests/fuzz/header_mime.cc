// SPDX-License-Identifier: Apache-2.0
// A message through the MIME parser. The first byte chooses options and the size of the pieces it is fed in.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/mail/header.h"
#include "lib/mail/mime.h"

namespace {

using namespace postern::mail;

void require(bool holds) {
  if (!holds) std::abort();
}

std::size_t write_out(const std::vector<MimeEvent>& events, std::string& out) {
  std::size_t header_ends = 0;
  for (const auto& event : events) {
    out += event.text;
    if (event.kind == MimeEvent::Kind::header || (event.kind == MimeEvent::Kind::body && event.complete)) out += '\n';
    if (event.kind == MimeEvent::Kind::header) {
      const auto field = split_header(event.text);
      require(field.has_value());
      (void)unfold(field->value);
    }
    header_ends += event.kind == MimeEvent::Kind::headers_end ? 1 : 0;
  }
  return header_ends;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = data[0];
  std::string_view message(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = (choice & 0x70U) == 0 ? 2048 : (choice & 0x70U);
  MimeOptions options;
  options.parse_mime = (choice & 1U) == 0;
  options.nesting_limit = (choice & 2U) != 0 ? 2 : 100;
  options.header_limit = (choice & 4U) != 0 ? 50 : 102400;
  options.downgrade = (choice & 8U) != 0;
  options.report_8bit_header = options.report_8bit_body = options.report_encoding_domain = true;
  options.report_truncation = options.report_nesting = true;

  MimeParser parser(options);
  std::string out;
  std::size_t header_ends = 0;
  while (!message.empty()) {
    const auto newline = message.find('\n');
    const auto length = std::min({newline, piece, message.size()});
    const bool complete = length == newline;
    header_ends += write_out(parser.feed(message.substr(0, length), complete), out);
    message.remove_prefix(length + (complete ? 1 : 0));
  }
  header_ends += write_out(parser.finish(), out);
  require(header_ends == 1);
  require((parser.faults() == 0) == !parser.first_fault().has_value());
  // Nothing but encoding, cutting and added empty lines changes the length.
  if (!options.downgrade && (choice & 4U) == 0) require(out.size() + 1 >= size - 1);
  return 0;
}
