// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/delivered_to.h"

#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/header.h"
#include "lib/mail/queue_file.h"
#include "lib/mail/record.h"

namespace postern::mail {

Result<std::set<std::string>> delivered_to_headers(int queue_file, std::int64_t data_offset) {
  std::set<std::string> out;
  QueueFileReader file(queue_file, static_cast<std::uint64_t>(data_offset), Segment::content);
  std::string line;
  for (;;) {
    const auto record = file.next();
    if (!record) return std::unexpected(record.error());
    if (!*record || ((*record)->type != record::kLine && (*record)->type != record::kChunk)) return out;
    line += (*record)->payload;
    if ((*record)->type == record::kChunk) continue;
    if (line.empty()) return out;
    const auto field = split_header(line);
    if (field && text::iequals(field->name, "Delivered-To")) {
      out.insert(text::lower(unquote_address(text::trim(field->value))));
    }
    line.clear();
  }
}

}  // namespace postern::mail
