// SPDX-License-Identifier: Apache-2.0
// verify(8): whether an address can be delivered to. Calls on private/verify.
//
// smtpd asks; delivery agents report what became of a probe (DeliveryRequest flag kProbe). A query never waits for a
// probe: the answer is `unknown` until there is a result, and the caller asks again later. Every call is safe to
// repeat.
#pragma once

#include <cstdint>
#include <string>

#include "lib/ipc/call.h"

namespace postern::service {

inline constexpr std::string_view kVerifyProtocol = "address_verification_protocol";

// The numbers are those of the cache file.
enum class AddressState : std::int64_t {
  good = 0,
  deferred = 1,  // a probe met with a temporary error
  bad = 2,
  unknown = 3,  // there is no result yet
};

struct VerifyReply {
  AddressState state = AddressState::unknown;
  std::string text;  // what the last delivery agent said
  void visit(this auto& self, auto& v) {
    v("status", self.state);
    v("reason", self.text);
  }
};

struct VerifyQuery {
  static constexpr std::string_view kName = "query";
  using Reply = VerifyReply;
  std::string address;
  void visit(this auto& self, auto& v) { v("address", self.address); }
};

struct VerifyDone {
  bool done = false;
  void visit(this auto& self, auto& v) { v("done", self.done); }
};

struct VerifyUpdate {
  static constexpr std::string_view kName = "update";
  using Reply = VerifyDone;
  std::string address;
  AddressState state = AddressState::unknown;
  std::string text;
  void visit(this auto& self, auto& v) {
    v("address", self.address);
    v("status", self.state);
    v("reason", self.text);
  }
};

class VerifyClient {
 public:
  VerifyClient(async::Loop& loop, std::string path, Duration limit);
  async::Task<Result<VerifyReply>> query(std::string address);
  async::Task<Result<>> update(std::string address, AddressState state, std::string text);

 private:
  ipc::CallClient client_;
  Duration limit_;
};

}  // namespace postern::service
