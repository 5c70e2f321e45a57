// SPDX-License-Identifier: Apache-2.0
#include "qmgr/message.h"

#include <algorithm>

namespace postern::qmgr {

namespace {
constexpr std::int64_t kSecond = 1'000'000;
// A scan takes messages whose time comes within a second; these must not come early.
constexpr std::int64_t kScanSlack = 1;
}  // namespace

void Message::note_retry(const service::DeliveryResult& result) {
  if (result.retry_us <= 0 || result.undelivered <= 0) return;
  retry_us = retry_us > 0 ? std::min(retry_us, result.retry_us) : result.retry_us;
  retrying += result.undelivered;
}

std::int64_t Message::next_attempt(std::int64_t usual) const {
  if (retry_us <= 0) return usual;
  const std::int64_t wanted = (retry_us + kSecond - 1) / kSecond + kScanSlack;
  // Others wait as always, and no longer.
  return deferred > retrying ? std::min(wanted, usual) : wanted;
}

service::DeliveryRequest Message::request(bool confirm_delay_cleared) const {
  const mail::Envelope& e = envelope_;
  service::DeliveryRequest out;
  out.flags = service::delivery_flag::kDeleteDone | e.trace_flags;
  if (e.warn_time < 0 && confirm_delay_cleared) out.flags |= service::delivery_flag::kDelayNoticeSent;
  out.queue_id = id_;
  out.data_offset = e.size.data_offset;
  out.data_size = e.logged_size();
  out.encoding = e.encoding;
  out.send_options = e.size.send_options;
  out.sender = e.sender;
  out.envelope_id = e.envelope_id;
  out.ret_flags = e.ret_flags;
  out.arrival_us = e.arrival.seconds * 1000000 + e.arrival.micros;
  out.active_us = active_us_;
  out.start_us = service::now_us();
  out.client_name = e.attribute("log_client_name");
  out.client_address = e.attribute("log_client_address");
  out.client_port = e.attribute("log_client_port");
  out.protocol_name = e.attribute("log_protocol_name");
  out.helo_name = e.attribute("log_helo_name");
  out.sasl_method = e.attribute("sasl_method");
  out.sasl_username = e.attribute("sasl_username");
  out.sasl_sender = e.attribute("sasl_sender");
  out.log_ident = e.attribute("log_ident");
  out.rewrite_context = e.attribute("rewrite_context");
  return out;
}

service::BounceNotice Message::notice(service::NoticeKind kind, bool verp_bounces) const {
  const mail::Envelope& e = envelope_;
  service::BounceNotice out;
  out.kind = kind;
  out.trace_flags = e.trace_flags;
  out.queue_id = id_;
  out.encoding = e.encoding;
  out.send_options = e.size.send_options;
  out.sender = e.sender;
  out.envelope_id = e.envelope_id;
  out.ret_flags = e.ret_flags;
  out.verp = verp_bounces ? e.verp : "";
  return out;
}

}  // namespace postern::qmgr
