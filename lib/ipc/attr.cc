// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/attr.h"

#include <algorithm>

namespace postern::ipc {

void AttrWriter::raw(std::string_view name, std::string_view value) {
  out_ += name;
  out_ += '\0';
  const auto start = static_cast<std::ptrdiff_t>(out_.size());
  out_ += value;
  // Texts come from the network: a NUL must neither end the process nor smuggle an attribute in.
  std::replace(out_.begin() + start, out_.end(), '\0', '?');
  out_ += '\0';
}

bool AttrReader::next(std::string_view& name, std::string_view& value) {
  if (failed() || rest_.empty() || rest_[0] == '\0') return false;
  const auto name_end = rest_.find('\0');
  const auto value_end = name_end == std::string_view::npos ? name_end : rest_.find('\0', name_end + 1);
  if (value_end == std::string_view::npos) {
    error_ = "truncated attribute";
    return false;
  }
  name = rest_.substr(0, name_end);
  value = rest_.substr(name_end + 1, value_end - name_end - 1);
  rest_.remove_prefix(value_end + 1);
  return true;
}

bool AttrReader::raw(std::string_view name, std::string_view& value) {
  std::string_view found;
  if (next(found, value)) {
    if (found == name) return true;
    error_ = "attribute " + std::string(name) + " expected, found " + text::printable(found.substr(0, 64));
  } else if (!failed()) {
    error_ = "attribute " + std::string(name) + " is missing";
  }
  return false;
}

bool AttrReader::end() {
  if (failed() || rest_.empty() || rest_[0] != '\0') return false;
  rest_.remove_prefix(1);
  return true;
}

void AttrReader::bad(std::string_view name, std::string_view value) {
  if (error_.empty()) error_ = "bad value of " + std::string(name) + ": " + text::printable(value.substr(0, 64));
}

void AttrReader::operator()(std::string_view name, std::string& value) {
  std::string_view v;
  if (raw(name, v)) value = v;
}

void AttrReader::operator()(std::string_view name, Bytes& value) {
  std::string_view v;
  if (!raw(name, v)) return;
  auto decoded = text::from_base64(v);
  if (!decoded) return bad(name, v);
  value.data = std::move(*decoded);
}

void AttrReader::operator()(std::string_view name, bool& value) {
  std::string_view v;
  if (!raw(name, v)) return;
  if (v != "0" && v != "1") return bad(name, v);
  value = v == "1";
}

}  // namespace postern::ipc
