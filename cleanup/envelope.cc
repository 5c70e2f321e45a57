// SPDX-License-Identifier: Apache-2.0
// The records in front of the content and behind it.
#include "cleanup/intake.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "lib/mail/record.h"

namespace postern::cleanup {

using service::CleanupStatus;

void Intake::take_time(std::string_view payload) {
  const auto parts = text::words(payload);
  const auto seconds = parts.empty() ? std::nullopt : text::to_i64(parts[0]);
  const auto micros = parts.size() < 2 ? std::optional<std::int64_t>(0) : text::to_i64(parts[1]);
  if (!seconds || !micros) return refuse(CleanupStatus::bad, "bad arrival time");
  if (arrival_) return;
  arrival_ = WallTime{*seconds, *micros};
  write('T', payload);
  write('A', "create_time=" + std::to_string(file_.created().seconds));
}

void Intake::take_attribute(std::string_view payload) {
  const auto attribute = mail::parse_attribute(payload);
  if (!attribute) {
    log::warning("{}: message rejected: malformed attribute: {}", file_.id(), payload.substr(0, 100));
    return refuse(CleanupStatus::bad, "malformed attribute");
  }
  if (attribute->value.empty()) {
    log::warning("{}: ignoring empty attribute: {}", file_.id(), attribute->name);
    return;
  }
  if (attribute->name == "notify_flags") {
    const auto mask = text::to_u64(attribute->value);
    if (!mask || *mask > 15) return refuse(CleanupStatus::bad, "bad notify_flags");
    notify_ = static_cast<unsigned>(*mask);
    return;
  }
  if (attribute->name == "dsn_orig_rcpt") {
    dsn_orig_rcpt_ = attribute->value;
    return;
  }
  // Those of recipients do not count: they are as many as there are recipients.
  if (++attribute_count_ > params_.queue_file_attribute_count_limit) {
    log::warning("{}: message rejected: attribute count exceeds limit {}", file_.id(),
                 params_.queue_file_attribute_count_limit);
    return refuse(CleanupStatus::bad, "too many attributes");
  }
  if (attribute->name == "create_time") return;
  if (attribute->name == "rewrite_context") rewrite_context_ = attribute->value;
  if (attribute->name == "encoding") encoding_ = attribute->value;
  if (attribute->name == "log_message_origin") client_ = attribute->value;
  if (attribute->name == "log_protocol_name") protocol_ = attribute->value;
  if (attribute->name == "log_helo_name") helo_ = attribute->value;
  write('A', payload);
}

// What an access table decided after the message was begun.
void Intake::take_flags(std::string_view payload) {
  const auto flags = text::to_i64(payload);
  constexpr std::int64_t kLater = service::cleanup_flag::kHold | service::cleanup_flag::kDiscard;
  if (!flags || (*flags & ~kLater) != 0) return refuse(CleanupStatus::bad, "bad cleanup flags");
  request_.flags |= *flags;
}

async::Task<> Intake::take_sender(std::string address) {
  if (sender_) {
    log::warning("{}: message rejected: multiple envelope sender records", file_.id());
    refuse(CleanupStatus::bad, "multiple envelope sender records");
    co_return;
  }
  sender_ = co_await complete_address("local", std::move(address));
  if (maps(AddressClass::envelope_sender)) sender_ = co_await map_address(AddressClass::envelope_sender, *sender_);
  if (asks_for_bcc(AddressClass::envelope_sender)) co_await note_bcc(AddressClass::envelope_sender, *sender_);
  if (!text::is_ascii(*sender_)) send_options_ |= mail::send_option::kSmtpUtf8Sender;
  write('S', *sender_);
}

async::Task<> Intake::take_recipient(std::string address) {
  if (address.empty()) address = params_.empty_address_recipient;
  // Without one from the client the address as it was given is the original one.
  std::string original = std::exchange(original_, "");
  if (original.empty()) original = address;
  std::string completed = co_await complete_address("local", std::move(address));
  if (maps(AddressClass::envelope_recipient)) {
    completed = co_await map_address(AddressClass::envelope_recipient, std::move(completed));
  }
  std::string orcpt = std::exchange(dsn_orig_rcpt_, "");
  const unsigned notify = std::exchange(notify_, 0U);
  if (orcpt.empty()) {
    // A client of the network said what it said; a local one has an address of this host in mind.
    const std::string& meant = client_.empty() ? completed : original;
    const bool utf8 = client_.empty() && !text::is_ascii(meant);
    orcpt = (utf8 ? "utf-8;" : "rfc822;") + mail::quote_address(meant);
  }
  if (asks_for_bcc(AddressClass::envelope_recipient)) co_await note_bcc(AddressClass::envelope_recipient, completed);
  last_recipient_ = completed;
  if (expands()) {
    co_await expand_recipient(std::move(completed), std::move(original), std::move(orcpt), notify);
  } else {
    put_recipient(completed, original, orcpt, notify);
  }
}

bool Intake::maps(AddressClass kind) const {
  return shared_.mapping != nullptr && wanted(service::cleanup_flag::kMap) && !dead() &&
         shared_.mapping->rewrites(kind);
}

// Canonical mapping and masquerading.
async::Task<std::string> Intake::map_address(AddressClass kind, std::string address) {
  if (address.empty()) co_return address;
  Result<std::string> out = co_await shared_.mapping->rewrite(file_.id(), kind, address);
  if (out) co_return std::move(*out);
  refuse(CleanupStatus::write, "address mapping failed");
  co_return address;
}

bool Intake::expands() const {
  return shared_.mapping != nullptr && wanted(service::cleanup_flag::kMap) && !dead() &&
         !shared_.mapping->virtual_alias().empty();
}

async::Task<> Intake::expand_recipient(std::string address, std::string original, std::string orcpt, unsigned notify) {
  Expansion expansion = co_await shared_.mapping->virtual_alias().expand(file_.id(), address);
  if (expansion.trouble) refuse(expansion.trouble->status, expansion.trouble->reason);
  const bool same = expansion.addresses.size() == 1 && text::iequals(expansion.addresses.front(), address);
  if ((notify & mail::notify::kSuccess) != 0 && !same) {
    // RFC 3461 5.2.7.2: the alias is what the sender knows; how its members fare is no more reported as success.
    expanded_.push_back({address, original, orcpt, notify});
    notify &= ~mail::notify::kSuccess;
    if (notify == 0) notify = mail::notify::kNever;
  }
  for (const auto& result : expansion.addresses) {
    put_recipient(result.empty() ? params_.empty_address_recipient : result, original, orcpt, notify);
  }
}

void Intake::put_recipient(const std::string& address, const std::string& original, const std::string& orcpt,
                           unsigned notify) {
  if (!text::is_ascii(address)) utf8_recipient_ = true;
  std::string key = address;
  if (params_.enable_original_recipient) key += "\n" + original + "\n" + orcpt + "\n" + std::to_string(notify);
  // Nobody wants a second copy for having been named in other letters.
  if (!seen_.insert(text::lower(key)).second) return;
  put_warning_time();
  if (notify != 0) write('A', "notify_flags=" + std::to_string(notify));
  if (!orcpt.empty()) write('A', "dsn_orig_rcpt=" + orcpt);
  write('O', original);
  write('R', address);
  ++recipients_;
  notify_union_ |= notify;
}

void Intake::put_warning_time() {
  const std::int64_t warn_after = std::chrono::duration_cast<std::chrono::seconds>(params_.delay_warning_time).count();
  if (warn_written_ || warn_after <= 0 || !sender_ || sender_->empty()) return;
  warn_written_ = true;
  write('W', mail::format_number15((arrival_ ? arrival_->seconds : file_.created().seconds) + warn_after));
}

bool Intake::asks_for_bcc(AddressClass kind) const {
  if (shared_.mapping == nullptr || !wanted(service::cleanup_flag::kAddBcc) || dead()) return false;
  const AutoBcc& bcc = shared_.mapping->bcc();
  return kind == AddressClass::envelope_sender ? bcc.for_senders() : bcc.for_recipients();
}

// Remembers the copies that mail from or to this address asks for.
async::Task<> Intake::note_bcc(AddressClass kind, std::string address) {
  if (address.empty()) co_return;
  const bool sender = kind == AddressClass::envelope_sender;
  const AutoBcc& bcc = shared_.mapping->bcc();
  Result<std::optional<std::string>> found;
  if (sender) {
    found = co_await bcc.of_sender(file_.id(), std::move(address));
  } else {
    found = co_await bcc.of_recipient(file_.id(), std::move(address));
  }
  if (!found) {
    refuse(CleanupStatus::write, "BCC lookup failed");
  } else if (*found && !(*found)->empty()) {
    bcc_.insert(std::move(**found));
  }
}

// Nobody hears of what becomes of a blind copy.
async::Task<> Intake::take_bcc() {
  if (shared_.mapping != nullptr && wanted(service::cleanup_flag::kAddBcc) &&
      !shared_.mapping->bcc().always().empty()) {
    bcc_.insert(shared_.mapping->bcc().always());
  }
  for (auto next = bcc_.begin(); next != bcc_.end() && !dead(); ++next) {
    std::string address = co_await complete_address("local", *next);
    if (maps(AddressClass::envelope_recipient)) {
      address = co_await map_address(AddressClass::envelope_recipient, std::move(address));
    }
    if (expands()) {
      co_await expand_recipient(std::move(address), *next, "", mail::notify::kNever);
    } else {
      put_recipient(address, *next, "", mail::notify::kNever);
    }
  }
}

async::Task<> Intake::envelope_record(char type, std::string payload) {
  switch (type) {
    case 'T': take_time(payload); break;
    case 'A': take_attribute(payload); break;
    case 'S': co_await take_sender(std::move(payload)); break;
    case 'O': original_ = std::move(payload); break;
    case 'R': co_await take_recipient(std::move(payload)); break;
    case 'F':
      full_name_ = payload;
      write('F', payload);
      break;
    case 'L':
    case '>':
    case 'V': write(type, payload); break;
    case 'f': take_flags(payload); break;
    case 'M': begin_content(); break;
    default:
      log::warning("{}: message rejected: unexpected record type {} in envelope", file_.id(), static_cast<int>(type));
      refuse(CleanupStatus::bad, "unexpected record type");
  }
}

void Intake::begin_content() {
  if (!sender_) {
    log::warning("{}: message rejected: missing sender envelope record", file_.id());
    refuse(CleanupStatus::bad, "missing sender envelope record");
  }
  if (!arrival_) {
    log::warning("{}: message rejected: missing time stamp envelope record", file_.id());
    refuse(CleanupStatus::bad, "missing time stamp envelope record");
  }
  ignored_ = dead();
  segment_ = Segment::content;
  write('M', "");
  data_offset_ = file_.offset();
}

async::Task<> Intake::extracted_record(char type, std::string payload) {
  switch (type) {
    case 'A': take_attribute(payload); break;
    case 'O': original_ = std::move(payload); break;
    case 'R': co_await take_recipient(std::move(payload)); break;
    case 'L':
    case '>': write(type, payload); break;
    case 'f': take_flags(payload); break;
    case 'r':
    case 'e':
    case 'P': break;
    case 'E':
      co_await take_bcc();
      write('E', "");
      segment_ = Segment::end;
      break;
    default:
      log::warning("{}: message rejected: unexpected record type {} in extracted segment", file_.id(),
                   static_cast<int>(type));
      refuse(CleanupStatus::bad, "unexpected record type");
  }
}

}  // namespace postern::cleanup
