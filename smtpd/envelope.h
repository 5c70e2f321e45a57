// SPDX-License-Identifier: Apache-2.0
// A message on its way to cleanup: the records that stand for the envelope, in the order of the queue file.
#pragma once

#include "smtpd/services.h"
#include "smtpd/settings.h"
#include "smtpd/state.h"

namespace postern::smtpd {

// With the first accepted recipient (or with MAIL): opens the queue file, writes what is known of the session and
// logs "QID: client=...". Error: cleanup is not there; a temporary failure for the client.
async::Task<Result<>> open_message(State& state, const Settings& settings, Services& services);

struct RecipientOptions {
  unsigned notify = 0;
  std::string original;  // ORCPT, decoded: "rfc822;address"
};
void put_recipient(State& state, const std::string& address, const RecipientOptions& options);

// Ends the envelope: what access tables decided, the start of the content, and our Received: header.
void begin_content(State& state, const Settings& settings);

// A piece of content, as the decoder gives it. Beyond message_size_limit nothing more is passed on.
void put_content(State& state, const Settings& settings, std::string_view piece, bool ends_line);

// All records are there, with what restrictions at the end of the data decided.
void end_content(Transaction& mail);

}  // namespace postern::smtpd
