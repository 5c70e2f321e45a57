// SPDX-License-Identifier: Apache-2.0
// The keys under which an address is looked up, in the documented order of each manual page.
//
// An address is user+ext@domain in internal (unquoted) form; the extension begins at the first byte of
// `recipient_delimiter`. The base order of canonical(5), virtual(5), relocated(5) and the recipient maps is
//   user+ext@domain  user@domain  user+ext  user  @domain
// of access(5)     user+ext@domain  user@domain  domain [parents]  user+ext@  user@
// of transport(5)  user+ext@domain  user@domain  domain [parents]  *
// Bare user keys count only when the caller knows the domain to be local. Pure functions; no folding (tables fold).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::table {

struct AddressKey {
  std::string key;
  bool whole = false;     // the full address as given: the one key that pattern tables see
  bool stripped = false;  // matched without the extension: it may be propagated
  bool operator==(const AddressKey&) const = default;
};

enum class AddressForm {
  address,        // user+ext@domain, user@domain
  local_part,     // user+ext, user (only with AddressKeyOptions::domain_is_local)
  at_domain,      // @domain
  domain,         // domain, then its parents as AddressKeyOptions::parents says
  local_part_at,  // user+ext@, user@
  star            // *
};

enum class Parents { none, dotted, bare };  // .example.com, or example.com

struct AddressKeyOptions {
  std::string delimiters;  // recipient_delimiter; empty: no extensions
  bool domain_is_local = false;
  Parents parents = Parents::none;
};

[[nodiscard]] std::vector<AddressKey> address_keys(std::string_view address, const std::vector<AddressForm>& forms,
                                                   const AddressKeyOptions& options);

// The orders of the manual pages.
[[nodiscard]] std::vector<AddressKey> mapping_keys(std::string_view address, const AddressKeyOptions& options);
[[nodiscard]] std::vector<AddressKey> access_keys(std::string_view address, const AddressKeyOptions& options);
[[nodiscard]] std::vector<AddressKey> transport_keys(std::string_view address, const AddressKeyOptions& options);

// domain, then each parent: for access(5) host name lookups.
[[nodiscard]] std::vector<std::string> domain_keys(std::string_view domain, Parents parents);
// 192.0.2.1, 192.0.2, 192.0, 192 (IPv6: cut at colons), for access(5) address lookups.
[[nodiscard]] std::vector<std::string> network_keys(std::string_view address);

}  // namespace postern::table
