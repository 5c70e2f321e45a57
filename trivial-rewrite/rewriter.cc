// SPDX-License-Identifier: Apache-2.0
#include "trivial-rewrite/rewriter.h"

#include "lib/base/text.h"

namespace postern::trivial_rewrite {

namespace {

// One trailing dot makes a name absolute for the resolver; in mail it says nothing.
void strip_dot(std::string& address) {
  if (address.size() > 1 && address.ends_with('.') && address.find('@') != std::string::npos) address.pop_back();
}

}  // namespace

std::string rewrite(const RewriteRules& rules, Context context, std::string_view address) {
  std::string out(address);
  if (out.empty()) return out;
  // "!user" and "user%" become "user@": nobody's domain is left to us, so that the address is refused in the end.
  if (rules.swap_bangpath && out.find('@') == std::string::npos) {
    if (const auto bang = out.find('!'); bang != std::string::npos && out.size() > 1) {
      out = out.substr(bang + 1) + "@" + out.substr(0, bang);
    }
  }
  if (rules.percent_hack && out.find('@') == std::string::npos) {
    if (const auto percent = out.rfind('%'); percent != std::string::npos && out.size() > 1) {
      out[percent] = '@';
    }
  }
  const std::string& domain = context == Context::local ? rules.myorigin : rules.remote_domain;
  if (context == Context::remote && domain.empty()) {
    strip_dot(out);
    return out;
  }
  if (out.find('@') == std::string::npos && (rules.append_at_myorigin || context == Context::remote)) {
    out += "@" + domain;
  }
  if (const auto at = out.rfind('@'); at != std::string::npos && rules.append_dot_mydomain) {
    const std::string_view host = std::string_view(out).substr(at + 1);
    const std::string& parent = context == Context::local ? rules.mydomain : rules.remote_domain;
    if (!host.empty() && host[0] != '[' && host.find('.') == std::string_view::npos && host != "localhost") {
      out += "." + parent;
    }
  }
  strip_dot(out);
  return out;
}

}  // namespace postern::trivial_rewrite
