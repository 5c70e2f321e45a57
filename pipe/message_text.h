// SPDX-License-Identifier: Apache-2.0
// The message as the command gets it: the lines that the flags add in front, the content line by line, each ended by
// eol=. Reads the queue file piece by piece; blocking.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/error.h"
#include "lib/mail/queue_file.h"
#include "lib/service/delivery.h"
#include "pipe/attributes.h"

namespace postern::pipe {

// From_ line, Return-Path, X-Original-To, Delivered-To, as the flags ask for; `recipient` is the only one where they
// name it. `original` says whether X-Original-To: may be told (enable_original_recipient).
[[nodiscard]] std::string message_head(const Attributes& attributes, const std::string& sender,
                                       const service::RequestRecipient& recipient, bool original, std::int64_t now);

class MessageText {
 public:
  // `attributes` must outlive the object.
  MessageText(const Attributes& attributes, std::string head, int queue_file, std::int64_t data_offset);
  // Appends the next piece; false when there was no more.
  [[nodiscard]] Result<bool> next(std::string& out);

 private:
  const Attributes& attributes_;
  std::string head_;
  mail::QueueFileReader file_;
  bool at_start_ = true;
  bool ended_ = false;
};

}  // namespace postern::pipe
