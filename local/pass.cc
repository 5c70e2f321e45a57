// SPDX-License-Identifier: Apache-2.0
#include "local/pass.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/ipc/frame.h"
#include "lib/mail/address.h"

namespace postern::local {

namespace {

constexpr Duration kConnectLimit{30000};

service::DeliveryRequest request_for(const service::Delivery& delivery, const Target& target, std::string nexthop) {
  service::DeliveryRequest out = delivery.request();
  out.sender = target.sender;
  if (!nexthop.empty()) out.nexthop = std::move(nexthop);
  out.recipients = {target.shown};
  // The recipient is marked here, when everything that it stands for has been delivered.
  out.recipients[0].offset = -1;
  return out;
}

}  // namespace

async::Task<Result<bool>> pass_on(async::Loop& loop, const service::Delivery* delivery, const Target* target,
                                  std::string destination, Duration limit) {
  const auto cut = text::cut(destination, ':');
  const std::string transport(cut ? cut->first : std::string_view(destination));
  service::DeliveryRequest request = request_for(*delivery, *target, cut ? std::string(cut->second) : std::string());
  log::info("{}: passing <{}> to transport={}", request.queue_id, mail::quote_address(target->shown.address),
            transport);
  Result<Fd> fd = co_await async::connect_unix(loop, "private/" + transport, deadline_in(kConnectLimit));
  if (!fd) co_return fail("connect to transport private/" + transport + ": " + fd.error().text);
  async::Stream stream(loop, std::move(*fd), ipc::kFrameLimit + ipc::kFrameHeader);
  ipc::put_hello(stream, service::kDeliveryProtocol, service::kDeliveryVersion);
  ipc::put_message(stream, 1, request);
  const async::Io io = co_await stream.flush(deadline_in(limit));
  if (io != async::Io::ok) co_return fail("transport " + transport + ": " + async::describe(io, stream.error_code()));
  const Result<> hello = co_await ipc::expect_hello(stream, std::string(service::kDeliveryProtocol),
                                                    service::kDeliveryVersion, deadline_in(limit));
  if (!hello) co_return fail("transport " + transport + ": " + hello.error().text);
  Result<ipc::Frame> frame = co_await ipc::read_frame(stream, deadline_in(limit));
  if (!frame) co_return fail("transport " + transport + ": " + frame.error().text);
  const auto result = ipc::decode<service::DeliveryResult>(frame->payload);
  if (!result) co_return fail("transport " + transport + ": " + result.error().text);
  co_return result->undelivered == 0;
}

}  // namespace postern::local
