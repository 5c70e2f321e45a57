// SPDX-License-Identifier: Apache-2.0
#include "smtpd/certificate_order.h"

#include <fmt/core.h>

#include "lib/base/text.h"
#include "lib/config/value.h"

namespace postern::smtpd {

namespace {

std::string_view inside_braces(std::string_view text) { return text.substr(1, text.size() - 2); }

bool braced(std::string_view text) { return text.size() >= 2 && text.front() == '{' && text.back() == '}'; }

Result<std::vector<CertificateFeature>> parse_order(std::string_view words, std::string_view spec) {
  std::vector<CertificateFeature> out;
  for (const auto& word : config::split_list(words)) {
    if (text::iequals(word, "cert_fingerprint")) {
      out.push_back(CertificateFeature::certificate_digest);
    } else if (text::iequals(word, "pubkey_fingerprint")) {
      out.push_back(CertificateFeature::key_digest);
    } else {
      return fail(fmt::format("unknown search type '{}' in '{}'", word, spec));
    }
  }
  return out;
}

}  // namespace

Result<CertificateLookup> parse_certificate_lookup(std::string_view spec) {
  CertificateLookup out;
  if (!braced(spec)) {
    out.table = spec;
    return out;
  }
  const auto items = config::split_list_braces(inside_braces(spec));
  if (!items) return fail(fmt::format("{} in '{}'", items.error().text, spec));
  if (items->empty()) return fail(fmt::format("missing type:table in '{}'", spec));
  out.table = items->front();
  for (std::size_t i = 1; i < items->size(); ++i) {
    const std::string& item = (*items)[i];
    const auto pair = braced(item) ? text::cut(inside_braces(item), '=') : std::nullopt;
    if (!pair) return fail(fmt::format("'{{ name = value }}' expected in '{}'", spec));
    const std::string_view name = text::trim(pair->first);
    if (name != "search_order") return fail(fmt::format("unknown map attribute in '{}': '{}'", spec, name));
    auto order = parse_order(pair->second, spec);
    if (!order) return std::unexpected(order.error());
    out.order = std::move(*order);
  }
  return out;
}

}  // namespace postern::smtpd
