// SPDX-License-Identifier: Apache-2.0
// Headers and body.
#include "cleanup/intake.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address_list.h"

namespace postern::cleanup {

using mail::MimeEvent;
using service::CleanupStatus;

namespace {
constexpr std::int64_t kFromOutside =
    service::cleanup_flag::kFilter | service::cleanup_flag::kAddBcc | service::cleanup_flag::kMilter;

// Records of long lines take a byte more than the line ends that a client counts; headers are added. What smtpd let
// in must fit.
constexpr std::int64_t file_limit(std::int64_t message_limit) { return message_limit + message_limit / 64 + 8192; }

void log_message_id(std::string_view queue_id, const mail::HeaderInfo* info, const HeaderState& headers) {
  if (info == nullptr) return;
  if (info->id == mail::HeaderId::resent_message_id) {
    log::info("{}: resent-message-id={}", queue_id, headers.resent_message_id);
  } else if (info->id == mail::HeaderId::message_id) {
    log::info("{}: message-id={}", queue_id, headers.message_id);
  }
}

}  // namespace

async::Task<> Intake::content_record(char type, std::string payload) {
  if (ignored_) {
    if (type == 'X') segment_ = Segment::extracted;
    co_return;
  }
  if (type == 'N' || type == 'L') {
    if (inspects() && shared_.checks->checks_characters()) check_characters(&payload);
    // A lone CR or LF inside a line could be taken for a line end further on.
    if (params_.cleanup_replace_stray_cr_lf) {
      for (auto at = payload.find_first_of("\r\n"); at != std::string::npos; at = payload.find_first_of("\r\n", at)) {
        payload[at] = ' ';
      }
    }
    const auto& events = mime_.feed(payload, type == 'N');
    // Nearly always: lines of the body, which nothing can be waiting for.
    bool plain = !inspects() || shared_.checks->body().empty();
    for (const MimeEvent& event : events) plain = plain && event.kind == MimeEvent::Kind::body;
    if (plain) {
      for (const MimeEvent& event : events) body(event.text, event.complete);
    } else {
      co_await handle(events);
    }
  } else if (type == 'X') {
    co_await end_content();
  } else {
    log::warning("{}: message rejected: unexpected record type {} in content", file_.id(), static_cast<int>(type));
    refuse(CleanupStatus::bad, "unexpected record type");
  }
  check_size();
}

void Intake::check_size() {
  const auto limit = params_.message_size_limit;
  // What was let in once, and grows when it is forwarded or reported on, must not be stuck for that.
  const bool limited = limit > 0 && (request_.flags & kFromOutside) != 0 && !refused();
  const auto size = static_cast<std::int64_t>(file_.offset() - data_offset_);
  over_limit_ = over_limit_ || (limited && size > limit);
  if (limited && size > file_limit(limit)) {
    log::warning("{}: queue file size limit exceeded", file_.id());
    refuse(CleanupStatus::size, "message file too big");
  }
}

async::Task<> Intake::handle(std::vector<MimeEvent> events) {
  for (std::size_t i = 0; i < events.size(); ++i) {
    switch (events[i].kind) {
      case MimeEvent::Kind::header: co_await handle_header(events[i]); break;
      case MimeEvent::Kind::headers_end: co_await complete_headers(); break;
      case MimeEvent::Kind::body:
        if (inspects()) {
          co_await inspect_body(events[i]);
        } else {
          body(events[i].text, events[i].complete);
        }
        break;
      case MimeEvent::Kind::end: break;
    }
  }
}

async::Task<> Intake::handle_header(MimeEvent event) {
  // Readers of headers end at a NUL: what stands behind it would only be seen by some.
  std::string header(event.text.substr(0, event.text.find('\0')));
  // "Subject : x" is a header to some and text to others.
  if (const std::size_t name = mail::header_name_length(header); name > 0 && header[name] != ':') {
    header.erase(name, header.find(':', name) - name);
  }
  const mail::HeaderInfo* info = event.header;
  if (inspects()) {
    const CheckAction done = co_await inspect_header(event.scope, &header);
    if (done == CheckAction::ignore || done == CheckAction::strip) co_return;
    if (done == CheckAction::replace) info = mail::find_header(mail::split_header(header)->name);
  }
  if (event.initial) {
    if (!note_header(shared_.headers, headers_, info, header)) co_return;
    if (names_message()) log_message_id(file_.id(), info, headers_);
    if (info != nullptr && info->id == mail::HeaderId::received && headers_.hops >= params_.hopcount_limit && !dead()) {
      log::warning("{}: message rejected: hopcount exceeded", file_.id());
      refuse(CleanupStatus::hops, "too many hops");
    }
    if (info != nullptr && (info->sender || info->recipient)) header = co_await rewrite_header(std::move(header), info);
  }
  // An attached message's headers want the same of the next hop.
  if (!text::is_ascii(header)) send_options_ |= mail::send_option::kSmtpUtf8Header;
  for (const auto line : text::fields(header, '\n')) write_text('N', line);
}

async::Task<std::string> Intake::rewrite_header(std::string header, const mail::HeaderInfo* info) {
  const auto field = mail::split_header(header);
  if (!field || !rewrites_headers()) co_return header;
  const AddressClass kind = info->sender ? AddressClass::header_sender : AddressClass::header_recipient;
  const std::string value(field->value);
  const auto list = mail::parse_address_list(value, static_cast<std::size_t>(params_.header_address_token_limit));
  std::vector<std::string> completed;
  for (std::size_t i = 0; i < list.addresses.size(); ++i) {
    std::string address = co_await complete_address(rewrite_context_, list.addresses[i].address);
    if (maps(kind)) address = co_await map_address(kind, std::move(address));
    completed.push_back(std::move(address));
  }
  co_return mail::rewrite_address_header(header, list, completed);
}

async::Task<> Intake::complete_headers() {
  headers_done_ = true;
  const auto added =
      missing_headers(shared_.headers, headers_, rewrites_headers(), file_.id(), file_.created().seconds,
                      arrival_ ? arrival_->seconds : file_.created().seconds, sender_.value_or(""), full_name_);
  if (names_message()) {
    if (headers_.resent && !added.message_id.empty())
      log::info("{}: resent-message-id={}", file_.id(), added.message_id);
    if (!headers_.has_message_id) {
      const bool made = !headers_.resent && !added.message_id.empty();
      log::info("{}: message-id={}", file_.id(), made ? added.message_id : "<>");
    }
  }
  for (const auto& line : added.lines) write_text('N', line);
  co_return;
}

void Intake::body(std::string_view text, bool complete) {
  // What is too big is returned with its headers.
  if (status_ == CleanupStatus::size) return;
  write_text(complete ? 'N' : 'L', text);
  open_line_ = !complete;
}

async::Task<> Intake::end_content() {
  co_await handle(mime_.finish());
  if (mime_.faults() != 0) {
    const auto& fault = *mime_.first_fault();
    log::info("{}: reject: mime-error {}: {} from {}", file_.id(), mail::mime_fault_text(fault.bit), fault.text,
              origin_text(origin()));
    refuse(CleanupStatus::content,
           std::string(mail::mime_fault_dsn(fault.bit)) + " " + std::string(mail::mime_fault_text(fault.bit)));
  }
  content_end_ = file_.offset();
  write('X', "");
  if (!filter_.empty()) write('L', filter_);
  if (!redirect_.empty()) write('>', redirect_);
  // What the headers say counts, not what the bytes are: a body that claims nothing goes out claiming nothing.
  const bool claims = mime_.declares_8bit() && !params_.force_mime_input_conversion;
  if (encoding_.empty() && params_.detect_8bit_encoding_header && claims) encoding_ = "8bit";
  if (!encoding_.empty()) write('A', "encoding=" + encoding_);
  segment_ = Segment::extracted;
}

}  // namespace postern::cleanup
