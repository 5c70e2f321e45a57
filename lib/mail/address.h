// SPDX-License-Identifier: Apache-2.0
// One mail address: internal and external form, its parts, table keys (RFC 5321 4.1.2, RFC 5322 3.4.1).
//
// Internal form is what queue files and tables hold: no quotes, no source route, no brackets around it
// (john smith@example.com). External form is what protocols and headers show ("john smith"@example.com).
// The domain begins behind the last '@' of the internal form. The empty address is the null sender.
// Folding for table keys is ASCII here; lib/table/fold.h folds UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

struct AddressParts {
  std::string_view local;
  std::string_view domain;  // empty when there is no '@'
  bool has_domain = false;  // there is an '@'
};
[[nodiscard]] AddressParts split_address(std::string_view internal);
[[nodiscard]] std::string join_address(std::string_view local, std::string_view domain);

// Quotes the local part where RFC 5321 Dot-string does not hold. 8-bit bytes stand for themselves.
[[nodiscard]] std::string quote_address(std::string_view internal);
[[nodiscard]] std::string quote_local(std::string_view local);
// External to internal, without judging: quotes and backslashes resolved, source route kept.
[[nodiscard]] std::string unquote_address(std::string_view external);

// What stands between the brackets of MAIL FROM / RCPT TO (or there without brackets).
// Source routes are dropped, comments too, quotes resolved; bare local parts are fine.
// nullopt: not one address, a domain that is no host name (numbers are none) and no address literal, control bytes.
// "" gives "" (the caller knows whether null is allowed); "@domain" is an address with an empty local part. A quoted
// '@' separates like any other ("a@b" in quotes has the domain b), so that nothing can hide a domain from relay
// control. `strict` refuses comments, phrases and a '>' too many.
[[nodiscard]] std::optional<std::string> parse_path(std::string_view path, bool strict = false);

// Domain forms acceptable in an envelope address: host name or address literal, UTF-8 labels included.
[[nodiscard]] bool valid_mail_domain(std::string_view domain);

// Lower-case ASCII of the whole address: the key of every table lookup.
[[nodiscard]] std::string fold_address(std::string_view internal);

}  // namespace postern::mail
