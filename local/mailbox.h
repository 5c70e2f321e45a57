// SPDX-License-Identifier: Apache-2.0
// Putting a message into a user's mailbox, or into a file that an alias or .forward file names. Blocking; as the user.
#pragma once

#include <string>

#include "lib/mail/mailbox.h"
#include "lib/service/delivery.h"
#include "local/params.h"
#include "local/user.h"

namespace postern::local {

// Where home_mailbox or mail_spool_directory says that a user's mail goes. Ends with '/' for a maildir.
struct MailboxPlace {
  std::string path;
  bool in_spool = false;
};
[[nodiscard]] MailboxPlace mailbox_place(const Params& params, const User& user);

class Mailboxes {
 public:
  // Fatal when mailbox_delivery_lock or mailbox_size_limit cannot be used.
  explicit Mailboxes(const Params& params);

  [[nodiscard]] service::Outcome to_user(const User& user, const mail::MessageCopy& copy) const;
  [[nodiscard]] service::Outcome to_file(const std::string& path, Rights rights, const mail::MessageCopy& copy) const;

 private:
  [[nodiscard]] service::Outcome put(const std::string& path, Rights rights, const mail::MessageCopy& copy,
                                     const mail::MboxOptions& options) const;

  const Params& params_;
  mail::MboxOptions options_;
};

[[nodiscard]] service::Outcome make_outcome(std::string status, std::string text);

}  // namespace postern::local
