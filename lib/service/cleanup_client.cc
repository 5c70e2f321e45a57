// SPDX-License-Identifier: Apache-2.0
#include "lib/service/cleanup_client.h"

#include <array>
#include <cerrno>

#include "lib/base/text.h"
#include "lib/mail/record.h"

namespace postern::service {

namespace {

constexpr Duration kConnectLimit{30000};
constexpr Duration kKeep{5000};  // as ipc_idle has it for other clients

// A frame is kept in memory whole by whoever reads it.
constexpr std::size_t kFrameSize = 1UL << 20;

Error lost(async::Io io, int code) { return {"cleanup service: " + async::describe(io, code), code}; }

void put_records(async::Stream& stream, std::string& records) {
  for (std::size_t at = 0; at < records.size(); at += kFrameSize) {
    ipc::put_frame(stream, kRecords, std::string_view(records).substr(at, kFrameSize));
  }
  records.clear();
}

}  // namespace

std::int64_t utf8_detection(std::string_view classes, MailSource source) {
  static constexpr std::array<std::string_view, 5> kNames{"sendmail", "smtpd", "forward", "bounce", "verify"};
  const std::string_view own = kNames.at(static_cast<std::size_t>(source));
  for (const auto name : text::words(classes, ", \t\r\n")) {
    if (text::iequals(name, own) || text::iequals(name, "all")) return cleanup_flag::kSmtpUtf8Auto;
  }
  return 0;
}

CleanupPool::CleanupPool(async::Loop& loop, std::string path, std::size_t keep)
    : loop_(loop), path_(std::move(path)), kept_(loop, kKeep, keep) {}

async::Task<Result<std::unique_ptr<CleanupStream>>> CleanupPool::open(CleanupOpen request, Deadline deadline) {
  // A kept connection may have been closed by a worker that retired; a new one must not be.
  for (bool fresh = false; !fresh;) {
    std::unique_ptr<async::Stream> stream = kept_.take();
    fresh = stream == nullptr;
    if (fresh) {
      Result<Fd> fd = co_await async::connect_unix(loop_, path_, std::min(deadline, deadline_in(kConnectLimit)));
      if (!fd) co_return fail("connect to " + path_ + ": " + fd.error().text, fd.error().code);
      stream = std::make_unique<async::Stream>(loop_, std::move(*fd));
      ipc::put_hello(*stream, kCleanupProtocol, kCleanupVersion);
    }
    ipc::put_message(*stream, kOpen, request);
    const async::Io io = co_await stream->flush(deadline);
    if (io == async::Io::timeout) co_return std::unexpected(lost(io, ETIMEDOUT));
    if (io != async::Io::ok) continue;
    Result<ipc::Frame> frame = co_await ipc::read_frame(*stream, deadline);
    if (!frame && frame.error().code == ECONNRESET && !fresh) continue;
    if (!frame) co_return fail("cleanup service: " + frame.error().text, frame.error().code);
    Result<CleanupOpened> opened = ipc::decode<CleanupOpened>(frame->payload);
    if (frame->id != kOpened || !opened) co_return fail("cleanup service: unexpected reply", EPROTO);
    auto out = std::make_unique<CleanupStream>(*this, std::move(stream));
    out->opened_ = std::move(*opened);
    co_return std::move(out);
  }
  co_return fail("cleanup service: connection lost", ECONNRESET);
}

void CleanupStream::record(char type, std::string_view payload) { mail::append_record(records_, type, payload); }

void CleanupStream::attribute(std::string_view name, std::string_view value) {
  record('A', std::string(name) + "=" + std::string(value));
}

async::Task<Result<>> CleanupStream::drain(Deadline deadline) {
  put_records(*stream_, records_);
  const async::Io io = co_await stream_->flush(deadline);
  if (io != async::Io::ok) co_return std::unexpected(lost(io, stream_->error_code()));
  co_return Result<>{};
}

async::Task<Result<CleanupResult>> CleanupStream::finish(Deadline deadline) {
  put_records(*stream_, records_);
  ipc::put_frame(*stream_, kEnd, "");
  const async::Io io = co_await stream_->flush(deadline);
  if (io != async::Io::ok) co_return std::unexpected(lost(io, stream_->error_code()));
  Result<ipc::Frame> frame = co_await ipc::read_frame(*stream_, deadline);
  if (!frame) co_return fail("cleanup service: " + frame.error().text, frame.error().code);
  Result<CleanupResult> result = ipc::decode<CleanupResult>(frame->payload);
  if (frame->id != kResult || !result) co_return fail("cleanup service: unexpected reply", EPROTO);
  pool_->kept_.put(std::move(stream_));
  co_return std::move(result);
}

}  // namespace postern::service
