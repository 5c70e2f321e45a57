// SPDX-License-Identifier: Apache-2.0
#include "lib/service/flush_client.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/ipc/attr.h"

namespace postern::service {

namespace {

constexpr std::size_t kReplyLimit = 4096;

// The value of the wanted attribute in a whole list at the beginning of `input`; `consumed` is 0 when it is not
// complete.
std::string_view value_in_list(std::string_view input, std::string_view wanted, std::size_t& consumed) {
  ipc::AttrReader reader(input);
  std::string_view name;
  std::string_view value;
  std::string_view found;
  while (reader.next(name, value)) {
    if (name == wanted) found = value;
  }
  if (reader.failed() || !reader.end()) return {};
  consumed = input.size() - reader.rest().size();
  return found;
}

async::Task<std::string> read_attribute(async::Stream* stream, std::string wanted, Deadline deadline) {
  for (;;) {
    std::size_t consumed = 0;
    std::string value(value_in_list(stream->input(), wanted, consumed));
    if (consumed > 0) {
      stream->consume(consumed);
      co_return std::move(value);
    }
    const async::Io io = co_await stream->fill(deadline);
    if (io != async::Io::ok) co_return std::string();
  }
}

std::string list(std::string_view request, std::string_view site, std::string_view queue_id) {
  ipc::AttrWriter writer;
  writer.raw("request", request);
  if (!site.empty()) writer.raw("site", site);
  if (!queue_id.empty()) writer.raw("queue_id", queue_id);
  writer.end();
  return writer.take();
}

}  // namespace

async::Task<FlushStatus> FlushClient::ask(std::string request, Deadline deadline) {
  Result<Fd> fd = co_await async::connect_unix(loop_, path_, deadline);
  if (!fd) {
    log::warning("connect to {}: {}", path_, fd.error().text);
    co_return FlushStatus::failed;
  }
  async::Stream stream(loop_, std::move(*fd), kReplyLimit);
  const std::string protocol = co_await read_attribute(&stream, "protocol", deadline);
  if (protocol != kFlushProtocol) co_return FlushStatus::failed;
  stream.put(request);
  const async::Io sent = co_await stream.flush(deadline);
  if (sent != async::Io::ok) co_return FlushStatus::failed;
  const std::string status = co_await read_attribute(&stream, "status", deadline);
  const auto number = text::to_u64(status);
  if (number == std::uint64_t{0}) co_return FlushStatus::done;
  if (number == std::uint64_t{3}) co_return FlushStatus::bad_site;
  if (number == std::uint64_t{4}) co_return FlushStatus::denied;
  co_return FlushStatus::failed;
}

async::Task<FlushStatus> FlushClient::add(std::string site, std::string queue_id, Deadline deadline) {
  return ask(list("add", site, queue_id), deadline);
}

async::Task<FlushStatus> FlushClient::send_site(std::string site, Deadline deadline) {
  return ask(list("send_site", site, ""), deadline);
}

async::Task<FlushStatus> FlushClient::send_file(std::string queue_id, Deadline deadline) {
  return ask(list("send_file", "", queue_id), deadline);
}

}  // namespace postern::service
