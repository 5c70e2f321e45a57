// SPDX-License-Identifier: Apache-2.0
#include "cleanup/headers.h"

#include <ctime>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"

namespace postern::cleanup {

namespace {

using mail::HeaderId;

constexpr std::string_view kMailerDaemon = "MAILER-DAEMON";

std::string utc_stamp(std::int64_t seconds) {
  const auto t = static_cast<std::time_t>(seconds);
  std::tm tm{};
  gmtime_r(&t, &tm);
  std::string out(16, '\0');
  out.resize(std::strftime(out.data(), out.size(), "%Y%m%d%H%M%S", &tm));
  return out;
}

std::string from_value(const HeaderPolicy& policy, std::string_view sender, std::string_view full_name) {
  if (sender.empty()) return std::string(kMailerDaemon);
  return mail::from_value(policy.from_format, mail::quote_address(sender), full_name, policy.charset);
}

}  // namespace

bool note_header(const HeaderPolicy& policy, HeaderState& state, const mail::HeaderInfo* info,
                 std::string_view header) {
  const auto field = mail::split_header(header);
  if (!field) return true;
  if (info != nullptr) {
    if (info->resent) state.resent = true;
    switch (info->id) {
      case HeaderId::received: ++state.hops; break;
      case HeaderId::message_id:
        state.has_message_id = true;
        state.message_id = text::trim(mail::unfold(field->value));
        break;
      case HeaderId::resent_message_id:
        state.has_resent_message_id = true;
        state.resent_message_id = text::trim(mail::unfold(field->value));
        break;
      case HeaderId::date: state.has_date = true; break;
      case HeaderId::resent_date: state.has_resent_date = true; break;
      case HeaderId::from: state.has_from = true; break;
      case HeaderId::resent_from: state.has_resent_from = true; break;
      case HeaderId::to:
      case HeaderId::cc:
      case HeaderId::bcc:
      case HeaderId::apparently_to:
      case HeaderId::resent_to:
      case HeaderId::resent_cc:
      case HeaderId::resent_bcc: state.has_recipients = true; break;
      default: break;
    }
  }
  return !policy.dropped.contains(text::lower(field->name));
}

std::string make_message_id(const HeaderPolicy& policy, std::string_view queue_id, std::int64_t created) {
  std::string out = "<";
  if (!policy.long_ids) out += utc_stamp(created) + ".";
  return out + std::string(queue_id) + "@" + policy.myhostname + ">";
}

AddedHeaders missing_headers(const HeaderPolicy& policy, const HeaderState& state, bool local_origin,
                             std::string_view queue_id, std::int64_t created, std::int64_t arrival,
                             std::string_view sender, std::string_view full_name) {
  AddedHeaders out;
  if (!local_origin && !policy.always_add) return out;
  const std::string prefix = state.resent ? "Resent-" : "";
  if (!(state.resent ? state.has_resent_message_id : state.has_message_id)) {
    out.message_id = make_message_id(policy, queue_id, created);
    out.lines.push_back(prefix + "Message-Id: " + out.message_id);
  }
  if (!(state.resent ? state.has_resent_date : state.has_date)) {
    out.lines.push_back(prefix + "Date: " + rfc5322_date(arrival));
  }
  if (!(state.resent ? state.has_resent_from : state.has_from)) {
    out.lines.push_back(prefix + "From: " + from_value(policy, sender, full_name));
  }
  if (!state.has_recipients && !policy.undisclosed.empty()) out.lines.push_back(policy.undisclosed);
  return out;
}

bool may_need_completion(std::string_view address) {
  if (address.empty()) return false;
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return true;
  const std::string_view domain = address.substr(at + 1);
  return domain.find('.') == std::string_view::npos || domain.ends_with('.');
}

}  // namespace postern::cleanup
