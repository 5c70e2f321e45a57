// SPDX-License-Identifier: Apache-2.0
// smtp_dns_reply_filter and smtpd_dns_reply_filter: records of a DNS answer that are read over.
//
// Each record is shown to the tables in the form of a zone file, "example.com. 300 IN MX 10 mx.example.com.". The
// result IGNORE takes it out of the answer, with a line in the log; any other result is a mistake and a warning.
#pragma once

#include <string>

#include "lib/dns/answer.h"
#include "lib/table/maps.h"

namespace postern::service {

// The records of an answer as text, in their order.
[[nodiscard]] std::vector<std::string> record_texts(const dns::Answer& answer);

class DnsFilter {
 public:
  DnsFilter(std::string title, std::string_view list, const table::Context& context)
      : maps_(std::move(title), list, context) {}
  // An Error means that nothing can be said about the name now, and its text is for the log and the sender: the filter
  // took every record ("Error looking up name=N type=T: DNS reply filter drops all results", code EPERM), or could not
  // be asked or understood (code EINVAL).
  async::Task<Result<>> apply(dns::Answer* answer) const;
  [[nodiscard]] bool empty() const { return maps_.empty(); }

 private:
  table::Maps maps_;
};

}  // namespace postern::service
