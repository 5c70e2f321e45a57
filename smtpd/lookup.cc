// SPDX-License-Identifier: Apache-2.0
#include "smtpd/lookup.h"

#include <cerrno>

namespace postern::smtpd {

async::Task<Looked> look_up(const Evaluation* evaluation, std::string name, dns::Type type) {
  Looked out;
  out.answer = co_await evaluation->services.dns.lookup(std::move(name), type, deadline_in(kLookupLimit));
  const Result<> left = co_await evaluation->settings.dns_filter.apply(&out.answer);
  if (left) co_return std::move(out);
  out.filtered = left.error().code == EPERM;
  out.answer.status = dns::Status::temporary;
  co_return std::move(out);
}

}  // namespace postern::smtpd
