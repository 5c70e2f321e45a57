// SPDX-License-Identifier: Apache-2.0
// What cleanup does to the headers of a message: which it drops, whose addresses it completes, which it adds.
// Pure except for the completion of addresses, which the caller does between split and join.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/from_header.h"
#include "lib/mail/header.h"

namespace postern::cleanup {

struct HeaderPolicy {
  std::set<std::string> dropped;  // message_drop_headers, lower case
  std::int64_t hop_limit = 50;    // hopcount_limit
  bool always_add = false;        // always_add_missing_headers
  std::string undisclosed;        // undisclosed_recipients_header
  std::string myhostname;
  bool long_ids = false;  // enable_long_queue_ids
  mail::FromFormat from_format = mail::FromFormat::standard;
  std::string charset = "utf-8";  // full_name_encoding_charset
};

// What was seen in the primary headers.
struct HeaderState {
  std::int64_t hops = 0;
  bool resent = false;
  std::string message_id, resent_message_id;
  bool has_message_id = false, has_resent_message_id = false;
  bool has_date = false, has_resent_date = false;
  bool has_from = false, has_resent_from = false;
  bool has_recipients = false;
};

// Takes note of one header; false: it is to be dropped.
[[nodiscard]] bool note_header(const HeaderPolicy& policy, HeaderState& state, const mail::HeaderInfo* info,
                               std::string_view header);

// "<20261120041901.QUEUEID@host>", or "<QUEUEID@host>" with long ids.
[[nodiscard]] std::string make_message_id(const HeaderPolicy& policy, std::string_view queue_id, std::int64_t created);

struct AddedHeaders {
  std::vector<std::string> lines;  // "Name: value"
  std::string message_id;          // made now; empty: none
};
// Headers that are missing, in order: Message-Id, Date, From, To.
[[nodiscard]] AddedHeaders missing_headers(const HeaderPolicy& policy, const HeaderState& state, bool local_origin,
                                           std::string_view queue_id, std::int64_t created, std::int64_t arrival,
                                           std::string_view sender, std::string_view full_name);

// Whether completion could change this address: it lacks a domain, or a dot in it, or has a stray one.
[[nodiscard]] bool may_need_completion(std::string_view address);

}  // namespace postern::cleanup
