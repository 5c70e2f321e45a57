// SPDX-License-Identifier: Apache-2.0
// Whether DNSSEC works at all (dnssec_probe): a resolver that validates nothing makes every zone look unsigned, and
// nobody would notice. When a process sees its first answer and that is an insecure one, it asks for something that is
// known to be signed, once, and warns when even that comes back insecure.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/dns/tlsa.h"

namespace postern::smtp_client {

class DnssecProbe {
 public:
  // `value` is "TYPE:NAME", like "ns:."; empty: no probe. Error text: malformed dnssec_probe value: ...
  [[nodiscard]] static Result<DnssecProbe> make(std::string_view value, dns::SecureLookup lookup);

  // To be told of each answer until it is known.
  async::Task<> consider(bool secure, Deadline deadline);

 private:
  DnssecProbe(std::string value, std::string name, dns::Type type, dns::SecureLookup lookup)
      : value_(std::move(value)), name_(std::move(name)), type_(type), lookup_(std::move(lookup)) {}

  std::string value_;
  std::string name_;
  dns::Type type_;
  dns::SecureLookup lookup_;
  bool known_ = false;
};

}  // namespace postern::smtp_client
