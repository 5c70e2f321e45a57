// SPDX-License-Identifier: Apache-2.0
// The end of a message, common to DATA and BDAT: the last records, end-of-data restrictions, cleanup's verdict and
// the reply that stands for it. Never 250 unless cleanup says that the message is safe.
#pragma once

#include "smtpd/session.h"

namespace postern::smtpd {

// Sends on what has collected; a failure is remembered by dropping the message: its end will be 451.
async::Task<> relieve(Session& session);

// `bare_newline`: the content had one. `chunked`: BDAT, whose reply says how much came.
async::Task<Outcome> finish_message(Session& session, bool bare_newline, bool chunked);

// Logs the refusal of a bare LF, in the stage that `state.where` names, and says what to reply.
[[nodiscard]] smtp::Reply bare_newline_reply(Session& session);

// The reply for what cleanup says. Pure.
[[nodiscard]] smtp::Reply result_reply(const service::CleanupResult& result, std::string_view queue_id);

}  // namespace postern::smtpd
