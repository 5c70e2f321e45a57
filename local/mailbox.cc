// SPDX-License-Identifier: Apache-2.0
#include "local/mailbox.h"

#include <sys/stat.h>

#include "lib/base/identity.h"
#include "lib/base/log.h"
#include "local/biff.h"

namespace postern::local {

service::Outcome make_outcome(std::string status, std::string text) {
  service::Outcome out;
  out.status = std::move(status);
  out.text = std::move(text);
  out.relay = "local";
  return out;
}

MailboxPlace mailbox_place(const Params& params, const User& user) {
  if (!params.home_mailbox.empty()) return {user.home + "/" + params.home_mailbox, false};
  const std::string& spool = params.mail_spool_directory;
  if (spool.ends_with('/')) return {spool + user.name + "/", true};
  return {spool + "/" + user.name, true};
}

namespace {

// Lock files and new mailboxes need write permission in the spool directory: where everybody has it, the user's own
// group will do, elsewhere it is the directory's group that has it.
gid_t spool_group(const std::string& mailbox, gid_t own) {
  struct stat st{};
  const std::string directory = mailbox.substr(0, mailbox.rfind('/', mailbox.size() - 2));
  if (::stat(directory.c_str(), &st) < 0) return own;
  const bool by_group = (st.st_mode & S_IWOTH) == 0 && (st.st_mode & S_IWGRP) != 0;
  return by_group ? st.st_gid : own;
}

}  // namespace

Mailboxes::Mailboxes(const Params& params) : params_(params) {
  auto locks = mail::parse_lock_methods(params.mailbox_delivery_lock);
  if (!locks) log::fatal("mailbox_delivery_lock: {}", locks.error().text);
  options_ = *locks;
  options_.lasting = true;
  options_.check_owner = params.strict_mailbox_ownership;
  options_.lock_attempts = params.deliver_lock_attempts;
  options_.lock_delay = params.deliver_lock_delay;
  options_.stale_lock = params.stale_lock_time;
  const bool limited = params.mailbox_size_limit > 0;
  if (limited && (params.message_size_limit == 0 || params.mailbox_size_limit < params.message_size_limit)) {
    log::fatal("main.cf configuration error: mailbox_size_limit is smaller than message_size_limit");
  }
}

service::Outcome Mailboxes::put(const std::string& path, Rights rights, const mail::MessageCopy& copy,
                                const mail::MboxOptions& options) const {
  const auto as_user = Identity::assume(rights.uid, rights.gid);
  if (!as_user) return make_outcome("4.3.0", as_user.error().text);
  const mail::FileSizeLimit size_limit(params_.mailbox_size_limit);
  const bool maildir = path.ends_with('/');
  const auto done =
      maildir ? mail::deliver_maildir(path, copy, params_.myhostname) : mail::deliver_mbox(path, copy, options);
  if (done) return make_outcome("2.0.0", maildir ? "delivered to maildir" : "delivered to mailbox");
  service::Outcome out = make_outcome(done.error().status, done.error().text);
  if (!done.error().diagnostic.empty()) out.diag_type = "x-unix";
  out.diag_text = done.error().diagnostic;
  return out;
}

service::Outcome Mailboxes::to_user(const User& user, const mail::MessageCopy& copy) const {
  const MailboxPlace place = mailbox_place(params_, user);
  const gid_t gid = place.in_spool ? spool_group(place.path, user.gid) : user.gid;
  struct stat before{};
  const std::int64_t offset = ::stat(place.path.c_str(), &before) == 0 ? before.st_size : 0;
  mail::MboxOptions options = options_;
  options.user = user.name;
  service::Outcome out = put(place.path, {user.uid, gid}, copy, options);
  if (params_.biff && out.status[0] == '2' && !place.path.ends_with('/')) tell_biff(user.name, offset, biff_port());
  return out;
}

service::Outcome Mailboxes::to_file(const std::string& path, Rights rights, const mail::MessageCopy& copy) const {
  mail::MboxOptions options = options_;
  options.any_file = true;
  options.check_owner = false;
  service::Outcome out = put(path, rights, copy, options);
  if (out.status[0] == '2' && !path.ends_with('/')) out.text = "delivered to file: " + path;
  return out;
}

}  // namespace postern::local
