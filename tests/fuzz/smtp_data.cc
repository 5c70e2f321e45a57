// SPDX-License-Identifier: Apache-2.0
// Message content and command lines as a server reads them. The first byte chooses options and portions; whatever the
// portions are, the result is that of one portion. What the encoder writes, the decoder gives back.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/smtp/content.h"
#include "lib/smtp/line_reader.h"

namespace {

using postern::smtp::BareNewline;
using postern::smtp::ContentDecoder;
using postern::smtp::ContentEncoder;
using postern::smtp::LineReader;

struct Piece {
  std::string text;
  bool ends_line = false;
  bool operator==(const Piece&) const = default;
};

struct Decoded {
  std::vector<Piece> pieces;
  std::size_t consumed = 0;
  std::uint64_t size = 0;
  bool done = false;
  bool bare = false;
  bool operator==(const Decoded&) const = default;
};

void require(bool condition) {
  if (!condition) std::abort();
}

Decoded decode(ContentDecoder::Options options, std::string_view bytes, std::size_t step) {
  ContentDecoder decoder(options);
  Decoded out;
  const auto sink = [&](std::string_view piece, bool ends_line) {
    require(piece.size() <= options.limit);
    require(piece.find('\n') == std::string_view::npos);
    out.pieces.push_back({std::string(piece), ends_line});
  };
  while (!decoder.done() && out.consumed < bytes.size()) {
    const auto portion = bytes.substr(out.consumed, step);
    const std::size_t took = decoder.feed(portion, sink);
    require(took == portion.size() || decoder.done());
    out.consumed += took;
  }
  if (!options.dots) decoder.finish(sink);
  out.size = decoder.size();
  out.done = decoder.done();
  out.bare = decoder.bare_newline_seen();
  return out;
}

void encode_and_decode(const Decoded& content, ContentDecoder::Options options) {
  // A CR that ends a line would become part of its end.
  for (const Piece& piece : content.pieces) {
    if (piece.text.ends_with('\r')) return;
  }
  std::string lines;
  std::string wire;
  ContentEncoder encoder;
  for (const Piece& piece : content.pieces) {
    encoder.put(wire, piece.text, piece.ends_line);
    lines += piece.text + (piece.ends_line ? "\n" : "");
  }
  encoder.end(wire);
  if (!lines.empty() && !lines.ends_with('\n')) lines += '\n';
  options.dots = true;
  options.after_bare_newline = false;
  options.limit = wire.size() + 1;
  const Decoded again = decode(options, wire, wire.size());
  std::string back;
  for (const Piece& piece : again.pieces) back += piece.text + (piece.ends_line ? "\n" : "");
  require(again.done && again.consumed == wire.size() && back == lines);
}

// Broken lines: none is longer than the limit, the dot that was added aside, and no byte is lost.
void encode_broken(const Decoded& content, std::size_t limit) {
  std::string wire;
  std::size_t bytes = 0;
  ContentEncoder encoder(limit);
  for (const Piece& piece : content.pieces) {
    encoder.put(wire, piece.text, piece.ends_line);
    bytes += piece.text.size();
  }
  encoder.end(wire);
  require(wire.ends_with(".\r\n") && wire.size() >= bytes + 3);
  std::size_t line = 0;
  for (const char c : wire) {
    line = c == '\n' ? 0 : line + 1;
    require(line <= std::max<std::size_t>(limit, 2) + 2);
  }
}

std::vector<std::string> read_lines(BareNewline mode, std::size_t limit, std::string_view bytes, std::size_t step) {
  LineReader reader(limit, mode);
  std::vector<std::string> out;
  std::string buffer;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    buffer += bytes.substr(at, step);
    for (;;) {
      const auto line = reader.next(buffer);
      if (line.got != LineReader::Got::more) {
        out.push_back(std::string(line.text) + (line.got == LineReader::Got::too_long ? "!" : "") +
                      (line.bare_lf ? "~" : "") + (line.has_nul ? "0" : ""));
      }
      buffer.erase(0, line.consumed);
      if (line.got == LineReader::Got::more) break;
    }
    require(buffer.size() <= limit);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const unsigned choice = data[0];
  const std::size_t step = 1 + data[1] % 64;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  ContentDecoder::Options options;
  options.dots = (choice & 1) == 0;
  options.bare_newline = (choice & 2) == 0 ? BareNewline::normalize : BareNewline::accept;
  options.after_bare_newline = (choice & 4) != 0;
  options.limit = (choice & 8) == 0 ? 2048 : 1 + choice / 16;
  const Decoded whole = decode(options, bytes, bytes.size() + 1);
  require(whole == decode(options, bytes, step));
  encode_and_decode(whole, options);
  encode_broken(whole, 1 + choice % 80);
  require(read_lines(options.bare_newline, options.limit, bytes, bytes.size() + 1) ==
          read_lines(options.bare_newline, options.limit, bytes, step));
  return 0;
}
