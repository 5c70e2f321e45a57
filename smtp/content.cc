// SPDX-License-Identifier: Apache-2.0
#include "smtp/content.h"

#include <utility>

#include "lib/base/text.h"

namespace postern::smtp_client {

namespace {

constexpr std::size_t kChunk = 64UL << 10;

}  // namespace

Content::Content(int fd, std::int64_t offset, ContentOptions options, log::Session log)
    : options_(std::move(options)),
      log_(log),
      file_(fd, static_cast<std::uint64_t>(offset), mail::Segment::content),
      encoder_(options_.line_limit) {
  if (!options_.convert && options_.generic == nullptr && options_.checks == nullptr) return;
  mail::MimeOptions mime;
  mime.downgrade = options_.convert;
  mime.report_nesting = options_.convert;
  mime.nesting_limit = options_.nesting_limit;
  mime_.emplace(mime);
}

bool Content::too_deep() const { return mime_ && (mime_->faults() & mail::mime_fault::kNesting) != 0; }

void Content::put(std::string* out, std::string_view text, bool complete) {
  encoder_.put(*out, text, complete);
  if (encoder_.broke_a_line() && !std::exchange(break_logged_, true)) {
    log_.info("{}: breaking line > {} bytes with <CR><LF>SPACE", options_.queue_id, options_.line_limit);
  }
}

void Content::put_header(std::string* out, std::string_view text) {
  for (const auto line : text::fields(text, '\n')) put(out, line, true);
}

async::Task<Result<>> Content::take_header(const mail::MimeEvent* event, std::string* out) {
  std::string header(event->text);
  part_size_ = 0;
  if (options_.checks != nullptr) {
    Result<mail::CheckVerdict> said = co_await options_.checks->header(event->scope, header, options_.queue_id, log_);
    if (!said) co_return std::unexpected(said.error());
    const mail::CheckAction action = said->action;
    if (action == mail::CheckAction::ignore || action == mail::CheckAction::strip) co_return Result<>{};
    if (action == mail::CheckAction::prepend) put_header(out, said->text);
    if (action == mail::CheckAction::replace) header = std::move(said->text);
  }
  if (event->initial && options_.generic != nullptr) {
    Result<std::string> mapped = co_await options_.generic->header(options_.queue_id, event->header, header);
    if (!mapped) co_return std::unexpected(mapped.error());
    header = std::move(*mapped);
  }
  put_header(out, header);
  co_return Result<>{};
}

async::Task<Result<>> Content::take_body(const mail::MimeEvent* event, std::string* out) {
  mail::CheckVerdict verdict;
  if (options_.checks != nullptr && part_size_ < options_.checks->body_limit()) {
    Result<mail::CheckVerdict> said = co_await options_.checks->body(std::string(event->text), options_.queue_id, log_);
    if (!said) co_return std::unexpected(said.error());
    verdict = std::move(*said);
  }
  part_size_ = event->boundary ? 0 : part_size_ + static_cast<std::int64_t>(event->text.size());
  std::string_view text = event->text;
  if (verdict.action == mail::CheckAction::ignore || verdict.action == mail::CheckAction::strip) {
    // What was written of a long line needs its end all the same.
    if (!open_line_ || !event->complete) co_return Result<>{};
    text = "";
  } else if (verdict.action == mail::CheckAction::replace) {
    text = verdict.text;
  } else if (verdict.action == mail::CheckAction::prepend) {
    put(out, verdict.text, true);
  }
  put(out, text, event->complete);
  open_line_ = !event->complete;
  co_return Result<>{};
}

async::Task<Result<>> Content::take(const std::vector<mail::MimeEvent>* events, std::string* out) {
  for (std::size_t i = 0; i < events->size(); ++i) {
    const mail::MimeEvent& event = (*events)[i];
    Result<> taken;
    if (event.kind == mail::MimeEvent::Kind::header) {
      taken = co_await take_header(&event, out);
    } else if (event.kind == mail::MimeEvent::Kind::body) {
      taken = co_await take_body(&event, out);
    }
    if (!taken) co_return taken;
  }
  co_return Result<>{};
}

async::Task<Result<bool>> Content::next(std::string* out) {
  if (!std::exchange(started_, true) && !options_.trace_headers.empty()) {
    put_header(out, text::trim_right(options_.trace_headers, "\n"));
  }
  while (out->size() < kChunk) {
    const auto record = file_.next();
    if (!record) co_return std::unexpected(record.error());
    if (!*record || ((*record)->type != 'N' && (*record)->type != 'L')) {
      if (mime_) {
        Result<> taken = co_await take(&mime_->finish(), out);
        if (!taken) co_return std::unexpected(taken.error());
      }
      encoder_.end(*out);
      co_return false;
    }
    const bool complete = (*record)->type == 'N';
    if (mime_) {
      Result<> taken = co_await take(&mime_->feed((*record)->payload, complete), out);
      if (!taken) co_return std::unexpected(taken.error());
    } else {
      put(out, (*record)->payload, complete);
    }
  }
  co_return true;
}

}  // namespace postern::smtp_client
