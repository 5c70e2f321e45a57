// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/verp.h"

#include "lib/mail/address.h"

namespace postern::mail {

std::string verp_sender(std::string_view delimiters, std::string_view sender, std::string_view recipient) {
  if (delimiters.size() != 2 || sender.empty()) return std::string(sender);
  const AddressParts from = split_address(sender);
  const AddressParts to = split_address(recipient);
  std::string out(from.local);
  out += delimiters[0];
  out += to.local;
  if (to.has_domain) {
    out += delimiters[1];
    out += to.domain;
  }
  if (from.has_domain) {
    out += '@';
    out += from.domain;
  }
  return out;
}

}  // namespace postern::mail
