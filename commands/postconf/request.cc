// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/request.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "lib/config/value.h"

namespace postern::postconf {

namespace {

constexpr const char* kOptions = "+aAbc:C:deEfFhHjlmMno:pPqtvxX#";

std::string usage(std::string_view program) {
  return fmt::format(
      "usage: {} [-a (server SASL types)] [-A (client SASL types)] [-c config_dir] [-C param_class] "
      "[-b (notice texts)] [-d (parameter defaults)] [-e (edit configuration)] [-f (fold lines)] [-F (master.cf "
      "fields)] "
      "[-h (no names)] [-H (no values)] [-j (JSON)] [-l (lock types)] [-m (map types)] [-M (master.cf)] "
      "[-n (non-default parameters)] [-o name=value (override parameter value)] [-p (main.cf, default)] "
      "[-P (master.cf parameters)] [-q (quiet)] [-v (verbose)] [-x (expand parameter values)] [-X (exclude)] "
      "[-# (comment-out)] [name...]",
      program);
}

Result<std::set<Class>> parse_classes(const std::string& text) {
  std::set<Class> out;
  for (const auto& word : config::split_list(text)) {
    if (word == "all") return std::set{Class::builtin, Class::service, Class::user};
    if (word == "builtin") {
      out.insert(Class::builtin);
    } else if (word == "service") {
      out.insert(Class::service);
    } else if (word == "user") {
      out.insert(Class::user);
    } else {
      return fail(fmt::format("unknown -C option value \"{}\" in \"{}\"", word, text));
    }
  }
  return out;
}

// Letters that were given, in the order of the manual: what excludes what is told by two of them.
struct Letters {
  std::string seen;
  [[nodiscard]] bool has(char c) const { return seen.find(c) != std::string::npos; }
};

Result<> check(const Letters& given, const Request& request) {
  const auto exclusive = [&](std::string_view letters) -> Result<> {
    char first = 0;
    for (const char c : letters) {
      if (!given.has(c)) continue;
      if (first != 0) return fail(fmt::format("specify one of -{} -{}", first, c));
      first = c;
    }
    return {};
  };
  for (const auto* group : {"aAblmMFPpt", "#eX", "hH", "dn", "en"}) {
    if (auto ok = exclusive(group); !ok) return ok;
  }
  const auto forbid = [&](char option, std::string_view letters) -> Result<> {
    if (!given.has(option)) return {};
    for (const char c : letters) {
      if (given.has(c)) return fail(fmt::format("with option -{}, do not specify -{}", option, c));
    }
    return {};
  };
  for (const auto& [option, letters] : {std::pair{'M', "dhnH"}, {'F', "#dnX"}, {'P', "#dn"}, {'j', "aAbeflmtX#hH"}}) {
    if (auto ok = forbid(option, letters); !ok) return ok;
  }
  if (request.action == Action::show || !request.arguments.empty()) return {};
  if (request.target != Target::main_cf) return fail("missing service argument");
  return fail(request.action == Action::edit ? "-e requires name=value argument" : "-X or -# requires name argument");
}

void apply(char option, Request& out) {
  switch (option) {
    case 'a': out.target = Target::server_sasl; break;
    case 'A': out.target = Target::client_sasl; break;
    case 'b':
      out.target = Target::notices;
      out.expand = true;
      break;
    case 'd': out.defaults = true; break;
    case 'e': out.action = Action::edit; break;
    case 'f': out.fold = true; break;
    case 'F': out.target = Target::fields; break;
    case 'h': out.no_names = true; break;
    case 'H': out.no_values = true; break;
    case 'j': out.json = true; break;
    case 'l': out.target = Target::lock_types; break;
    case 'm': out.target = Target::map_types; break;
    case 'M': out.target = Target::entries; break;
    case 'n': out.set_only = true; break;
    case 'P': out.target = Target::parameters; break;
    case 'q': out.quiet = true; break;
    case 't': out.target = Target::notices; break;
    case 'x': out.expand = true; break;
    case 'X': out.action = Action::exclude; break;
    case '#': out.action = Action::comment; break;
    default: break;  // -p and -v change nothing
  }
}

}  // namespace

Result<Request> parse_request(int argc, char** argv) {
  Request out;
  Letters given;
  ::opterr = 1;
  for (int c = ::getopt(argc, argv, kOptions); c != -1; c = ::getopt(argc, argv, kOptions)) {
    if (c == '?') return fail(usage(argv[0]));
    const char option = static_cast<char>(c);
    if (option == 'c') {
      out.directory = ::optarg;
    } else if (option == 'o') {
      out.overrides.emplace_back(::optarg);
    } else if (option == 'C') {
      auto classes = parse_classes(::optarg);
      if (!classes) return std::unexpected(classes.error());
      out.classes = std::move(*classes);
    } else {
      given.seen += option;
      apply(option, out);
    }
  }
  out.arguments.assign(argv + ::optind, argv + argc);
  // "postconf name=value" edits without -e.
  const bool settings =
      std::ranges::any_of(out.arguments, [](const auto& a) { return a.find('=') != std::string::npos; });
  if (settings) given.seen += 'e';
  if (settings && out.action == Action::show) out.action = Action::edit;
  if (auto ok = check(given, out); !ok) return std::unexpected(ok.error());
  if (out.action == Action::show) return out;
  for (const auto& argument : out.arguments) {
    if (argument.find('\n') != std::string::npos) return fail("-e, -X, or -# accepts no multi-line input");
  }
  return out;
}

}  // namespace postern::postconf
