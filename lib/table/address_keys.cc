// SPDX-License-Identifier: Apache-2.0
#include "lib/table/address_keys.h"

#include "lib/base/text.h"
#include "lib/parse/local_part.h"

namespace postern::table {

namespace {

// The address in its pieces, for one form after the other.
struct Parts {
  std::string address;
  std::string local;
  std::string base;    // local without extension; equal to it when there is none
  std::string domain;  // empty: an address without @domain
  bool extended = false;
};

Parts split(std::string_view address, std::string_view delimiters) {
  Parts parts;
  parts.address = address;
  const std::size_t at = address.rfind('@');
  parts.local = address.substr(0, at);
  if (at != std::string_view::npos) parts.domain = address.substr(at + 1);
  const parse::LocalParts split_local = parse::split_extension(parts.local, delimiters);
  parts.base = split_local.user;
  parts.extended = split_local.extended();
  return parts;
}

void add_pair(std::vector<AddressKey>& keys, const Parts& parts, const std::string& tail, bool whole) {
  keys.push_back({parts.local + tail, whole, false});
  if (parts.extended) keys.push_back({parts.base + tail, false, true});
}

void add_form(std::vector<AddressKey>& keys, const Parts& parts, AddressForm form, const AddressKeyOptions& options) {
  switch (form) {
    case AddressForm::address: add_pair(keys, parts, parts.domain.empty() ? "" : "@" + parts.domain, true); return;
    case AddressForm::local_part:
      if (options.domain_is_local && !parts.domain.empty()) add_pair(keys, parts, "", false);
      return;
    case AddressForm::at_domain:
      if (!parts.domain.empty()) keys.push_back({"@" + parts.domain, false, false});
      return;
    case AddressForm::domain:
      for (auto& key : domain_keys(parts.domain, options.parents)) keys.push_back({std::move(key), false, false});
      return;
    case AddressForm::local_part_at: add_pair(keys, parts, "@", false); return;
    case AddressForm::star: keys.push_back({"*", false, false}); return;
  }
}

}  // namespace

std::vector<AddressKey> address_keys(std::string_view address, const std::vector<AddressForm>& forms,
                                     const AddressKeyOptions& options) {
  const Parts parts = split(address, options.delimiters);
  std::vector<AddressKey> keys;
  for (const AddressForm form : forms) add_form(keys, parts, form, options);
  return keys;
}

std::vector<AddressKey> mapping_keys(std::string_view address, const AddressKeyOptions& options) {
  return address_keys(address, {AddressForm::address, AddressForm::local_part, AddressForm::at_domain}, options);
}

std::vector<AddressKey> access_keys(std::string_view address, const AddressKeyOptions& options) {
  return address_keys(address, {AddressForm::address, AddressForm::domain, AddressForm::local_part_at}, options);
}

std::vector<AddressKey> transport_keys(std::string_view address, const AddressKeyOptions& options) {
  return address_keys(address, {AddressForm::address, AddressForm::domain, AddressForm::star}, options);
}

std::vector<std::string> domain_keys(std::string_view domain, Parents parents) {
  std::vector<std::string> keys;
  if (domain.empty()) return keys;
  keys.emplace_back(domain);
  if (parents == Parents::none || domain.front() == '[') return keys;
  for (std::size_t dot = domain.find('.', 1); dot != std::string_view::npos; dot = domain.find('.', dot + 1)) {
    const std::string_view parent = domain.substr(parents == Parents::dotted ? dot : dot + 1);
    if (parent.size() > (parents == Parents::dotted ? 1U : 0U)) keys.emplace_back(parent);
  }
  return keys;
}

std::vector<std::string> network_keys(std::string_view address) {
  const char separator = address.find(':') == std::string_view::npos ? '.' : ':';
  std::vector<std::string> keys;
  while (!address.empty()) {
    keys.emplace_back(address);
    const std::size_t cut = address.rfind(separator);
    address = text::trim_right(address.substr(0, cut == std::string_view::npos ? 0 : cut), std::string(1, separator));
  }
  return keys;
}

}  // namespace postern::table
