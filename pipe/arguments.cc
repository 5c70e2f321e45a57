// SPDX-License-Identifier: Apache-2.0
#include "pipe/arguments.h"

#include <algorithm>
#include <array>
#include <optional>

#include "lib/base/text.h"
#include "lib/config/expand.h"
#include "lib/mail/address.h"
#include "lib/parse/local_part.h"

namespace postern::pipe {

namespace {

using service::RequestRecipient;

std::string address_text(const Attributes& attributes, std::string_view address) {
  const auto parts = mail::split_address(address);
  std::string local = attributes.fold_local ? text::lower(parts.local) : std::string(parts.local);
  if (attributes.quote) local = mail::quote_local(local);
  if (!parts.has_domain) return local;
  return local + "@" + (attributes.fold_domain ? text::lower(parts.domain) : std::string(parts.domain));
}

std::string sender_text(const Expansion& e) {
  const std::string& sender = e.request.sender.empty() ? e.attributes.null_sender : e.request.sender;
  return e.attributes.quote && !sender.empty() ? mail::quote_address(sender) : sender;
}

std::string local_text(const Expansion& e, std::string_view local) {
  return e.attributes.fold_local ? text::lower(local) : std::string(local);
}

using RequestValue = std::string (*)(const Expansion&);
using RecipientValue = std::string (*)(const Expansion&, const RequestRecipient&);
struct RequestMacro {
  std::string_view name;
  RequestValue value;
};
struct RecipientMacro {
  std::string_view name;
  RecipientValue value;
};

constexpr std::array kRequestMacros{
    RequestMacro{"client_address", [](const Expansion& e) { return e.request.client_address; }},
    RequestMacro{"client_helo", [](const Expansion& e) { return e.request.helo_name; }},
    RequestMacro{"client_hostname", [](const Expansion& e) { return e.request.client_name; }},
    RequestMacro{"client_port", [](const Expansion& e) { return e.request.client_port; }},
    RequestMacro{"client_protocol", [](const Expansion& e) { return e.request.protocol_name; }},
    RequestMacro{"envid", [](const Expansion& e) { return e.request.envelope_id; }},
    RequestMacro{"nexthop",
                 [](const Expansion& e) {
                   return e.attributes.fold_domain ? text::lower(e.request.nexthop) : e.request.nexthop;
                 }},
    RequestMacro{"queue_id", [](const Expansion& e) { return e.request.queue_id; }},
    RequestMacro{"sasl_method", [](const Expansion& e) { return e.request.sasl_method; }},
    RequestMacro{"sasl_sender", [](const Expansion& e) { return e.request.sasl_sender; }},
    RequestMacro{"sasl_username", [](const Expansion& e) { return e.request.sasl_username; }},
    RequestMacro{"sender", sender_text},
    RequestMacro{"size", [](const Expansion& e) { return std::to_string(e.request.data_size); }},
};

parse::LocalParts local_parts(const Expansion& e, const RequestRecipient& r) {
  return parse::split_extension(mail::split_address(r.address).local, e.delimiters);
}

constexpr std::array kRecipientMacros{
    RecipientMacro{"domain",
                   [](const Expansion& e, const RequestRecipient& r) {
                     const auto domain = mail::split_address(r.address).domain;
                     return e.attributes.fold_domain ? text::lower(domain) : std::string(domain);
                   }},
    RecipientMacro{"extension", [](const Expansion& e,
                                   const RequestRecipient& r) { return local_text(e, local_parts(e, r).extension); }},
    RecipientMacro{"mailbox",
                   [](const Expansion& e, const RequestRecipient& r) {
                     return local_text(e, mail::split_address(r.address).local);
                   }},
    RecipientMacro{"original_recipient",
                   [](const Expansion& e, const RequestRecipient& r) {
                     return address_text(e.attributes, r.original.empty() ? r.address : r.original);
                   }},
    RecipientMacro{"recipient",
                   [](const Expansion& e, const RequestRecipient& r) { return address_text(e.attributes, r.address); }},
    RecipientMacro{"user",
                   [](const Expansion& e, const RequestRecipient& r) { return local_text(e, local_parts(e, r).user); }},
};

const RecipientMacro* recipient_macro(std::string_view name) {
  const auto* found = std::ranges::find(kRecipientMacros, name, &RecipientMacro::name);
  return found == kRecipientMacros.end() ? nullptr : found;
}

const RequestMacro* request_macro(std::string_view name) {
  const auto* found = std::ranges::find(kRequestMacros, name, &RequestMacro::name);
  return found == kRequestMacros.end() ? nullptr : found;
}

Result<std::string> expand_word(const Expansion& e, const std::string& word, const RequestRecipient* recipient) {
  return config::expand_once(word, [&](std::string_view name) -> std::optional<std::string> {
    if (const auto* macro = request_macro(name)) return macro->value(e);
    const auto* macro = recipient_macro(name);
    if (macro == nullptr || recipient == nullptr) return std::nullopt;
    return macro->value(e, *recipient);
  });
}

// Whether the word is about recipients.
Result<bool> names_recipient(const std::string& word) {
  const auto names = config::references(word);
  if (!names) return std::unexpected(names.error());
  bool out = false;
  for (const auto& name : *names) {
    if (recipient_macro(name) != nullptr) {
      out = true;
    } else if (request_macro(name) == nullptr) {
      return fail("unknown macro name: \"" + name + "\"");
    }
  }
  return out;
}

}  // namespace

Result<std::vector<std::string>> expand_arguments(const Expansion& expansion,
                                                  const std::vector<std::size_t>& recipients) {
  std::vector<std::string> out;
  for (const auto& word : expansion.attributes.argv) {
    const auto repeated = names_recipient(word);
    if (!repeated) return std::unexpected(repeated.error());
    const std::size_t times = *repeated ? recipients.size() : 1;
    for (std::size_t i = 0; i < times; ++i) {
      const RequestRecipient* recipient = *repeated ? &expansion.request.recipients[recipients[i]] : nullptr;
      auto text = expand_word(expansion, word, recipient);
      if (!text) return std::unexpected(text.error());
      out.push_back(std::move(*text));
    }
  }
  return out;
}

}  // namespace postern::pipe
