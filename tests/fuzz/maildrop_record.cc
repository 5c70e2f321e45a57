// SPDX-License-Identifier: Apache-2.0
// Local submission: the record stream that a user gives to postdrop, and the maildrop file that pickup reads.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/mail/maildrop.h"
#include "lib/mail/record.h"

namespace {

using namespace postern;

constexpr std::size_t kLineLimit = 2048;

void require(bool holds) {
  if (!holds) std::abort();
}

// What postdrop would store of the stream; `complete` when it would accept the message.
std::string stored(std::string_view bytes, bool& complete) {
  mail::RecordDecoder decoder(kLineLimit);
  mail::DropInput input;
  std::string out;
  mail::append_record(out, 'T', "1795148341 5");
  decoder.feed(bytes);
  for (;;) {
    const auto record = decoder.next();
    if (!record || !*record || input.ended()) break;
    const auto judgement = input.judge((*record)->type, (*record)->payload);
    if (judgement.verdict == mail::DropInput::Verdict::malformed) break;
    if (judgement.verdict == mail::DropInput::Verdict::store) {
      mail::append_record(out, (*record)->type, (*record)->payload);
    }
  }
  complete = input.ended() && input.deliverable();
  return out;
}

// True when every record was taken and the end was reached.
bool convert(std::string_view bytes, bool requeued, std::uint64_t& recipients) {
  mail::DropOutput output(
      {.requeued = requeued, .content_filter = "f:g", .line_limit = kLineLimit, .received = {"Received: x"}});
  mail::RecordDecoder decoder;
  decoder.feed(bytes);
  for (;;) {
    const auto record = decoder.next();
    if (!record || !*record) break;
    const auto items = output.convert((*record)->type, (*record)->payload);
    if (!items) return false;
    for (const auto& item : *items) {
      // Nothing that only the mail system may say comes from a user.
      if (!requeued && item.type == 'A') {
        const auto attribute = mail::parse_attribute(item.payload);
        require(attribute && mail::drop_attribute_allowed(attribute->name, attribute->value));
      }
      require(item.type != 'C' && item.type != 'D' && item.type != '>' && item.type != 'p');
    }
  }
  recipients = output.recipients();
  return output.ended();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  bool complete = false;
  const std::string file = stored(bytes, complete);
  std::uint64_t recipients = 0;
  // Whatever postdrop accepts, pickup can carry.
  if (complete) require(convert(file, false, recipients) && recipients > 0);
  (void)convert(bytes, false, recipients);
  (void)convert(bytes, true, recipients);
  return 0;
}
