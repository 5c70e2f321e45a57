// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/trust_anchors.h"

#include <fmt/core.h>

#include "lib/base/files.h"
#include "lib/base/text.h"

namespace postern::tls {

namespace {

constexpr std::size_t kFileLimit = 1UL << 20;
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

// "CERTIFICATE" for "-----BEGIN CERTIFICATE-----"; empty for another line.
std::string_view label_of(std::string_view line, std::string_view mark) {
  if (!line.starts_with(mark) || !line.ends_with(kDashes) || line.size() < mark.size() + kDashes.size()) return {};
  return line.substr(mark.size(), line.size() - mark.size() - kDashes.size());
}

// Usage 2 (trust anchor), selector 0 (certificate) or 1 (key), matching type 0 (all of it).
std::string_view record_kind(std::string_view label) {
  if (label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE") return "2 0 0";
  return label == "PUBLIC KEY" ? "2 1 0" : "";
}

// A "TRUSTED CERTIFICATE" has OpenSSL's own data behind the certificate: only the first DER value is the certificate.
std::string_view first_value(std::string_view der) {
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(der[i])); };
  if (der.size() < 2) return der;
  std::size_t length = byte(1);
  std::size_t header = 2;
  if (length >= 0x80) {
    const std::size_t digits = length & 0x7F;
    if (digits == 0 || digits > 4 || der.size() < header + digits) return der;
    length = 0;
    for (std::size_t i = 0; i < digits; ++i) length = length << 8 | byte(header + i);
    header += digits;
  }
  return der.substr(0, header + length);
}

}  // namespace

Result<std::vector<std::string>> parse_trust_anchors(std::string_view pem) {
  std::vector<std::string> result;
  std::string label;
  std::string body;
  for (std::string_view line : text::words(pem, "\r\n")) {
    line = text::trim(line);
    if (label.empty()) {
      label = label_of(line, kBegin);
      body.clear();
      continue;
    }
    if (!line.starts_with(kEnd)) {
      body += line;
      continue;
    }
    if (label_of(line, kEnd) != label) return fail(fmt::format("a \"{}\" block without its end", label));
    if (const std::string_view kind = record_kind(label); !kind.empty()) {
      const auto der = text::from_base64(body);
      if (!der || der->empty()) return fail(fmt::format("a \"{}\" block is not base64", label));
      result.push_back(fmt::format("{} {}", kind, text::hex(first_value(*der), true)));
    }
    label.clear();
  }
  if (!label.empty()) return fail(fmt::format("a \"{}\" block without its end", label));
  return result;
}

Result<std::vector<std::string>> load_trust_anchors(const std::vector<std::string>& files) {
  std::vector<std::string> result;
  std::size_t digits = 0;
  for (const std::string& file : files) {
    const auto pem = files::read(file, kFileLimit);
    if (!pem) {
      return fail(pem.error().code != 0
                      ? fmt::format("error opening trust anchor file: {}: {}", file, errno_text(pem.error().code))
                      : fmt::format("trust anchor file {}: {}", file, pem.error().text));
    }
    auto records = parse_trust_anchors(*pem);
    if (!records) return fail(fmt::format("trust anchor file {}: {}", file, records.error().text));
    // Without this a file of something else would leave CAfile and CApath in force.
    if (records->empty()) return fail(fmt::format("trust anchor file {}: no certificate or public key", file));
    for (std::string& record : *records) {
      digits += record.size();
      result.push_back(std::move(record));
    }
  }
  if (digits / 2 > kTrustAnchorLimit) {
    return fail(fmt::format("trust anchor files {}: more than {} bytes", text::join(files, ", "), kTrustAnchorLimit));
  }
  return result;
}

}  // namespace postern::tls
