// SPDX-License-Identifier: Apache-2.0
// Address completion: what rewrite requests do (trivial-rewrite(8), ADDRESS_REWRITING_README).
//
// Pure text: internal form in, internal form out. In the "local" context an address gets @$myorigin and .$mydomain
// where it lacks them; in the "remote" context $remote_header_rewrite_domain takes that place, and when that is empty
// nothing is completed. site!user and user%domain forms are turned around in both.
#pragma once

#include <string>
#include <string_view>

namespace postern::trivial_rewrite {

struct RewriteRules {
  std::string myorigin;
  std::string mydomain;
  std::string remote_domain;  // remote_header_rewrite_domain
  bool append_at_myorigin = true;
  bool append_dot_mydomain = false;
  bool percent_hack = true;
  bool swap_bangpath = true;
};

enum class Context { local, remote };

[[nodiscard]] std::string rewrite(const RewriteRules& rules, Context context, std::string_view address);

}  // namespace postern::trivial_rewrite
