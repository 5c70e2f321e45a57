// SPDX-License-Identifier: Apache-2.0
// channel_keywords: how a listener (the server half) or a transport (the client half) uses TLS, in the words of PMDF
// and of the Messaging Server. Pure.
//
//   notls    = notlsserver + notlsclient      STARTTLS neither offered nor accepted; never sent
//   maytls   = maytlsserver + maytlsclient    offered and accepted; used where the server offers it
//   musttls  = musttlsserver + musttlsclient  no mail without it
//   tlsswitchchannel NAME                     after a handshake the session goes on under service NAME
//
// Words are separated by blanks or commas; case does not count. A word for one half overrides an earlier one for both;
// two words of the same breadth that disagree, or a broad word behind a narrow one that it would undo, are an error. A
// half that nothing names is left to the *_tls_security_level parameters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/tls/policy.h"

namespace postern::tls {

struct ChannelKeywords {
  std::optional<Level> server;  // none, may or encrypt
  std::optional<Level> client;
  std::string switch_to;  // empty: nowhere
};

// Error texts name the words: "maytlsserver and musttlsserver contradict each other".
[[nodiscard]] Result<ChannelKeywords> parse_channel_keywords(std::string_view text);

// "maytlsserver" and so on, for messages.
[[nodiscard]] std::string keyword_name(Level level, std::string_view half);

// Whether a level that something else asks for is one that the keyword means: may goes with opportunistic DANE, encrypt
// with every level that insists on TLS.
[[nodiscard]] bool agrees(Level keyword, Level level);

// What is left of a destination's level on a transport with keywords. notlsclient leaves none of an opportunistic
// level, musttlsclient raises it to encrypt. Error: the destination insists on TLS and the transport must not use it.
[[nodiscard]] Result<Level> limited_level(const ChannelKeywords& keywords, Level level);

}  // namespace postern::tls
