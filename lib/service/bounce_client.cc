// SPDX-License-Identifier: Apache-2.0
#include "lib/service/bounce_client.h"

namespace postern::service {

namespace {

Result<> done_or_error(const Result<BounceReply>& reply, const std::string& service) {
  if (!reply) return std::unexpected(reply.error());
  if (!reply->done) return fail(service + ": service failure");
  return {};
}

}  // namespace

Reporter::Reporter(async::Loop& loop, ReporterNames names, Duration limit)
    : bounce_(loop, {std::move(names.bounce), std::string(kBounceProtocol)}),
      defer_(loop, {std::move(names.defer), std::string(kBounceProtocol)}),
      trace_(loop, {std::move(names.trace), std::string(kBounceProtocol)}),
      verify_(loop, std::move(names.verify), limit),
      limit_(limit) {}

async::Task<Result<>> Reporter::append(ipc::CallClient& client, std::string queue_id, mail::DeliveryStatus status) {
  BounceAppend request{std::move(queue_id), {std::move(status)}};
  Result<BounceReply> reply = co_await client.call(std::move(request), deadline_in(limit_));
  co_return done_or_error(reply, client.address().path);
}

async::Task<Result<>> Reporter::bounce(std::string queue_id, mail::DeliveryStatus status) {
  return append(bounce_, std::move(queue_id), std::move(status));
}

async::Task<Result<>> Reporter::defer(std::string queue_id, mail::DeliveryStatus status) {
  return append(defer_, std::move(queue_id), std::move(status));
}

async::Task<Result<>> Reporter::trace(std::string queue_id, mail::DeliveryStatus status) {
  return append(trace_, std::move(queue_id), std::move(status));
}

async::Task<Result<>> Reporter::verified(std::string address, AddressState state, std::string text) {
  co_return co_await verify_.update(std::move(address), state, std::move(text));
}

async::Task<Result<>> Reporter::notice(BounceNotice notice) {
  ipc::CallClient& client = notice.kind == NoticeKind::failure  ? bounce_
                            : notice.kind == NoticeKind::report ? trace_
                                                                : defer_;
  Result<BounceReply> reply = co_await client.call(std::move(notice), deadline_in(limit_));
  co_return done_or_error(reply, client.address().path);
}

}  // namespace postern::service
