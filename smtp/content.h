// SPDX-License-Identifier: Apache-2.0
// The content of a message on its way to a server: read from the queue file, with headers in front where asked for,
// checked and edited by smtp_header_checks and their kin, converted to 7 bits where the server needs it, lines cut and
// dots added (RFC 5321 4.5.2, 2045).
//
// next() appends about 64 KiB at a time to `out`, and the final dot with the last piece. What comes out is never half a
// message that looks like a whole one: an unreadable file is an Error before the dot.
#pragma once

#include <optional>
#include <string>

#include "lib/async/task.h"
#include "lib/base/log.h"
#include "lib/mail/mime.h"
#include "lib/mail/queue_file.h"
#include "lib/smtp/content.h"
#include "smtp/checks.h"
#include "smtp/generic.h"

namespace postern::smtp_client {

struct ContentOptions {
  std::string queue_id;
  std::string trace_headers;   // complete lines with '\n', in front of everything
  bool convert = false;        // to 7 bits
  std::size_t line_limit = 0;  // smtp_line_length_limit
  std::size_t nesting_limit = 100;
  const Generic* generic = nullptr;  // smtp_generic_maps; null: none
  const Checks* checks = nullptr;    // smtp_header_checks and so on; null: none
};

inline constexpr std::string_view kFinalDot = ".\r\n";

class Content {
 public:
  Content(int fd, std::int64_t offset, ContentOptions options, log::Session log);
  // False: that was all, and `out` ends with kFinalDot.
  async::Task<Result<bool>> next(std::string* out);
  // Parts were nested deeper than could be converted.
  [[nodiscard]] bool too_deep() const;

 private:
  async::Task<Result<>> take(const std::vector<mail::MimeEvent>* events, std::string* out);
  async::Task<Result<>> take_header(const mail::MimeEvent* event, std::string* out);
  async::Task<Result<>> take_body(const mail::MimeEvent* event, std::string* out);
  void put(std::string* out, std::string_view text, bool complete);
  void put_header(std::string* out, std::string_view text);

  ContentOptions options_;
  log::Session log_;
  mail::QueueFileReader file_;
  smtp::ContentEncoder encoder_;
  std::optional<mail::MimeParser> mime_;  // only where something must be looked at
  bool started_ = false;
  bool break_logged_ = false;
  bool open_line_ = false;      // pieces of a body line were written, but not its end
  std::int64_t part_size_ = 0;  // of the body part, as far as it was read
};

}  // namespace postern::smtp_client
