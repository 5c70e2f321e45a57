// SPDX-License-Identifier: Apache-2.0
#include "smtp/xforward.h"

#include <algorithm>

#include "lib/parse/xtext.h"

namespace postern::smtp_client {

namespace {

constexpr std::string_view kUnknown = "unknown";

// '=' may stand for itself: a value ends at a blank only.
std::string encoded(std::string_view value) {
  std::string out;
  for (const char c : value) out += c == '=' ? std::string("=") : parse::xtext_encode({&c, 1});
  return out;
}

// Collects what was announced and is known.
class Builder {
 public:
  explicit Builder(const std::vector<std::string>& announced) : announced_(announced) {}
  void add(std::string_view name, std::string_view value) {
    if (value.empty() || std::ranges::find(announced_, name) == announced_.end()) return;
    text_ += " " + std::string(name) + "=" + encoded(value);
  }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  [[nodiscard]] std::string command() const { return "XFORWARD" + text_; }

 private:
  const std::vector<std::string>& announced_;
  std::string text_;
};

}  // namespace

std::vector<XforwardCommand> xforward_commands(const std::vector<std::string>& announced,
                                               const service::DeliveryRequest& request) {
  std::vector<XforwardCommand> out;
  Builder who(announced);
  if (request.client_name != kUnknown) who.add("NAME", request.client_name);
  if (request.client_address != kUnknown) who.add("ADDR", request.client_address);
  if (request.client_port != kUnknown) who.add("PORT", request.client_port);
  if (!who.empty()) out.push_back({who.command(), "XFORWARD name/address", "XFORWARD name/address command"});
  Builder how(announced);
  how.add("PROTO", request.protocol_name);
  how.add("HELO", request.helo_name);
  how.add("IDENT", request.log_ident);
  how.add("SOURCE", request.rewrite_context == "local" ? "LOCAL" : "REMOTE");
  if (!how.empty()) out.push_back({how.command(), "XFORWARD helo/protocol", "XFORWARD helo/protocol command"});
  return out;
}

}  // namespace postern::smtp_client
