// SPDX-License-Identifier: Apache-2.0
// generic(5): addresses of mail that leaves, put into a form that the world knows. Envelope and primary headers; each
// address is looked up once.
#pragma once

#include <string>

#include "lib/mail/header.h"
#include "lib/service/address_map.h"

namespace postern::smtp_client {

class Generic {
 public:
  // `map` must outlive it.
  explicit Generic(const service::AddressMap& map) : map_(map) {}
  // Internal form in and out. Error: the tables do not answer, the mail waits; logged.
  async::Task<Result<std::string>> address(std::string queue_id, std::string address) const;
  // "Name: value"; a header that holds no addresses stays as it is.
  async::Task<Result<std::string>> header(std::string queue_id, const mail::HeaderInfo* info, std::string header) const;

 private:
  const service::AddressMap& map_;
};

}  // namespace postern::smtp_client
