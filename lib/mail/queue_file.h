// SPDX-License-Identifier: Apache-2.0
// A message in the queue: reading its records with their offsets, its envelope as a struct, and the few in-place
// writes that exist (size record, warning time, recipient done).
//
// The reader keeps a 64 KiB buffer, follows 'p' pointers (0 = dummy; at most 10,000 backward jumps per file), knows
// in which segment it is and checks each type against that segment. Everything it says goes wrong about structure
// means a damaged file, for `corrupt/`; Error::code is then EBADMSG, and an errno value when reading itself failed.
// Descriptors are not owned. Times are wall-clock seconds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/mail/record.h"

namespace postern::mail {

enum class Segment { envelope, content, extracted, end };

struct FileRecord {
  char type = 0;
  std::string payload;
  std::uint64_t offset = 0;             // of the type byte
  std::uint64_t next = 0;               // offset right behind the record
  Segment segment = Segment::envelope;  // the one the record belongs to; M, X and E close theirs
};

class QueueFileReader {
 public:
  enum class Pointers { follow, show };
  explicit QueueFileReader(int fd, std::uint64_t start = 0, Segment segment = Segment::envelope,
                           Pointers pointers = Pointers::follow);

  // The next record; nullopt after E. A file that ends before E is an error.
  [[nodiscard]] Result<std::optional<FileRecord>> next();
  // Goes on at `offset`, which must be the start of a record of `segment`.
  void seek(std::uint64_t offset, Segment segment);
  [[nodiscard]] std::uint64_t offset() const { return at_; }
  [[nodiscard]] Segment segment() const { return segment_; }

 private:
  Result<FileRecord> read_record();
  Result<std::string_view> bytes(std::size_t count);
  Result<bool> fill(std::size_t count);
  Result<> jump(const FileRecord& pointer);

  int fd_;
  std::uint64_t at_;
  Segment segment_;
  Pointers pointers_;
  std::string buffer_;
  std::uint64_t buffer_start_ = 0;
  unsigned backward_jumps_ = 0;
};

// The payload of C. Files of older programs have fewer numbers; the rest is 0.
struct SizeRecord {
  std::int64_t content_size = 0;  // bytes of the content segment, record overhead included
  std::int64_t data_offset = 0;   // of the first record behind M
  std::int64_t recipients = 0;
  std::int64_t qmgr_flags = 0;    // bit 0: recipients mixed with others; then all NOTIFY masks, shifted by one
  std::int64_t logged_size = 0;   // what size= says; 0: content_size
  std::int64_t send_options = 0;  // SMTPUTF8 and friends
};
inline constexpr std::size_t kSizePayload = 95;
[[nodiscard]] std::string format_size(const SizeRecord& size);  // "%15ld" six times, 95 bytes
[[nodiscard]] std::optional<SizeRecord> parse_size(std::string_view payload);
[[nodiscard]] std::string format_number15(std::int64_t value);  // "%15ld", for W and p

namespace send_option {
inline constexpr std::int64_t kSmtpUtf8Requested = 1;
inline constexpr std::int64_t kSmtpUtf8Header = 2;
inline constexpr std::int64_t kSmtpUtf8Sender = 4;
inline constexpr std::int64_t kSmtpUtf8Recipient = 8;  // delivery requests only
}  // namespace send_option

struct QueueRecipient {
  std::string address;        // internal form
  std::string original;       // O record; empty: none
  std::string dsn_orig_rcpt;  // "type;address"; empty: none
  unsigned notify = 0;        // lib/mail/dsn.h notify bits; 0: not given
  std::int64_t offset = -1;   // of the R record, for mark_done
  std::uint64_t start = 0;    // of the first record that belongs to it
  Segment segment = Segment::envelope;
};

// Everything the scheduler and the tools want to know about a message.
struct Envelope {
  SizeRecord size;
  WallTime arrival;
  std::int64_t create_time = 0;  // base of expiry and back-off; arrival when the attribute is absent
  std::string sender;
  std::string full_name;
  std::string filter;  // transport:nexthop; the extracted segment's wins
  std::string redirect;
  std::string inspect;
  std::string verp;      // two delimiters, or empty
  std::string encoding;  // "7bit", "8bit", or empty
  std::string envelope_id;
  unsigned ret_flags = 0;
  std::int64_t trace_flags = 0;
  std::int64_t trace_offset = -1;  // of the trace_flags record, for kill_record
  std::int64_t warn_time = 0;      // W record; 0: none, negative: the warning has been sent
  std::int64_t warn_offset = -1;
  // Every attribute by name, the last one of a name; those with fields above included.
  std::map<std::string, std::string, std::less<>> attributes;
  std::vector<QueueRecipient> recipients;  // not done, not cancelled; at most the limit asked for
  std::uint64_t recipients_left = 0;       // unfinished ones that the limit left in the file
  bool complete = false;                   // the end record was seen

  // Where read_more_recipients goes on; meaningful while recipients_left > 0.
  std::uint64_t resume_offset = 0;
  Segment resume_segment = Segment::end;

  [[nodiscard]] std::string_view attribute(std::string_view name) const;  // "" when absent
  [[nodiscard]] std::int64_t logged_size() const;
};

inline constexpr std::size_t kAllRecipients = SIZE_MAX;

// Reads the initial envelope and the extracted segment; the content is passed over by the size record's numbers.
[[nodiscard]] Result<Envelope> read_envelope(int fd, std::size_t max_recipients = kAllRecipients);
// Appends up to `max` further recipients to envelope.recipients; false when there were none left.
[[nodiscard]] Result<bool> read_more_recipients(int fd, Envelope& envelope, std::size_t max);
// The recipients from index `from` on are as if they had not been read: the next read begins with them.
void unread_recipients(Envelope& envelope, std::size_t from);

// In-place changes. `offset` is that of the record's type byte.
[[nodiscard]] Result<> mark_done(int fd, std::int64_t offset);    // R becomes D; offset -1 does nothing
[[nodiscard]] Result<> kill_record(int fd, std::int64_t offset);  // A becomes K
[[nodiscard]] Result<> rewrite_warn_time(int fd, std::int64_t offset, std::int64_t value);
[[nodiscard]] Result<> rewrite_size(int fd, const SizeRecord& size);  // at offset 0

}  // namespace postern::mail
