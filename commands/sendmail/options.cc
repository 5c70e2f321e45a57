// SPDX-License-Identifier: Apache-2.0
#include "commands/sendmail/options.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "lib/mail/dsn.h"

namespace postern::sendmail {

namespace {

constexpr const char* kOptions = "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q:tvx";
constexpr std::size_t kEnvelopeIdMax = 100;

Result<> take_mode(Options& out, std::string_view value) {
  switch (value.size() == 1 ? value[0] : '\0') {
    case 'd':
    case 'l': out.mode = Mode::daemon; break;
    case 'h':
    case 'H': out.mode = Mode::nothing; break;
    case 'i': out.mode = Mode::newaliases; break;
    case 'm': out.mode = Mode::submit; break;
    case 'p': out.mode = Mode::mailq; break;
    case 's': out.mode = Mode::smtp; break;
    case 'v': out.mode = Mode::verify; break;
    default: return fail("unsupported: -b" + std::string(value));
  }
  return {};
}

Result<> take_queue_run(Options& out, std::string_view value) {
  const std::string_view rest = value.substr(1);
  switch (value[0]) {
    case 'I':
      if (rest.empty()) return fail("specify: -qIqueueid");
      out.mode = Mode::flush;
      out.flush_id = rest;
      return {};
    case 'R':
      if (rest.empty()) return fail("specify: -qRsitename");
      out.mode = Mode::flush;
      out.flush_site = rest;
      return {};
    case 'S': return fail("-qS is not implemented");
    // An interval asks for a daemon, which somebody else starts.
    default: out.mode = value == "0" ? Mode::flush : Mode::nothing; return {};
  }
}

Result<> take_body_type(Options& out, std::string_view value) {
  if (text::iequals(value, "7BIT")) {
    out.body_type = "7bit";
  } else if (text::iequals(value, "8BITMIME")) {
    out.body_type = "8bit";
  } else {
    return fail("-B option needs 8BITMIME or 7BIT");
  }
  return {};
}

Result<> take_verp(Options& out, std::string_view value) {
  if (value[0] != 'V') return fail(std::string("unsupported: -X") + value[0]);
  out.verp = true;
  out.verp_delimiters = value.substr(1);
  return {};
}

void take_letter_option(Options& out, std::string_view value) {
  if (value[0] == 'A') out.alias_database = value.substr(1);
  if (value == "i") out.dot_ends = false;
}

// Which word of the list it is that nobody knows; empty: the fault is another.
std::string_view unknown_notify(std::string_view list) {
  for (const auto word : text::words(list, ", \t\r\n")) {
    if (!mail::parse_notify(word)) return word;
  }
  return {};
}

void take_dsn(Options& out, char option, std::string_view value) {
  bool good = true;
  if (option == 'N') {
    const auto mask = mail::parse_notify(value);
    good = mask.has_value();
    if (good) out.notify = *mask;
    if (const auto word = good ? "" : unknown_notify(value); !word.empty()) {
      out.warnings.push_back(fmt::format("unknown DSN NOTIFY command value \"{}\" in \"{}\"", word, value));
    }
  } else if (option == 'R') {
    const auto flags = mail::parse_ret(value);
    good = flags.has_value();
    if (good) out.ret = *flags;
  } else {
    good = !value.empty() && value.size() <= kEnvelopeIdMax && value == text::printable(value);
    if (good) out.envelope_id = value;
  }
  const bool too_long = option == 'V' && value.size() > kEnvelopeIdMax;
  const std::string_view what = too_long ? "too long -" : option == 'V' ? "bad syntax in -" : "bad -";
  if (!good) out.warnings.push_back(fmt::format("{}{} option value -- ignored", what, option));
}

// getopt knows no optional arguments that stand behind a blank: "-q" alone is a queue run now.
std::vector<std::string> prepared(int argc, char** argv, std::string_view program) {
  std::vector<std::string> out{std::string(program)};
  for (int i = 1; i < argc; ++i) out.emplace_back(std::string_view(argv[i]) == "-q" ? "-q0" : argv[i]);
  return out;
}

}  // namespace

std::string find_config_directory(int argc, char** argv, std::string_view program) {
  auto words = prepared(argc, argv, program);
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::string out;
  optind = 0;
  for (int c = 0; (c = ::getopt(argc, pointers.data(), kOptions)) != -1;) {
    if (c == 'C') out = optarg;
  }
  struct stat st{};
  if (!out.empty() && ::stat(out.c_str(), &st) == 0 && !S_ISDIR(st.st_mode)) {
    const auto slash = out.rfind('/');
    out = slash == std::string::npos ? "." : out.substr(0, slash);
  }
  return out;
}

Result<Options> parse_options(int argc, char** argv, std::string_view program) {
  Options out;
  if (program == "mailq") out.mode = Mode::mailq;
  if (program == "newaliases") out.mode = Mode::newaliases;
  auto words = prepared(argc, argv, program);
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  optind = 0;
  for (int c = 0; (c = ::getopt(argc, pointers.data(), kOptions)) != -1;) {
    const std::string_view value = optarg != nullptr ? optarg : "";
    const bool wants_text = c == 'q' || c == 'o' || c == 'X' || c == 'b';
    if (wants_text && value.empty()) return fail(std::string("-") + static_cast<char>(c) + " option needs a value");
    Result<> taken;
    switch (c) {
      case 'b': taken = take_mode(out, value); break;
      case 'B': taken = take_body_type(out, value); break;
      case 'F':
        out.full_name = value;
        out.has_full_name = true;
        break;
      case 'f':
      case 'r':
        out.sender = value;
        out.has_sender = true;
        break;
      case 'G': out.remote = true; break;
      case 'I': out.mode = Mode::newaliases; break;
      case 'i': out.dot_ends = false; break;
      case 'N':
      case 'R':
      case 'V': take_dsn(out, static_cast<char>(c), value); break;
      case 'n': return fail("-n option not supported");
      case 'o': take_letter_option(out, value); break;
      case 'q': taken = take_queue_run(out, value); break;
      case 't': out.extract = true; break;
      case 'v': ++out.verbose; break;
      case 'X': taken = take_verp(out, value); break;
      case '?': return fail("usage: " + std::string(program) + " [options]");
      default: break;  // of other mail systems
    }
    if (!taken) return std::unexpected(taken.error());
  }
  for (int i = optind; i < argc; ++i) out.arguments.emplace_back(pointers[static_cast<std::size_t>(i)]);
  return out;
}

}  // namespace postern::sendmail
