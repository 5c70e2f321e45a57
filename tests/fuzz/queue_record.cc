// SPDX-License-Identifier: Apache-2.0
// A queue file: records as a stream, and as a file with pointers, segments and an envelope; a bounce log.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/mail/dsn.h"
#include "lib/mail/queue_file.h"
#include "lib/mail/queue_id.h"
#include "lib/mail/record.h"

namespace {

using namespace postern;

void require(bool holds) {
  if (!holds) std::abort();
}

// However the bytes are cut, the same records come out.
std::string records_of(std::string_view bytes, std::size_t piece) {
  mail::RecordDecoder decoder(4096);
  std::string out;
  while (!bytes.empty()) {
    decoder.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      const auto record = decoder.next();
      if (!record) return out + "!";
      if (!*record) break;
      mail::append_record(out, (*record)->type, (*record)->payload);
    }
  }
  return out;
}

// An attribute, and content in pieces of a few bytes, as a reader finds them.
void writers(std::string_view bytes) {
  std::string out;
  const auto equals = bytes.find('=');
  const auto name = bytes.substr(0, equals);
  const auto value = equals == std::string_view::npos ? "" : bytes.substr(equals + 1);
  mail::append_attribute(out, name, value);
  mail::append_content_line(out, bytes, 7, bytes.size() % 2 == 0);
  mail::RecordDecoder decoder;
  decoder.feed("N\xFF");
  decoder.reset();
  decoder.feed(out);
  auto record = decoder.next();
  require(record && *record && (*record)->type == mail::record::kAttribute);
  const auto attribute = mail::parse_attribute((*record)->payload);
  require(attribute.has_value() == !name.empty());
  require(!attribute || (attribute->name == name && attribute->value == value));
  std::string content;
  char last = 0;
  for (record = decoder.next(); record && *record; record = decoder.next()) {
    require((*record)->payload.size() <= 7);
    content += (*record)->payload;
    last = (*record)->type;
  }
  require(record.has_value() && decoder.pending() == 0 && decoder.consumed() == out.size());
  require(content == bytes && last == (bytes.size() % 2 == 0 ? mail::record::kLine : mail::record::kChunk));
}

void queue_id(std::string_view name) {
  (void)mail::valid_queue_name(name);
  require(mail::hash_directories(name, 16).size() == 32);
  const auto inode = mail::queue_id_inode(name);
  const auto moved = mail::with_inode(name, 0);
  require(moved.has_value() == inode.has_value());
  if (!inode) return;
  require(mail::queue_id_inode(*moved) == 0 && mail::is_long_queue_id(*moved) == mail::is_long_queue_id(name));
  const auto time = mail::queue_id_time(name);
  if (!time) return;
  const auto made = mail::make_queue_id(true, *time, *inode);
  const auto again = mail::queue_id_time(made);
  require(again && again->seconds == time->seconds && again->micros == time->micros);
  require(mail::queue_id_inode(made) == inode && mail::valid_queue_id(made));
  if (time->micros < 1000000) require(mail::queue_id_inode(mail::make_queue_id(false, *time, *inode)) == inode);
}

void bounce_log(std::string_view bytes) {
  const auto log = mail::parse_log(bytes, "5.0.0", "failed");
  for (const auto& entry : log.entries) {
    require(mail::valid_dsn(entry.status) && !entry.recipient.empty() && !entry.reason.empty());
    for (const bool old_style : {false, true}) {
      require(mail::parse_log(mail::format_log_entry(entry, old_style), "5.0.0", "failed").entries.size() == 1);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  require(records_of(bytes, size + 1) == records_of(bytes, 3));

  const Fd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  require(static_cast<bool>(fd) && files::write_all(fd.get(), bytes).has_value());
  const auto whole = mail::read_envelope(fd.get());
  auto portions = mail::read_envelope(fd.get(), 1);
  require(whole.has_value() == portions.has_value());
  if (whole) {
    for (int i = 0; i < 1000 && portions->recipients_left > 0; ++i) {
      if (!mail::read_more_recipients(fd.get(), *portions, 1)) break;
    }
    for (const auto& recipient : whole->recipients) require(mail::mark_done(fd.get(), recipient.offset).has_value());
    (void)mail::kill_record(fd.get(), whole->trace_offset);
    (void)mail::rewrite_warn_time(fd.get(), whole->warn_offset, -1);
    require(::lseek(fd.get(), 0, SEEK_END) == static_cast<off_t>(size));
  }
  writers(bytes);
  bounce_log(bytes);
  queue_id(bytes.substr(0, 40));
  return 0;
}
