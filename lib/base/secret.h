// SPDX-License-Identifier: Apache-2.0
// Bytes that must not outlive their use: move-only, wiped when they go, and not formattable,
// so that no log line can hold them by accident.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace postern {

class Secret {
 public:
  Secret() = default;
  // The caller's string is empty and wiped when this returns.
  explicit Secret(std::string&& bytes) noexcept { take(bytes); }
  Secret(Secret&& other) noexcept { take(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) take(other.bytes_);
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(bytes_); }

  // The view is valid while the Secret lives; do not copy it into a plain string.
  [[nodiscard]] std::string_view reveal() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  // A small string's bytes are copied even by swap(), so both sides are wiped: ours first, for a swap with an empty
  // string needs no third place for them.
  void take(std::string& from) noexcept {
    wipe(bytes_);
    bytes_.swap(from);
    wipe(from);
  }
  // resize() first: a string that was emptied keeps its bytes in the object.
  static void wipe(std::string& s) noexcept {
    s.resize(s.capacity());
    explicit_bzero(s.data(), s.size());
    s.clear();
  }
  std::string bytes_;
};

}  // namespace postern
