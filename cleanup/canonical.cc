// SPDX-License-Identifier: Apache-2.0
#include "cleanup/canonical.h"

#include <array>

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace postern::cleanup {

namespace {

constexpr int kRecursionLimit = 10;

unsigned classes_or_die(std::string_view parameter, std::string_view text) {
  const auto classes = parse_classes(parameter, text);
  if (!classes) log::fatal("{}", classes.error().text);
  return *classes;
}

}  // namespace

Result<unsigned> parse_classes(std::string_view parameter, std::string_view text) {
  unsigned out = 0;
  for (const auto word : text::words(text, ", \t\r\n")) {
    if (text::iequals(word, "envelope_sender")) {
      out |= static_cast<unsigned>(AddressClass::envelope_sender);
    } else if (text::iequals(word, "envelope_recipient")) {
      out |= static_cast<unsigned>(AddressClass::envelope_recipient);
    } else if (text::iequals(word, "header_sender")) {
      out |= static_cast<unsigned>(AddressClass::header_sender);
    } else if (text::iequals(word, "header_recipient")) {
      out |= static_cast<unsigned>(AddressClass::header_recipient);
    } else {
      return fail(fmt::format("unknown {} value \"{}\" in \"{}\"", parameter, word, text));
    }
  }
  return out;
}

Canonical::Canonical(const Params& params, const table::Context& context, const service::AddressMapSettings& settings)
    : sender_{{"sender_canonical_maps", params.sender_canonical_maps, context, settings,
               service::propagates(params.propagate_unmatched_extensions, "canonical")},
              classes_or_die("sender_canonical_classes", params.sender_canonical_classes)},
      recipient_{{"recipient_canonical_maps", params.recipient_canonical_maps, context, settings,
                  service::propagates(params.propagate_unmatched_extensions, "canonical")},
                 classes_or_die("recipient_canonical_classes", params.recipient_canonical_classes)},
      any_{{"canonical_maps", params.canonical_maps, context, settings,
            service::propagates(params.propagate_unmatched_extensions, "canonical")},
           classes_or_die("canonical_classes", params.canonical_classes)} {}

bool Canonical::wants(AddressClass kind) const {
  return sender_.wants(kind) || recipient_.wants(kind) || any_.wants(kind);
}

async::Task<Result<std::string>> Canonical::map(std::string queue_id, AddressClass kind, std::string address) const {
  const std::array<const Stage*, 3> stages = {&sender_, &recipient_, &any_};
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (!stages[i]->wants(kind) || address.empty()) continue;
    Result<std::string> mapped = co_await map_all(stages[i], queue_id, std::move(address));
    if (!mapped) co_return mapped;
    address = std::move(*mapped);
  }
  co_return address;
}

async::Task<Result<std::string>> Canonical::map_all(const Stage* stage, std::string queue_id, std::string address) {
  const std::string& title = stage->map.title();
  for (int round = 0; round < kRecursionLimit; ++round) {
    auto found = co_await stage->map.find(address);
    if (!found) {
      log::warning("{}: {} map lookup problem for {} -- message not accepted, try again later", queue_id, title,
                   address);
      co_return std::unexpected(found.error());
    }
    if (!*found) co_return address;
    if ((*found)->size() > 1) log::warning("{}: multi-valued {} entry for {}", queue_id, title, address);
    std::string& first = (*found)->front();
    const bool same = text::iequals(first, address);
    address = std::move(first);
    if (same) co_return address;
  }
  log::warning("{}: unreasonable {} map nesting for {} -- message not accepted, try again later", queue_id, title,
               address);
  co_return address;
}

}  // namespace postern::cleanup
