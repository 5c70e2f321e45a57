// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/bounce_template.h"

#include <fmt/core.h>

#include <array>
#include <optional>

#include "lib/base/text.h"
#include "lib/config/expand.h"

namespace postern::mail {

namespace {

constexpr std::string_view kSuffix = "_template";

BounceTemplate* find(BounceTemplates& all, std::string_view name) {
  for (BounceTemplate* one : {&all.failure, &all.delay, &all.success, &all.verify}) {
    if (one->name == name) return one;
  }
  return nullptr;
}

struct Unit {
  std::string_view suffix;
  std::int64_t seconds;
};
constexpr std::array<Unit, 5> kUnits{
    {{"_seconds", 1}, {"_minutes", 60}, {"_hours", 3600}, {"_days", 86400}, {"_weeks", 604800}}};

// delay_warning_time_hours and the like; nullopt: `name` is none of these.
std::optional<Unit> unit_of(std::string_view name) {
  for (const std::string_view base : {"delay_warning_time", "maximal_queue_lifetime"}) {
    if (!name.starts_with(base)) continue;
    for (const Unit& unit : kUnits) {
      if (name.substr(base.size()) == unit.suffix) return unit;
    }
  }
  return std::nullopt;
}

// The lines of one block, without its first and last; false: it does not end.
bool take_block(const std::vector<std::string_view>& lines, std::size_t& at, std::string_view mark,
                std::vector<std::string_view>& block) {
  for (++at; at < lines.size(); ++at) {
    if (text::trim_right(lines[at], "\r") == mark) return true;
    block.push_back(text::trim_right(lines[at], "\r"));
  }
  return false;
}

Result<> fill(BounceTemplate& out, const std::vector<std::string_view>& block) {
  std::size_t i = 0;
  for (; i < block.size() && !text::trim(block[i]).empty(); ++i) {
    const auto header = text::cut(block[i], ':');
    if (!header) return fail("expected a header, found: " + std::string(block[i]));
    const std::string value(text::trim(header->second));
    const std::string_view name = text::trim(header->first);
    if (text::iequals(name, "charset")) {
      out.charset = value;
    } else if (text::iequals(name, "from")) {
      out.from = value;
    } else if (text::iequals(name, "subject")) {
      out.subject = value;
    } else if (text::iequals(name, "postmaster-subject")) {
      out.postmaster_subject = value;
    } else {
      return fail("unknown header: " + std::string(name));
    }
  }
  out.text.clear();
  for (++i; i < block.size(); ++i) out.text.emplace_back(block[i]);
  if (out.text.empty()) return fail("no text");
  return {};
}

}  // namespace

BounceTemplates built_in_templates() {
  BounceTemplates out;
  out.failure.name = "failure";
  out.failure.subject = "Undelivered Mail Returned to Sender";
  out.failure.postmaster_subject = "Postmaster Copy: Undelivered Mail";
  out.failure.text = {"This is the mail system of $myhostname.",
                      "",
                      "Your message could not be delivered to the recipients named below, and no",
                      "further attempt will be made. The reason is given for each of them; the",
                      "original message (or its beginning) is attached.",
                      "",
                      "If you cannot solve this yourself, please write to <postmaster> and send",
                      "this report along. Your own text in the attached copy may be left out."};
  out.delay.name = "delay";
  out.delay.subject = "Delayed Mail (still being retried)";
  out.delay.postmaster_subject = "Postmaster Warning: Delayed Mail";
  out.delay.text = {"This is the mail system of $myhostname.",
                    "",
                    "Your message has been here for more than $delay_warning_time_hours hour(s) and could not be",
                    "delivered yet to the recipients named below. YOU NEED NOT SEND IT AGAIN: it",
                    "will be tried until it is $maximal_queue_lifetime_days day(s) old.",
                    "",
                    "If the trouble lasts, you will get another report. Questions may be sent",
                    "to <postmaster>, with this report."};
  out.success.name = "success";
  out.success.subject = "Successful Mail Delivery Report";
  out.success.text = {"This is the mail system of $myhostname.", "",
                      "You asked to be told: your message was delivered to, or handed on for,",
                      "the recipients named below. A mail system further on may send reports of", "its own."};
  out.verify.name = "verify";
  out.verify.subject = "Mail Delivery Status Report";
  out.verify.text = {"This is the mail system of $myhostname.", "",
                     "This is the report on delivery that you asked for."};
  return out;
}

BounceTemplates parse_templates(std::string_view text, const std::string& path, std::vector<std::string>& problems) {
  BounceTemplates out = built_in_templates();
  const auto lines = text::fields(text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = text::trim(lines[i]);
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t first = i + 1;
    const auto setting = text::cut(line, '=');
    const std::string_view name = setting ? text::trim(setting->first) : line;
    const std::string_view value = setting ? text::trim(setting->second) : std::string_view();
    if (!value.starts_with("<<") || text::trim(value.substr(2)).empty()) {
      problems.push_back(fmt::format("{}, line {}: expected \"NAME = <<EOF\", found \"{}\"", path, first, line));
      continue;
    }
    std::vector<std::string_view> block;
    if (!take_block(lines, i, text::trim(value.substr(2)), block)) {
      problems.push_back(fmt::format("{}, line {}: \"{}\" has no end", path, first, name));
      break;
    }
    BounceTemplate* target =
        name.ends_with(kSuffix) ? find(out, name.substr(0, name.size() - kSuffix.size())) : nullptr;
    if (target == nullptr) {
      problems.push_back(fmt::format("{}, line {}: unknown template name: {}", path, first, name));
      continue;
    }
    BounceTemplate filled = *target;
    filled.origin = path;
    if (const auto done = fill(filled, block); done) {
      *target = std::move(filled);
    } else {
      problems.push_back(fmt::format("{}, {}: {}: using the built-in one", path, name, done.error().text));
    }
  }
  return out;
}

Result<std::vector<std::string>> expand_template(const BounceTemplate& from, const config::Config& config,
                                                 std::vector<std::string>& problems) {
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto unit = unit_of(name);
    if (!unit) return config.raw(name);
    const auto time = config.get_time(name.substr(0, name.size() - unit->suffix.size()));
    if (!time) return std::nullopt;
    const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(*time).count();
    if (seconds > 0 && seconds / unit->seconds == 0) {
      problems.push_back(
          fmt::format("{}: zero result in {} template conversion of parameter \"{}\"", from.origin, from.name, name));
      problems.push_back(fmt::format("please reduce time unit \"{}\" of \"{}\" in {} template", unit->suffix.substr(1),
                                     name, from.name));
      problems.emplace_back("for instructions see the bounce(5) manual");
    }
    return std::to_string(seconds / unit->seconds);
  };
  std::vector<std::string> out;
  for (const auto& line : from.text) {
    auto expanded = config::expand(line, lookup);
    if (!expanded) return std::unexpected(expanded.error());
    out.push_back(std::move(*expanded));
  }
  return out;
}

}  // namespace postern::mail
