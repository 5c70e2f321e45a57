// SPDX-License-Identifier: Apache-2.0
// What probes have found out about addresses, and when to ask again. The time is an argument.
//
// An entry is "STATE:PROBED:UPDATED:TEXT" under the address: the state's number, when the probe under way was sent
// (0: none), when the state was last confirmed, and what the delivery agent said. A good address stays good until it
// expires, whatever later probes say; near the end of its life a query has it probed again. A probe that is not heard
// of for kProbeLife seconds is given up. Upper and lower case are the same.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/service/verify_client.h"
#include "lib/table/table.h"

namespace postern::verify {

using service::AddressState;

inline constexpr std::int64_t kProbeLife = 1000;
inline constexpr std::string_view kInProgress = "Address verification in progress";
// Where the time of the last complete sweep is kept.
inline constexpr std::string_view kSweepKey = "_LAST_CACHE_CLEANUP_COMPLETED_";

struct Entry {
  AddressState state = AddressState::unknown;
  std::int64_t probed = 0;
  std::int64_t updated = 0;
  std::string text;
  bool operator==(const Entry&) const = default;
};
[[nodiscard]] std::string format_entry(const Entry& entry);
[[nodiscard]] std::optional<Entry> parse_entry(std::string_view value);

// In seconds.
struct Lifetimes {
  std::int64_t good_refresh = 0;
  std::int64_t good_expire = 0;
  std::int64_t bad_refresh = 0;
  std::int64_t bad_expire = 0;
  bool keep_bad = true;  // address_verify_negative_cache
};

class Cache {
 public:
  Cache(table::TablePtr table, Lifetimes lifetimes) : table_(std::move(table)), lifetimes_(lifetimes) {}

  struct Answer {
    service::VerifyReply reply;
    bool probe = false;  // the caller is to send one now
  };
  // Error: the table cannot be read or written; the address is not known to be good.
  [[nodiscard]] Result<Answer> query(const std::string& address, std::int64_t now);
  [[nodiscard]] Result<> update(const std::string& address, AddressState state, const std::string& reason,
                                std::int64_t now);
  // The probe could not be sent: the next query tries again.
  void forget_probe(const std::string& address);

  // Looks at up to `step` entries and drops those that have expired. True: the sweep is complete.
  [[nodiscard]] Result<bool> sweep(bool first, std::size_t step, std::int64_t now);
  [[nodiscard]] std::size_t retained() const { return retained_; }
  [[nodiscard]] std::size_t dropped() const { return dropped_; }
  [[nodiscard]] std::int64_t last_sweep();
  // What was written is on disk; the cache goes on with another table.
  [[nodiscard]] Result<> close(table::TablePtr replacement);

 private:
  [[nodiscard]] Result<std::optional<Entry>> find(const std::string& address);
  [[nodiscard]] Result<> store(const std::string& address, const Entry& entry);
  [[nodiscard]] bool expired(const Entry& entry, std::int64_t now) const;
  [[nodiscard]] bool wants_refresh(const Entry& entry, std::int64_t now) const;

  table::TablePtr table_;
  Lifetimes lifetimes_;
  // Results that the table does not keep, for those who wait for them now.
  std::map<std::string, Entry> passing_;
  std::size_t retained_ = 0;
  std::size_t dropped_ = 0;
};

}  // namespace postern::verify
