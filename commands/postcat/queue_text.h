// SPDX-License-Identifier: Apache-2.0
// A queue file as text: one line per record of the envelope, the content as it is.
//
// It shows damaged files as far as they can be read, so no record is checked against the segment that it stands in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::postcat {

struct Selection {
  bool envelope = false;
  bool header = false;
  bool body = false;
  bool offsets = false;     // -o
  bool types = false;       // -d
  bool raw = false;         // -r: pointers are shown, not followed
  std::uint64_t start = 0;  // -s
};

class QueueText {
 public:
  // `name` is for the markers; `bytes` is the whole file and must stay.
  QueueText(std::string_view name, std::string_view bytes, const Selection& selection)
      : name_(name), bytes_(bytes), selection_(selection), at_(selection.start) {}

  // The first record is one that queue files begin with.
  [[nodiscard]] bool plausible() const;
  // The text of the next record, possibly empty; nullopt at the end. Error: what is wrong with the file.
  [[nodiscard]] Result<std::optional<std::string>> next();

 private:
  enum class Part { envelope, header, body, extracted, end };
  struct Item {
    char type = 0;
    std::string_view payload;
    std::uint64_t offset = 0;
    std::uint64_t next = 0;
  };
  Result<Item> read(std::uint64_t at) const;
  Result<> follow(const Item& item);
  [[nodiscard]] std::string prefix(const Item& item) const;
  std::string marker(const Item& item, std::string_view text) const;
  std::string envelope(const Item& item) const;
  std::string content(const Item& item);

  std::string name_;
  std::string_view bytes_;
  Selection selection_;
  std::uint64_t at_;
  unsigned jumps_ = 0;
  Part part_ = Part::envelope;
  bool line_begins_ = true;
};

// The name under which a record of the envelope is shown.
[[nodiscard]] std::string_view record_name(char type);

}  // namespace postern::postcat
