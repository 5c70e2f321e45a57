// SPDX-License-Identifier: Apache-2.0
// The command's words, with the $names of pipe(8) replaced by what the delivery request says. Pure.
//
// A word that mentions something of the recipient ($recipient, $original_recipient, $user, $extension, $mailbox,
// $domain) is there once for each recipient, any other once. Values are not expanded again. No shell sees them; a
// command that is one has to distrust them.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/service/delivery.h"
#include "pipe/attributes.h"

namespace postern::pipe {

struct Expansion {
  const Attributes& attributes;
  const service::DeliveryRequest& request;
  std::string_view delimiters;  // recipient_delimiter
};

// `recipients` are indexes into the request. The Error says what is wrong with the words: unknown macro name: "x".
[[nodiscard]] Result<std::vector<std::string>> expand_arguments(const Expansion& expansion,
                                                                const std::vector<std::size_t>& recipients);

}  // namespace postern::pipe
