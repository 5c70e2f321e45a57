// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/idna.h"

#include <unicode/bytestream.h>
#include <unicode/idna.h>

#include <memory>

#include "lib/base/text.h"

namespace postern::mail {

namespace {

// Labels of a domain in use may be longer than registries allow, hyphens anywhere: DNS decides, not form.
constexpr std::uint32_t kTolerated = UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG |
                                     UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_LEADING_HYPHEN |
                                     UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;

std::unique_ptr<icu::IDNA> converter() {
  UErrorCode status = U_ZERO_ERROR;
  constexpr std::uint32_t kOptions =
      UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE | UIDNA_CHECK_BIDI;
  std::unique_ptr<icu::IDNA> out(icu::IDNA::createUTS46Instance(kOptions, status));
  return U_SUCCESS(status) ? std::move(out) : nullptr;
}

icu::StringPiece piece(std::string_view s) { return {s.data(), static_cast<int32_t>(s.size())}; }

using Conversion = void (icu::IDNA::*)(icu::StringPiece, icu::ByteSink&, icu::IDNAInfo&, UErrorCode&) const;

std::optional<std::string> convert(std::string_view domain, Conversion conversion) {
  if (domain.size() > INT32_MAX || !text::is_utf8(domain)) return std::nullopt;
  const auto idna = converter();
  if (!idna) return std::nullopt;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  icu::IDNAInfo info;
  UErrorCode status = U_ZERO_ERROR;
  (idna.get()->*conversion)(piece(domain), sink, info, status);
  if (U_FAILURE(status) || (info.getErrors() & ~kTolerated) != 0) return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::string> domain_to_ascii(std::string_view domain) {
  if (text::is_ascii(domain)) return std::string(domain);
  return convert(domain, &icu::IDNA::nameToASCII_UTF8);
}

std::optional<std::string> domain_to_unicode(std::string_view domain) {
  // Without an A-label there is nothing to decode.
  if (text::is_ascii(domain) && text::lower(domain).find("xn--") == std::string::npos) return std::string(domain);
  return convert(domain, &icu::IDNA::nameToUnicodeUTF8);
}

}  // namespace postern::mail
