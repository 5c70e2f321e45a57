// SPDX-License-Identifier: Apache-2.0
#include "lib/smtp/reply.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace postern::smtp {

namespace {

constexpr std::size_t kLineCost = sizeof(std::string);

bool is_class(char c) { return c == '2' || c == '4' || c == '5'; }

// ".N", 1-3 digits, at the beginning of the text; its length or 0.
std::size_t detail_length(std::string_view text) {
  if (!text.starts_with('.')) return 0;
  std::size_t digits = 0;
  while (digits + 1 < text.size() && text::is_digit(text[digits + 1])) ++digits;
  return digits >= 1 && digits <= 3 ? digits + 1 : 0;
}

void append_clean(std::string& out, std::string_view text) {
  const std::size_t from = out.size();
  out += text;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(from), out.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
}

// One line without its end.
void append_line(std::string& out, const Reply& reply, std::string_view text, bool last) {
  const std::size_t from = out.size();
  out += std::to_string(reply.code);
  if (!last || !reply.enhanced.empty() || !text.empty()) out += last ? ' ' : '-';
  out += reply.enhanced;
  if (!reply.enhanced.empty() && !text.empty()) out += ' ';
  append_clean(out, text);
  out.resize(std::min(out.size(), from + kReplyLineLimit));
}

void append_lines(std::string& out, const Reply& reply, std::string_view end, std::string_view last_end) {
  if (reply.lines.empty()) {
    append_line(out, reply, {}, true);
    out += last_end;
    return;
  }
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    const bool last = i + 1 == reply.lines.size();
    append_line(out, reply, reply.lines[i], last);
    out += last ? last_end : end;
  }
}

}  // namespace

void append_wire(std::string& out, const Reply& reply) { append_lines(out, reply, "\r\n", "\r\n"); }

std::string wire(const Reply& reply) {
  std::string out;
  append_wire(out, reply);
  return out;
}

std::string one_line(const Reply& reply) {
  std::string out;
  append_lines(out, reply, " ", "");
  return out;
}

std::size_t enhanced_status_length(std::string_view text) {
  if (text.empty() || !is_class(text.front())) return 0;
  const std::size_t subject = detail_length(text.substr(1));
  if (subject == 0) return 0;
  const std::size_t detail = detail_length(text.substr(1 + subject));
  if (detail == 0) return 0;
  const std::size_t length = 1 + subject + detail;
  return length == text.size() || text[length] == ' ' || text[length] == '\t' ? length : 0;
}

std::optional<Reply> parse_reply_text(std::string_view text) {
  if (text.size() < 3 || !std::ranges::all_of(text.substr(0, 3), text::is_digit)) return std::nullopt;
  if (text.size() > 3 && !text::is_blank(text[3])) return std::nullopt;
  const int code = static_cast<int>(*text::to_u64(text.substr(0, 3)));
  if (code < 200 || code > 599) return std::nullopt;
  std::string_view rest = text::trim(text.substr(3));
  std::string_view enhanced;
  if (const std::size_t length = enhanced_status_length(rest); length > 0 && rest.front() == text.front()) {
    enhanced = rest.substr(0, length);
    rest = text::trim_left(rest.substr(length));
  }
  return Reply(code, enhanced, rest);
}

// --- the client's side -------------------------------------------------------------------------------

std::string ServerReply::text() const {
  std::string out;
  for (const std::string& line : lines) {
    if (out.size() >= kReplyLineLimit) break;
    if (!out.empty()) out += ' ';
    out += line;
  }
  return out;
}

bool ServerReply::longer_than_text() const {
  std::size_t size = 0;
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) size += lines[i].size() + (size > 0 ? 1 : 0);
  return size >= kReplyLineLimit;
}

std::string_view ServerReply::line_text(std::size_t i) const {
  const std::string_view line = lines[i];
  return line.size() > 4 ? line.substr(4) : std::string_view();
}

std::string ServerReply::status() const {
  if (!enhanced.empty()) return enhanced;
  const int k = kind();
  if (k != 2 && k != 4 && k != 5) return "5.5.0";
  return std::to_string(k) + ".0.0";
}

namespace {

bool is_reply_line(std::string_view line) {
  if (line.size() < 3 || !std::ranges::all_of(line.substr(0, 3), text::is_digit)) return false;
  return line.size() == 3 || line[3] == ' ' || line[3] == '-';
}

std::string enhanced_of(std::string_view line) {
  if (line.size() < 5) return {};
  const auto text = text::trim_left(line.substr(4));
  const std::size_t length = enhanced_status_length(text);
  if (length == 0 || text.front() != line.front()) return {};
  return std::string(text.substr(0, length));
}

}  // namespace

std::size_t ReplyReader::feed(std::string_view bytes) {
  std::size_t at = 0;
  while (!complete_ && at < bytes.size()) {
    const auto newline = bytes.find('\n', at);
    const auto part = bytes.substr(at, newline == std::string_view::npos ? newline : newline - at);
    // One byte more than the limit, for the CR of a line that just fits.
    const std::size_t room = kReplyLineLimit + 1 - line_.size();
    line_ += part.substr(0, room);
    if (part.size() > room) line_cut_ = true;
    at += part.size();
    if (newline == std::string_view::npos) break;
    ++at;
    end_line();
  }
  return at;
}

void ReplyReader::end_line() {
  if (!line_cut_) line_.resize(text::trim_right(line_, "\r").size());
  if (line_.size() >= kReplyLineLimit) line_cut_ = true;
  line_.resize(std::min(line_.size(), kReplyLineLimit));
  // Nothing that is shown of a reply may follow a NUL.
  line_.resize(std::min(line_.find('\0'), line_.size()));
  std::string line = text::printable(line_, '?', true);
  line_.clear();
  const bool cut = std::exchange(line_cut_, false);

  const bool is_reply = is_reply_line(line);
  if (is_reply && !(line.size() > 3 && line[3] == '-')) {
    complete_ = true;
    reply_.code = static_cast<int>(*text::to_u64(std::string_view(line).substr(0, 3)));
    reply_.enhanced = enhanced_of(line);
  } else if (size_ + line.size() > kReplyLimit) {
    reply_.incomplete = true;
    return;
  }
  // An empty line has its cost too.
  size_ += line.size() + kLineCost;
  if (!is_reply) reply_.junk.push_back(line);
  if (cut) reply_.cut.push_back(line);
  reply_.lines.push_back(std::move(line));
}

ServerReply ReplyReader::take() {
  complete_ = false;
  size_ = 0;
  return std::exchange(reply_, {});
}

}  // namespace postern::smtp
