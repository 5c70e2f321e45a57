// SPDX-License-Identifier: Apache-2.0
// A whole smtpd session on whatever a client may send. The first byte says how long the pieces are in which the rest
// arrives; the session runs with the stand-ins of the unit tests.
//
// Every reply is well-formed; there is one for each command that was counted, and never more replies than lines and
// chunks that could ask for one; what is not answered with success never counts as a stored message; memory does not
// grow from run to run.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/text.h"
#include "tests/unit/smtpd/house.h"

namespace {

using namespace postern;

constexpr std::size_t kInputLimit = 64UL << 10;

void require(bool holds) {
  if (!holds) std::abort();
}

smtpd::House& house() {
  static smtpd::House instance(
      "smtpd_hard_error_limit = 1000\nsmtpd_soft_error_limit = 1000\nsmtpd_forbid_unauth_pipelining = no\n"
      "line_length_limit = 512\nmessage_size_limit = 10000\nsmtpd_authorized_verp_clients = static:all\n");
  return instance;
}

struct Heard {
  std::size_t replies = 0;
  std::size_t invitations = 0;
  std::size_t stored = 0;
};

Heard read_replies(std::string_view heard) {
  Heard out;
  require(heard.empty() || heard.ends_with("\r\n"));
  for (const auto line : text::words(heard, "\r\n")) {
    require(line.size() >= 4 && text::is_digit(line[0]) && text::is_digit(line[1]) && text::is_digit(line[2]));
    require(line[0] == '2' || line[0] == '3' || line[0] == '4' || line[0] == '5');
    require(line[3] == ' ' || line[3] == '-');
    if (line[3] == '-') continue;
    ++out.replies;
    if (line.starts_with("354 ")) ++out.invitations;
    // Other replies may repeat what the client said.
    if (line.starts_with("250 2.0.0 Ok: ") && line.find(" queued as ") != std::string_view::npos) ++out.stored;
  }
  return out;
}

// "... commands=3/5": how many commands there were.
std::size_t counted_commands(const std::vector<std::string>& log) {
  for (const auto& line : log) {
    const std::size_t at = line.rfind(" commands=");
    if (line.find("disconnect from ") == std::string::npos || at == std::string::npos) continue;
    std::string numbers = line.substr(at + 10);
    numbers = numbers.substr(0, numbers.find(' '));
    const auto both = text::cut(numbers, '/');
    return text::to_u64(both ? both->second : std::string_view(numbers)).value_or(0);
  }
  std::abort();
}

std::vector<std::string> pieces_of(std::string_view bytes, std::size_t length) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < bytes.size(); at += length) out.emplace_back(bytes.substr(at, length));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > kInputLimit) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t length = data[0] == 0 ? bytes.size() : std::size_t{data[0]} * 7;
  house().log.clear();
  house().messages.clear();
  const std::string said = house().pour(pieces_of(bytes, length));
  const Heard heard = read_replies(said);
  const std::size_t commands = counted_commands(house().log);
  const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  // The greeting is nobody's reply; the content that the client owes when it goes has none.
  const std::size_t answers = heard.replies - 1 - heard.invitations;
  require(answers + 1 >= commands);
  // At the end there may be one about the end itself.
  require(answers <= lines + 1);
  std::size_t stored = 0;
  for (const auto& message : house().messages) stored += message->ended && message->flags != 0 ? 1 : 0;
  require(heard.stored <= stored);
  return 0;
}
