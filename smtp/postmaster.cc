// SPDX-License-Identifier: Apache-2.0
#include "smtp/postmaster.h"

#include <fmt/core.h>

namespace postern::smtp_client {

Result<Postmaster> Postmaster::make(const Params& params, Dialect dialect) {
  Postmaster out(params, dialect);
  const auto classes = service::parse_notify_classes(params.notify_classes);
  if (!classes) return std::unexpected(classes.error());
  const auto format = mail::parse_from_format(params.header_from_format);
  if (!format) return std::unexpected(format.error());
  // A client sees no other kind of trouble in what is said.
  out.classes_ = *classes & service::notice_class::kProtocol;
  out.from_format_ = *format;
  return out;
}

async::Task<> Postmaster::tell(const Session* session) const {
  const service::Transcript& transcript = session->transcript();
  if (pool_ == nullptr || !transcript.due()) co_return;
  const std::string peer = session->target().relay();
  service::ErrorNotice notice;
  notice.myhostname = params_.myhostname;
  notice.mail_name = params_.mail_name;
  notice.sender = params_.double_bounce_sender;
  notice.recipient = params_.error_notice_recipient;
  notice.subject =
      fmt::format("{} {} client: errors from {}", params_.mail_name, dialect_ == Dialect::lmtp ? "LMTP" : "SMTP", peer);
  notice.what = fmt::format("{} gave a reply that was not to be expected.", peer);
  notice.transcript = transcript.lines();
  notice.from_format = from_format_;
  Result<std::string> sent =
      co_await service::send_error_notice(pool_, std::move(notice), deadline_in(params_.ipc_timeout));
  if (!sent) log::warning("postmaster notice: {}", sent.error().text);
}

}  // namespace postern::smtp_client
