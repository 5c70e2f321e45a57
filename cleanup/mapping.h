// SPDX-License-Identifier: Apache-2.0
// All that tables do to the addresses of a message, in order: canonical, masquerade (both in rewrite()), BCC, virtual
// aliases. Built once per process, before the jail.
#pragma once

#include <string>
#include <vector>

#include "cleanup/bcc.h"
#include "cleanup/canonical.h"
#include "cleanup/masquerade.h"
#include "cleanup/virtual_alias.h"

namespace postern::cleanup {

class Mapping {
 public:
  // All references must outlive it; `own_addresses` are those of config::own_addresses().
  Mapping(const Params& params, std::vector<std::string> own_addresses, const table::Context& context,
          service::RewriteClient& rewrite)
      : own_(params.myorigin, params.mydestination, std::move(own_addresses), context),
        settings_{own_, rewrite, params.recipient_delimiter},
        canonical_(params, context, settings_),
        masquerade_(params, context),
        virtual_alias_(params, context, settings_),
        bcc_(params, context, settings_) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  // Whether rewrite() could change an address of this kind.
  [[nodiscard]] bool rewrites(AddressClass kind) const { return canonical_.wants(kind) || masquerade_.wants(kind); }
  // Error: try again later; logged.
  [[nodiscard]] async::Task<Result<std::string>> rewrite(std::string queue_id, AddressClass kind,
                                                         std::string address) const {
    Result<std::string> out = co_await canonical_.map(queue_id, kind, std::move(address));
    if (out && masquerade_.wants(kind)) out = co_await masquerade_.apply(queue_id, std::move(*out));
    co_return out;
  }
  [[nodiscard]] const VirtualAlias& virtual_alias() const { return virtual_alias_; }
  [[nodiscard]] const AutoBcc& bcc() const { return bcc_; }

 private:
  service::OwnDomains own_;
  service::AddressMapSettings settings_;
  Canonical canonical_;
  Masquerade masquerade_;
  VirtualAlias virtual_alias_;
  AutoBcc bcc_;
};

}  // namespace postern::cleanup
