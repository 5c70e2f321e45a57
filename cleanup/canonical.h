// SPDX-License-Identifier: Apache-2.0
// canonical(5): addresses put into the form that this site wants to see, in envelope and headers.
//
// sender_canonical_maps or recipient_canonical_maps come first, then canonical_maps; each is asked again with its own
// result, until nothing changes or the limit is reached (which is logged, and the address stays as it is then). Which
// of the four kinds of address each of them is for is the matter of its *_classes parameter.
#pragma once

#include <string>
#include <string_view>

#include "cleanup/params.h"
#include "lib/service/address_map.h"

namespace postern::cleanup {

enum class AddressClass : unsigned {
  envelope_sender = 1,
  envelope_recipient = 2,
  header_sender = 4,
  header_recipient = 8
};

// "envelope_sender, header_sender" as bits. Error: a word that is none of the four.
[[nodiscard]] Result<unsigned> parse_classes(std::string_view parameter, std::string_view text);

class Canonical {
 public:
  // A configuration that makes no sense ends the process.
  Canonical(const Params& params, const table::Context& context, const service::AddressMapSettings& settings);
  [[nodiscard]] bool wants(AddressClass kind) const;
  // Error: try again later; logged.
  [[nodiscard]] async::Task<Result<std::string>> map(std::string queue_id, AddressClass kind,
                                                     std::string address) const;

 private:
  struct Stage {
    service::AddressMap map;
    unsigned classes;
    [[nodiscard]] bool wants(AddressClass kind) const {
      return !map.empty() && (classes & static_cast<unsigned>(kind)) != 0;
    }
  };
  static async::Task<Result<std::string>> map_all(const Stage* stage, std::string queue_id, std::string address);

  Stage sender_;
  Stage recipient_;
  Stage any_;
};

}  // namespace postern::cleanup
