// SPDX-License-Identifier: Apache-2.0
// smtp_header_checks and its kin: content on its way out is logged or edited by tables, as in header_checks(5), but
// only DUNNO, IGNORE, INFO, PREPEND, REPLACE, STRIP and WARN mean something here.
//
// Each header goes whole (lines joined by '\n') through the table of its kind, each body line through body_checks; of
// a body part only the first body_checks_size_limit bytes. A table that does not answer is an Error: the mail waits.
#pragma once

#include <string>

#include "lib/base/log.h"
#include "lib/mail/check_actions.h"
#include "lib/mail/mime.h"
#include "lib/table/maps.h"
#include "smtp/params.h"

namespace postern::smtp_client {

class Checks {
 public:
  // `prefix` is "smtp_" or "lmtp_".
  Checks(const std::string& prefix, const Params& params, const table::Context& context);
  [[nodiscard]] bool any() const;
  [[nodiscard]] std::int64_t body_limit() const { return body_limit_; }
  // What is said about a header or a body line. Logged.
  async::Task<Result<mail::CheckVerdict>> header(mail::HeaderScope scope, std::string text, std::string queue_id,
                                                 log::Session log) const;
  async::Task<Result<mail::CheckVerdict>> body(std::string text, std::string queue_id, log::Session log) const;

 private:
  static async::Task<Result<mail::CheckVerdict>> look_up(const table::Maps* maps, mail::CheckedPart part,
                                                         std::string text, std::string queue_id, log::Session log);
  table::Maps primary_;
  table::Maps mime_;
  table::Maps nested_;
  table::Maps body_;
  std::int64_t body_limit_;
};

}  // namespace postern::smtp_client
