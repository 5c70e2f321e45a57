// SPDX-License-Identifier: Apache-2.0
// The record that queue files, maildrop files and the stream into cleanup are made of.
//
//   type (1 byte) | length (1..5 bytes, base 128, low group first, 0x80 = more follow) | payload
//
// The decoder takes bytes as they come and gives whole records back; it holds at most one record more than it was
// fed. It fails, for good, on a length of more than 5 bytes or above the limit. The types allowed somewhere are
// given as a string of type bytes; type 0 is in no set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::mail {

namespace record {
inline constexpr char kSize = 'C';
inline constexpr char kTime = 'T';
inline constexpr char kCreateTime = 'c';
inline constexpr char kFullName = 'F';
inline constexpr char kInspect = 'I';
inline constexpr char kFilter = 'L';  // envelope and extracted segment
inline constexpr char kSender = 'S';
inline constexpr char kDone = 'D';
inline constexpr char kRecipient = 'R';
inline constexpr char kOriginal = 'O';
inline constexpr char kCancelled = '/';
inline constexpr char kWarn = 'W';
inline constexpr char kAttribute = 'A';
inline constexpr char kKilled = 'K';
inline constexpr char kRedirect = '>';
inline constexpr char kVerp = 'V';
inline constexpr char kContent = 'M';
inline constexpr char kLine = 'N';   // content: a line that ended in a newline
inline constexpr char kChunk = 'L';  // content: a piece of a line, continued in the next N or L
inline constexpr char kPadding = 'w';
inline constexpr char kExtracted = 'X';
inline constexpr char kReturnReceipt = 'r';
inline constexpr char kErrorsTo = 'e';
inline constexpr char kPriority = 'P';
inline constexpr char kPointer = 'p';
inline constexpr char kCleanupFlags = 'f';
inline constexpr char kDelay = 'd';
inline constexpr char kMilterCount = 'm';
inline constexpr char kDsnRet = '<';
inline constexpr char kDsnEnvid = 'i';
inline constexpr char kDsnOriginal = 'o';
inline constexpr char kDsnNotify = 'n';
inline constexpr char kEnd = 'E';

// Allowed in each segment of a queue file; pointers are handled below that level.
inline constexpr std::string_view kEnvelopeSet = "MCTcFILSDRO/WVA>K<ion";
inline constexpr std::string_view kContentSet = "XLNw";
inline constexpr std::string_view kExtractedSet = "EDRO/PreAFIL>Kon";
// What postdrop lets a user write.
inline constexpr std::string_view kDropEnvelopeSet = "MFSRVAin";
inline constexpr std::string_view kDropContentSet = "XLN";
inline constexpr std::string_view kDropExtractedSet = "EAR";

[[nodiscard]] constexpr bool allowed(std::string_view set, char type) {
  return type != 0 && set.find(type) != std::string_view::npos;
}
}  // namespace record

// append_record cuts a longer payload (a 28-bit length is the most every reader accepts).
inline constexpr std::size_t kRecordMax = (std::size_t{1} << 28) - 1;

void append_record(std::string& out, char type, std::string_view payload);
[[nodiscard]] std::string encode_record(char type, std::string_view payload);
// "NAME=VALUE" in an attribute record.
void append_attribute(std::string& out, std::string_view name, std::string_view value);
// A line without its newline as content: pieces of at most `limit` bytes as L, the last one as N (or as L, when
// `complete` is false).
void append_content_line(std::string& out, std::string_view line, std::size_t limit, bool complete = true);
[[nodiscard]] std::size_t record_size(std::size_t payload);  // type and length bytes included

struct Record {
  char type = 0;
  std::string_view payload;  // valid until the decoder is touched again
};

class RecordDecoder {
 public:
  explicit RecordDecoder(std::size_t limit = kRecordMax) : limit_(limit) {}

  void feed(std::string_view bytes);
  // A record; or nullopt when more bytes are needed; or what is wrong ("too many length bits, record type N",
  // "illegal length L, record type N").
  [[nodiscard]] Result<std::optional<Record>> next();
  // Bytes given but not yet returned; not 0 at the end of a stream means that it was cut short.
  [[nodiscard]] std::size_t pending() const { return buffer_.size() - at_; }
  // How many bytes of the stream were returned as records so far.
  [[nodiscard]] std::uint64_t consumed() const { return consumed_; }
  // Forget everything, for a reader that jumps.
  void reset();

 private:
  std::size_t limit_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t consumed_ = 0;
};

// "name=value"; nullopt without '=' or with an empty name.
struct Attribute {
  std::string_view name;
  std::string_view value;
};
[[nodiscard]] std::optional<Attribute> parse_attribute(std::string_view payload);

}  // namespace postern::mail
