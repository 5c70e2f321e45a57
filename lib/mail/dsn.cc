// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/dsn.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/parse/cursor.h"

namespace postern::mail {

namespace {

constexpr std::size_t kDetailDigits = 3;
constexpr std::size_t kUnknownLinesMax = 20;

struct NotifyName {
  std::string_view name;
  unsigned bit;
};
constexpr std::array kNotifyNames{NotifyName{"NEVER", notify::kNever}, NotifyName{"SUCCESS", notify::kSuccess},
                                  NotifyName{"FAILURE", notify::kFailure}, NotifyName{"DELAY", notify::kDelay}};

bool status_number(parse::Cursor& in) {
  const auto digits = in.take_while(text::is_digit);
  return !digits.empty() && digits.size() <= kDetailDigits;
}

std::string quoted(std::string_view recipient) { return recipient.empty() ? "<>" : quote_address(recipient); }

void put(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out += fmt::format("{}={}\n", name, text::printable(value, '?', true));
}

// Which member a name=value line fills; numbers are handled by the caller.
std::string* text_member(DeliveryStatus& entry, std::string_view name) {
  struct Member {
    std::string_view name;
    std::string DeliveryStatus::* member;
  };
  static constexpr std::array kMembers{
      Member{"original_recipient", &DeliveryStatus::original_recipient},
      Member{"dsn_orig_rcpt", &DeliveryStatus::dsn_orig_rcpt},
      Member{"status", &DeliveryStatus::status},
      Member{"action", &DeliveryStatus::action},
      Member{"diag_type", &DeliveryStatus::diag_type},
      Member{"diag_text", &DeliveryStatus::diag_text},
      Member{"mta_type", &DeliveryStatus::mta_type},
      Member{"mta_mname", &DeliveryStatus::mta_name},
      Member{"reason", &DeliveryStatus::reason},
  };
  const auto* const found = std::ranges::find(kMembers, name, &Member::name);
  return found == kMembers.end() ? nullptr : &(entry.*found->member);
}

// Collects the lines of one entry.
class EntryReader {
 public:
  EntryReader(DeliveryLog& log, std::string_view status, std::string_view action)
      : log_(log), default_status_(status), default_action_(action) {}

  void line(std::string_view raw) {
    const std::string line = text::printable(raw, '?', true);
    if (line.empty()) {
      flush();
    } else if (line.starts_with('<')) {
      old_style(line);
    } else if (!name_value(line)) {
      unknown(line);
    }
  }

  void flush() {
    if (!begun_) return;
    begun_ = false;
    DeliveryStatus entry = std::exchange(entry_, {});
    if (!have_recipient_) entry.recipient = "(recipient address unavailable)";
    if (entry.reason.empty()) entry.reason = "(description unavailable)";
    if (!valid_dsn(entry.status)) entry.status = default_status_;
    if (entry.action.empty()) entry.action = default_action_;
    if (entry.diag_type.empty() || entry.diag_text.empty()) entry.diag_type = entry.diag_text = {};
    if (entry.mta_type.empty() || entry.mta_name.empty()) entry.mta_type = entry.mta_name = {};
    have_recipient_ = false;
    log_.entries.push_back(std::move(entry));
  }

 private:
  void recipient(std::string_view external) {
    begun_ = have_recipient_ = true;
    if (external == "<>") external = {};
    entry_.recipient = external.empty() ? "(MAILER-DAEMON)" : unquote_address(external);
  }

  // "<address>: reason"; the newer lines of the same entry say it again, better.
  void old_style(std::string_view line) {
    const auto end = line.find(">: ");
    if (end == std::string_view::npos) return unknown(line);
    recipient(line.substr(1, end - 1));
    entry_.reason = line.substr(end + 3);
  }

  bool name_value(std::string_view line) {
    const auto pair = text::cut(line, '=');
    if (!pair || !text::is_alnum(line.front())) return false;
    const auto [name, value] = *pair;
    if (name == "recipient") {
      recipient(value);
    } else if (name == "offset") {
      entry_.offset = text::to_i64(value).value_or(0);
    } else if (name == "notify_flags") {
      entry_.notify = static_cast<unsigned>(text::to_u64(value).value_or(0));
    } else if (auto* const member = text_member(entry_, name)) {
      *member = name == "original_recipient" ? unquote_address(value) : std::string(value);
    } else {
      return false;
    }
    begun_ = true;
    return true;
  }

  void unknown(std::string_view line) {
    if (log_.unknown_lines.size() < kUnknownLinesMax) log_.unknown_lines.emplace_back(line);
  }

  DeliveryLog& log_;
  std::string_view default_status_;
  std::string_view default_action_;
  DeliveryStatus entry_;
  bool begun_ = false;
  bool have_recipient_ = false;
};

}  // namespace

std::size_t dsn_prefix(std::string_view text) {
  parse::Cursor in(text);
  if (!in.take('2') && !in.take('4') && !in.take('5')) return 0;
  if (!in.take('.') || !status_number(in) || !in.take('.') || !status_number(in)) return 0;
  return in.done() || text::is_blank(in.peek()) ? in.offset() : 0;
}

bool valid_dsn(std::string_view status) { return !status.empty() && dsn_prefix(status) == status.size(); }

DsnText split_dsn(std::string_view text, std::string_view fallback) {
  const auto length = dsn_prefix(text);
  if (length == 0) return {.status = std::string(fallback), .text = std::string(text)};
  return {.status = std::string(text.substr(0, length)), .text = std::string(text::trim_left(text.substr(length)))};
}

std::string with_class(std::string_view status, char wanted) {
  std::string out(status);
  if (!out.empty()) out.front() = wanted;
  return out;
}

std::optional<unsigned> parse_notify(std::string_view value) {
  unsigned mask = 0;
  for (const auto word : text::fields(value, ',')) {
    const auto* const found =
        std::ranges::find_if(kNotifyNames, [word](const auto& known) { return text::iequals(known.name, word); });
    if (found == kNotifyNames.end() || (mask & found->bit) != 0) return std::nullopt;
    mask |= found->bit;
  }
  if ((mask & notify::kNever) != 0 && mask != notify::kNever) return std::nullopt;
  return mask;
}

std::string format_notify(unsigned mask) {
  std::vector<std::string> out;
  for (const auto& known : kNotifyNames) {
    if ((mask & known.bit) != 0) out.emplace_back(known.name);
  }
  return text::join(out, ",");
}

std::optional<unsigned> parse_ret(std::string_view value) {
  if (text::iequals(value, "FULL")) return ret::kFull;
  if (text::iequals(value, "HDRS")) return ret::kHeaders;
  return std::nullopt;
}

std::string_view format_ret(unsigned flags) {
  if (flags == ret::kFull) return "FULL";
  return flags == ret::kHeaders ? "HDRS" : "";
}

std::optional<TypedAddress> split_typed_address(std::string_view text) {
  const auto pair = text::cut(text, ';');
  if (!pair || pair->first.empty() || pair->second.empty()) return std::nullopt;
  return TypedAddress{.type = pair->first, .address = pair->second};
}

std::string format_log_entry(const DeliveryStatus& status, bool old_style) {
  const std::string recipient = quoted(status.recipient);
  std::string out = "\n";
  if (old_style) {
    out += fmt::format("<{}>: {}\n", status.recipient.empty() ? "" : text::printable(recipient, '?', true),
                       text::printable(status.reason, '?', true));
  }
  put(out, "recipient", recipient);
  if (!text::iequals(status.original_recipient, status.recipient) && !status.original_recipient.empty()) {
    put(out, "original_recipient", quote_address(status.original_recipient));
  }
  if (status.offset > 0) out += fmt::format("offset={}\n", status.offset);
  put(out, "dsn_orig_rcpt", status.dsn_orig_rcpt);
  if (status.notify != 0) out += fmt::format("notify_flags={}\n", status.notify);
  put(out, "status", status.status);
  put(out, "action", status.action);
  if (!status.diag_type.empty() && !status.diag_text.empty()) {
    put(out, "diag_type", status.diag_type);
    put(out, "diag_text", status.diag_text);
  }
  if (!status.mta_type.empty() && !status.mta_name.empty()) {
    put(out, "mta_type", status.mta_type);
    put(out, "mta_mname", status.mta_name);
  }
  put(out, "reason", status.reason);
  return out + "\n";
}

DeliveryLog parse_log(std::string_view text, std::string_view default_status, std::string_view default_action) {
  DeliveryLog out;
  EntryReader reader(out, default_status, default_action);
  for (const auto line : text::fields(text, '\n')) reader.line(line);
  reader.flush();
  return out;
}

}  // namespace postern::mail
