// SPDX-License-Identifier: Apache-2.0
// Blind carbon copies for new mail: always_bcc, sender_bcc_maps, recipient_bcc_maps.
#pragma once

#include <optional>
#include <string>

#include "cleanup/params.h"
#include "lib/service/address_map.h"

namespace postern::cleanup {

class AutoBcc {
 public:
  AutoBcc(const Params& params, const table::Context& context, const service::AddressMapSettings& settings);
  // The address for all mail; empty: none.
  [[nodiscard]] const std::string& always() const { return always_; }
  [[nodiscard]] bool for_senders() const { return !senders_.empty(); }
  [[nodiscard]] bool for_recipients() const { return !recipients_.empty(); }
  // The address for mail from or to this one; nullopt: none. Error: try again later; logged.
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> of_sender(std::string queue_id,
                                                                          std::string address) const;
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> of_recipient(std::string queue_id,
                                                                             std::string address) const;

 private:
  std::string always_;
  service::AddressMap senders_;
  service::AddressMap recipients_;
};

}  // namespace postern::cleanup
