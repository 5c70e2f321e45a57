// SPDX-License-Identifier: Apache-2.0
// DNS lookups on the event loop: a stub of resolv.conf's servers (libunbound, in one thread of its own).
//
//   dns::Answer mx = co_await resolver.lookup("example.com", dns::Type::mx, deadline_in(10s));
//
// One Resolver per kind of trust. Trust::plain believes what the servers say and never calls an answer secure.
// Trust::secure validates from the given root anchor: Answer::secure is the result, a bogus answer is a temporary
// failure. Names are absolute; search_names() is for who wants resolv.conf's search list.
// Read the files before the jail (Options::load); the context and its thread start with the first lookup, after it.
// A changed resolv.conf (looked at when a lookup begins, at most once a second) or flush_cache() makes a new
// context; lookups under way end on the old one. Each lookup ends at its own deadline.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/dns/answer.h"

namespace postern::async {
class ThreadPool;
}

namespace postern::dns {

struct ResolvConf {
  std::vector<std::string> servers;  // addresses; "ADDR@PORT" is not of resolv.conf but may be set by a test
  std::vector<std::string> search;   // domains of "search", or that of "domain"
  std::size_t ndots = 1;             // "options ndots:N"
  bool trust_ad = false;             // "options trust-ad"
  [[nodiscard]] bool only_loopback() const;
  bool operator==(const ResolvConf&) const = default;
};
// Unknown lines and options are skipped, as resolv.conf(5) has it; no nameserver at all means 127.0.0.1.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

inline constexpr std::string_view kRootAnchors = "/usr/share/dns/root.key";  // Debian's package dns-root-data

// How a name may be completed (smtp_dns_resolver_options). Single: one without dots gets the first domain of the search
// list. All: one with dots gets each of them, and one without where `single` is set.
struct NameSearch {
  bool single = false;  // res_defnames
  bool all = false;     // res_dnsrch
};
// Error text: unknown WORD.
[[nodiscard]] Result<NameSearch> parse_name_search(std::string_view words);
// The names to ask for, one after the other until one is found.
[[nodiscard]] std::vector<std::string> search_names(const ResolvConf& conf, NameSearch search, std::string_view name);

enum class Trust { plain, secure };
// dns_trust: who says that an answer is secure. auto = ad when resolv.conf has trust-ad or only loopback servers.
enum class TrustSource { automatic, ad, validate };
[[nodiscard]] Result<TrustSource> parse_dns_trust(std::string_view value);

struct Options {
  std::string resolv_conf_path = "/etc/resolv.conf";  // looked at again later; empty: never
  ResolvConf resolv_conf;
  Trust trust = Trust::plain;
  TrustSource source = TrustSource::automatic;
  std::string anchors;  // text of anchor_file, for Trust::secure
  std::string anchor_file;

  // Reads resolv.conf (a missing one counts as empty) and, for Trust::secure, the trust anchors (dns_trust_anchor_file:
  // lines in the form of a zone file).
  [[nodiscard]] static Result<Options> load(Trust trust, TrustSource source = TrustSource::automatic,
                                            std::string path = "/etc/resolv.conf",
                                            std::string_view anchor_file = kRootAnchors);
  // Secure answers are those in which the servers set AD.
  [[nodiscard]] bool believes_ad() const;
  // The same in words: "answers that the resolver at 127.0.0.1 calls secure are believed", for the log.
  [[nodiscard]] std::string trust_text() const;
};

class Resolver {
 public:
  // `pool`: needed for Trust::secure when the servers' AD bit is to be believed.
  Resolver(async::Loop& loop, Options options, async::ThreadPool* pool = nullptr);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  [[nodiscard]] async::Task<Answer> lookup(std::string name, Type type, Deadline deadline);
  void flush_cache();
  [[nodiscard]] const ResolvConf& resolv_conf() const { return options_.resolv_conf; }

 private:
  struct Context;
  class Query;
  [[nodiscard]] Result<std::shared_ptr<Context>> context();
  void look_for_change();

  async::Loop& loop_;
  Options options_;
  async::ThreadPool* pool_;
  std::shared_ptr<Context> context_;
  Deadline next_look_{};
  struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t size = -1;
    bool operator==(const FileIdentity&) const = default;
  } identity_;
};

}  // namespace postern::dns
