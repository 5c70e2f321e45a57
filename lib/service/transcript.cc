// SPDX-License-Identifier: Apache-2.0
#include "lib/service/transcript.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "lib/base/text.h"

namespace postern::service {

namespace {

constexpr std::size_t kLimit = 64UL << 10;
constexpr std::size_t kLineLimit = 2048;

struct Class {
  std::string_view name;
  unsigned bit;
};
constexpr std::array<Class, 8> kClasses = {{{"data", notice_class::kData},
                                            {"policy", notice_class::kPolicy},
                                            {"protocol", notice_class::kProtocol},
                                            {"resource", notice_class::kResource},
                                            {"software", notice_class::kSoftware},
                                            {"bounce", notice_class::kBounce},
                                            {"2bounce", 0},
                                            {"delay", 0}}};

}  // namespace

Result<unsigned> parse_notify_classes(std::string_view list) {
  unsigned out = 0;
  for (const auto word : text::words(list, ", \t\r\n")) {
    const auto known = std::ranges::find_if(kClasses, [&](const Class& c) { return text::iequals(c.name, word); });
    if (known == kClasses.end()) return fail(fmt::format("unknown notify_classes value \"{}\" in \"{}\"", word, list));
    out |= known->bit;
  }
  return out;
}

void Transcript::add(std::string_view tag, std::string_view line) {
  text_ += tag;
  text_ += text::printable(line.substr(0, kLineLimit), '?', true);
  text_ += '\n';
  ++count_;
  if (text_.size() <= kLimit) return;
  const std::size_t half = text_.find('\n', kLimit / 2) + 1;
  count_ -=
      static_cast<std::size_t>(std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(half), '\n'));
  text_.erase(0, half);
}

void Transcript::command(std::string_view direction, std::string_view line) {
  if (wanted_ == 0) return;
  const bool secret = text::istarts_with(text::trim_left(line), "AUTH");
  add(direction, secret ? std::string_view("AUTH ...") : line);
}

void Transcript::reply(std::string_view direction, std::string_view line) {
  if (wanted_ != 0) add(direction, line);
}

void Transcript::flush(std::size_t threshold) {
  if (count_ <= threshold) return;
  text_.clear();
  text_.shrink_to_fit();
  count_ = 0;
}

std::vector<std::string> Transcript::lines() const {
  std::vector<std::string> out;
  for (const auto line : text::words(text_, "\n")) out.emplace_back(line);
  return out;
}

}  // namespace postern::service
