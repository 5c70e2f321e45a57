// SPDX-License-Identifier: Apache-2.0
// Putting a message into a mailbox: mbox files (under lock) and maildirs. Blocking, for isolated processes; the
// caller has assumed the identity of the mailbox's owner.
//
// A copy is: "From " line, Return-Path, X-Original-To, Delivered-To (each where asked for), then the content. A
// delivery that fails leaves the mailbox as it was: mbox files are cut back, maildir files removed. Both are fsynced.
// MailboxError::status is the x.y.z that the failure deserves (RFC 3463): 5.2.2 for a full mailbox that will not empty
// by itself (EFBIG), 4.2.2 for quota, 4.3.0 for a full disk, 4.2.0 otherwise.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/mail/queue_file.h"

namespace postern::mail {

struct MailboxError {
  std::string status;
  std::string text;
  std::string diagnostic;  // for reports, of type x-unix; empty: none
};
using MailboxResult = std::expected<void, MailboxError>;

struct MessageCopy {
  int queue_file = -1;
  std::int64_t data_offset = 0;
  std::string sender;        // internal form
  std::string original_to;   // X-Original-To; empty: none
  std::string delivered_to;  // Delivered-To; empty: none
  bool return_path = true;
};

// maildir: as it is. mbox: behind a From_ line, '>' in front of "From " lines, an empty line at the end.
// command: behind a From_ line, otherwise as it is.
enum class CopyForm { maildir, mbox, command };

// The bytes of a copy, piece by piece. `copy` must outlive the reader.
class CopyReader {
 public:
  CopyReader(const MessageCopy& copy, CopyForm form);
  // Appends about 64 KiB to `out`; false when there was no more.
  [[nodiscard]] Result<bool> next(std::string& out);

 private:
  CopyForm form_;
  QueueFileReader file_;
  std::string head_;
  bool at_start_ = true;
  bool ended_ = false;
};

// Writes a copy to `fd` and fsyncs it (unless it is no regular file).
[[nodiscard]] Result<> write_copy(int fd, const MessageCopy& copy, CopyForm form);

// While it lives, no file of this process grows beyond `bytes` (0: no limit); write(2) then says EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::int64_t bytes);
  ~FileSizeLimit();
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  std::uint64_t former_ = 0;
  bool changed_ = false;
};

struct MboxOptions {
  bool flock = false;  // lock methods
  bool fcntl = true;
  bool dotlock = true;
  int lock_attempts = 20;
  Duration lock_delay{1000};
  Duration stale_lock{500000};
  bool check_owner = true;  // strict_mailbox_ownership
  bool any_file = false;    // a file that an alias names: devices are fine (and not locked), executables are not
  bool lasting = false;     // a file that cannot be opened is no reason to try again: 5.2.0
  std::string user;         // whose mailbox it is, for the text of failures; may be empty
};
// A mailbox file that is locked, by all methods of the options, until the object goes. Made where it is missing.
class LockedMailbox {
 public:
  // Error text without the name of the file: "unable to lock for exclusive access: ...".
  [[nodiscard]] static Result<LockedMailbox> open(const std::string& path, const MboxOptions& options);
  LockedMailbox(LockedMailbox&& other) noexcept;
  LockedMailbox& operator=(LockedMailbox&&) = delete;
  ~LockedMailbox();

 private:
  struct State;
  explicit LockedMailbox(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "fcntl, dotlock, flock" of mailbox_delivery_lock and the like; Error names the unknown word.
[[nodiscard]] Result<MboxOptions> parse_lock_methods(std::string_view list);

[[nodiscard]] MailboxResult deliver_mbox(const std::string& path, const MessageCopy& copy, const MboxOptions& options);
// `path` with or without its final '/'. Directories that are missing are made, mode 0700.
[[nodiscard]] MailboxResult deliver_maildir(std::string path, const MessageCopy& copy, const std::string& hostname);

}  // namespace postern::mail
