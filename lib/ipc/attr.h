// SPDX-License-Identifier: Apache-2.0
// Attribute messages: "name NUL value NUL ... NUL", the null-delimited encoding of internal services.
//
// A message is a struct that names its fields once:
//
//   struct ResolveRequest {
//     std::string sender;
//     std::int64_t flags = 0;
//     void visit(this auto& self, auto& v) {
//       v("sender", self.sender);
//       v("flags", self.flags);
//     }
//   };
//
// Printing, scanning, logging and fuzzing are that one template. Fields may be std::string (a NUL inside becomes '?';
// binary data is for Bytes), integers, bool, enums, messages, and vectors of these; integers are decimal text.
// decode() wants exactly the fields of the message in their order; a short or unknown message is an error of that
// request, and nothing is allocated that the input does not hold.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace postern::ipc {

// A byte string that may hold NUL; travels as base64.
struct Bytes {
  std::string data;
  bool operator==(const Bytes&) const = default;
};

class AttrWriter {
 public:
  void raw(std::string_view name, std::string_view value);
  void end() { out_ += '\0'; }
  [[nodiscard]] std::string take() { return std::move(out_); }

  void operator()(std::string_view name, const std::string& value) { raw(name, value); }
  void operator()(std::string_view name, const Bytes& value) { raw(name, text::base64(value.data)); }
  void operator()(std::string_view name, bool value) { raw(name, value ? "1" : "0"); }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void operator()(std::string_view name, T value) {
    raw(name, std::to_string(value));
  }
  template <class E>
    requires std::is_enum_v<E>
  void operator()(std::string_view name, E value) {
    (*this)(name, static_cast<std::int64_t>(value));
  }
  template <class T>
  void operator()(std::string_view name, const std::vector<T>& items) {
    raw(name, std::to_string(items.size()));
    for (const T& item : items) (*this)(name, item);
  }
  template <class M>
    requires requires(const M& m, AttrWriter& w) { m.visit(w); }
  void operator()(std::string_view, const M& message) {
    message.visit(*this);
  }

 private:
  std::string out_;
};

class AttrReader {
 public:
  explicit AttrReader(std::string_view in) : rest_(in) {}

  // The value of the next attribute, which must have this name.
  bool raw(std::string_view name, std::string_view& value);
  // The next attribute whatever it is; false at the end of the list.
  bool next(std::string_view& name, std::string_view& value);
  bool end();  // consumes the terminating NUL
  [[nodiscard]] bool failed() const { return !error_.empty(); }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] std::string_view rest() const { return rest_; }

  void operator()(std::string_view name, std::string& value);
  void operator()(std::string_view name, Bytes& value);
  void operator()(std::string_view name, bool& value);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void operator()(std::string_view name, T& value) {
    std::string_view v;
    if (!raw(name, v)) return;
    const auto number = text::to_i64(v);
    if (!number || !std::in_range<T>(*number)) return bad(name, v);
    value = static_cast<T>(*number);
  }
  template <class E>
    requires std::is_enum_v<E>
  void operator()(std::string_view name, E& value) {
    std::underlying_type_t<E> number{};
    (*this)(name, number);
    value = static_cast<E>(number);
  }
  template <class T>
  void operator()(std::string_view name, std::vector<T>& items) {
    std::size_t count = 0;
    (*this)(name, count);
    // Every item takes at least one byte, so that a count alone cannot make us allocate.
    if (!failed() && count > rest_.size()) bad(name, "count");
    for (std::size_t i = 0; i < count && !failed(); ++i) (*this)(name, items.emplace_back());
  }
  template <class M>
    requires requires(M& m, AttrReader& r) { m.visit(r); }
  void operator()(std::string_view, M& message) {
    message.visit(*this);
  }

 private:
  void bad(std::string_view name, std::string_view value);
  std::string_view rest_;
  std::string error_;
};

template <class M>
[[nodiscard]] std::string encode(const M& message) {
  AttrWriter writer;
  message.visit(writer);
  writer.end();
  return writer.take();
}

template <class M>
[[nodiscard]] Result<M> decode(std::string_view bytes) {
  AttrReader reader(bytes);
  M message;
  message.visit(reader);
  if (!reader.failed() && !reader.end()) return fail("malformed message: no end of list");
  if (reader.failed()) return fail("malformed message: " + reader.error());
  if (!reader.rest().empty()) return fail("malformed message: text after the end of list");
  return message;
}

}  // namespace postern::ipc
