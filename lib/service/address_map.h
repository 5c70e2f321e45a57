// SPDX-License-Identifier: Apache-2.0
// Tables that put addresses in the place of an address: canonical(5), virtual(5), generic(5) and the BCC maps.
//
// Keys, the first that is there counts: user+ext@domain, user@domain, user+ext, user (both only where the domain is one
// of ours), @domain. The value is a list of addresses in external form. "@other" means the same user at `other`; where
// `propagate` is set, an extension that the key did not have goes to each address of the result; what lacks a domain is
// completed in the local context. An Error (logged) means that the tables or the completion did not answer, or that
// the value holds no address: the caller tries the mail again later.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/service/rewrite_client.h"
#include "lib/table/maps.h"
#include "lib/table/match_list.h"

namespace postern::service {

// $myorigin, $mydestination, and the address literals of $inet_interfaces and $proxy_interfaces.
class OwnDomains {
 public:
  // `context` must outlive it. `addresses` are those of config::own_addresses().
  OwnDomains(std::string myorigin, std::string_view mydestination, std::vector<std::string> addresses,
             const table::Context& context);
  [[nodiscard]] async::Task<Result<bool>> contains(std::string domain) const;

 private:
  std::string myorigin_;
  std::vector<std::string> addresses_;
  table::MatchList mydestination_;
};

// What all maps of a program share.
struct AddressMapSettings {
  const OwnDomains& own;
  RewriteClient& rewrite;
  std::string delimiters;  // recipient_delimiter
};

class AddressMap {
 public:
  // `title` is the parameter's name. `context` and `settings` must outlive the map.
  AddressMap(std::string title, std::string_view list, const table::Context& context,
             const AddressMapSettings& settings, bool propagate);
  [[nodiscard]] bool empty() const { return maps_.empty(); }
  [[nodiscard]] const std::string& title() const { return maps_.title(); }
  // Internal form in and out; nullopt: no entry for this address.
  [[nodiscard]] async::Task<Result<std::optional<std::vector<std::string>>>> find(std::string address) const;

 private:
  table::Maps maps_;
  const AddressMapSettings& settings_;
  bool propagate_;
};

// propagate_unmatched_extensions: whether `name` (canonical, virtual, generic ...) is in the list.
[[nodiscard]] bool propagates(std::string_view list, std::string_view name);

}  // namespace postern::service
