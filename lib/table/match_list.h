// SPDX-License-Identifier: Apache-2.0
// Lists of domains, strings or networks, as in mydestination, relay_domains and mynetworks.
//
// Items, first match from the left decides: name, .domain, 1.2.3.4, 1.2.3.0/24, [v6]/len, /file/name (its words are
// items; read once), type:table (a key that is there matches, whatever its value), and !item, which says "not in the
// list". Comparison ignores case. An item that cannot be used (unreadable file, network with host bits set, table
// error) makes every search that reaches it an Error, logged by the list; callers answer 451 or defer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/async/task.h"
#include "lib/parse/ip.h"
#include "lib/table/table.h"

namespace postern::table {

enum class MatchKind {
  string,          // whole strings: mydestination, smtpd_discard_ehlo ... No sub-domains
  domain,          // relay_domains, fast_flush_domains ...
  network,         // mynetworks: addresses only
  name_or_network  // debug_peer_list, smtpd_authorized_xclient_hosts ...: host name, then address
};

class MatchList {
 public:
  // `parents`: example.com matches x.example.com (the list is in parent_domain_matches_subdomains); otherwise only
  // .example.com does. `context` must outlive the list.
  MatchList(std::string title, MatchKind kind, std::string_view list, bool parents, const Context& context);

  [[nodiscard]] async::Task<Result<bool>> match(std::string text) const;
  [[nodiscard]] async::Task<Result<bool>> match(std::string host_name, std::string address) const;
  [[nodiscard]] Result<bool> match_now(std::string_view text) const;
  [[nodiscard]] Result<bool> match_now(std::string_view host_name, std::string_view address) const;

  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] const std::string& title() const { return title_; }

 private:
  struct Item {
    bool negated = false;
    std::string text;  // folded
    TablePtr table;
    std::optional<parse::Network> network;
    std::optional<Error> error;
  };
  // What one search looks for.
  struct Subject {
    std::string name;     // folded; empty: none
    std::string address;  // text
    std::optional<parse::IpAddress> ip;
  };

  void add_items(std::string_view list, bool negated, int depth);
  void add_item(std::string_view text, bool negated, int depth);
  void add_file(const std::string& path, bool negated, int depth);
  void add_network(std::string_view text, Item& item) const;
  [[nodiscard]] Subject subject(std::string_view name, std::string_view address) const;
  [[nodiscard]] bool plain_match(const Item& item, const Subject& subject) const;
  [[nodiscard]] std::vector<std::string> table_keys(const Table& table, const Subject& subject) const;
  [[nodiscard]] async::Task<Result<bool>> search(Subject subject) const;
  [[nodiscard]] Result<bool> search_now(const Subject& subject) const;
  [[nodiscard]] std::unexpected<Error> report(const Item& item, const Error& error) const;

  std::string title_;
  MatchKind kind_;
  bool parents_;
  const Context& context_;
  std::vector<Item> items_;
};

}  // namespace postern::table
