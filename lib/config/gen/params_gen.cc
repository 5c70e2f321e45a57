// SPDX-License-Identifier: Apache-2.0
// params-gen OUTPUT-DIRECTORY FILE.params...: turns the parameter blocks into code and manual.
//
//   OUTPUT/<folder>/params.h            struct Params of each folder that some block names in `users`
//   OUTPUT/lib/config/registry_data.cc  every parameter, for postconf and for the typed getters
//   OUTPUT/man/postconf.5               the manual page
//   OUTPUT/man/PROGRAM.params.mdoc      the part of each program's own page
//
// A block: the name at column 0, then indented lines "attribute [value]":
//   type bool|int|long|time|string|raw      default TEXT (none = empty)      min N, max N (strings: length)
//   unit s|m|h|d|w (time: of a bare number) since RELEASE                    users FOLDER... ("all" = every program)
//   lmtp yes|NAME (has a mirror for LMTP)   lmtp_default TEXT                accept TEXT (means what this version does)
//   computed TEXT (no fixed default; the text says from what)
//   services PROGRAM... (the name is "*_SUFFIX": one parameter for each master.cf line of these programs)
//   unsupported [WHY] (no effect)            legacy, deprecated TEXT          reload no (takes a restart)
//   manual (the text follows, indented deeper)
// '#' starts a comment line. A file is rewritten only when its text changes.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/gen/block.h"
#include "lib/config/gen/manual.h"

namespace {

using postern::Result;
using postern::params::Block;
using postern::params::Blocks;
namespace text = postern::text;
namespace files = postern::files;

struct TypeNames {
  std::string_view cpp;
  std::string_view registry;
};

const std::map<std::string, TypeNames, std::less<>>& types() {
  static const std::map<std::string, TypeNames, std::less<>> kTypes = {
      {"bool", {"bool", "boolean"}},  {"int", {"int", "integer"}},           {"long", {"std::int64_t", "long_integer"}},
      {"time", {"Duration", "time"}}, {"string", {"std::string", "string"}}, {"raw", {"std::string", "raw_string"}}};
  return kTypes;
}

bool known_attribute(std::string_view key) {
  static const std::set<std::string, std::less<>> kKeys = {
      "type",   "default",  "min",      "max",    "unit",       "since",       "users",  "lmtp",  "lmtp_default",
      "accept", "services", "computed", "legacy", "deprecated", "unsupported", "reload", "manual"};
  return kKeys.contains(key);
}

Result<> finish(const Block& b) {
  if (!types().contains(b.get("type"))) return postern::fail(fmt::format("{}: {}: no known type", b.origin, b.name));
  for (const auto* key : {"min", "max"}) {
    if (b.has(key) && !text::to_i64(b.get(key)))
      return postern::fail(fmt::format("{}: {}: {} is not a number", b.origin, b.name, key));
  }
  if (b.has("services") != b.name.starts_with("*_"))
    return postern::fail(fmt::format("{}: {}: `services` and a name *_SUFFIX go together", b.origin, b.name));
  return {};
}

Result<> parse(const std::string& path, std::vector<Block>& out) {
  const auto content = files::read(path);
  if (!content) return std::unexpected(content.error());
  int number = 0;
  bool in_manual = false;
  for (const auto line : text::fields(*content, '\n')) {
    ++number;
    const auto body = text::trim(line);
    if (body.empty() || line.starts_with('#')) continue;
    if (!text::is_blank(line.front())) {
      out.push_back({std::string(body), {}, {}, fmt::format("{}:{}", path, number), {}});
      in_manual = false;
      continue;
    }
    if (out.empty()) return postern::fail(fmt::format("{}:{}: attribute without a parameter", path, number));
    auto& block = out.back();
    if (in_manual && line.starts_with("    ")) {
      block.manual.emplace_back(body);
      continue;
    }
    const auto split = text::cut(body, ' ');
    const std::string key(split ? split->first : body);
    if (!known_attribute(key)) return postern::fail(fmt::format("{}:{}: unknown attribute {}", path, number, key));
    in_manual = key == "manual";
    block.attributes[key] = split ? text::trim(split->second) : std::string_view{};
  }
  return {};
}

std::string quoted(std::string_view s) {
  return '"' + text::replace_all(text::replace_all(s, "\\", "\\\\"), "\"", "\\\"") + '"';
}

// The block that a mirror stands for, spelled out.
Block mirror_of(const Block& b) {
  Block m = b;
  m.name = b.lmtp_name();
  m.mirror_of = b.name;
  m.attributes["default"] =
      b.has("lmtp_default") ? b.get("lmtp_default") : text::replace_all(b.get("default"), "smtp_", "lmtp_");
  if (b.has("deprecated")) m.attributes["deprecated"] = text::replace_all(b.get("deprecated"), "smtp_", "lmtp_");
  m.attributes.erase("lmtp");
  return m;
}

Result<> write_if_changed(const std::string& path, const std::string& content) {
  const auto old = files::read(path);
  if (old && *old == content) return {};
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    if (auto made = files::make_directory(path.substr(0, at), 0755); !made) return made;
  }
  return files::write_atomic(path, content);
}

std::string registry_line(const Block& b) {
  const auto optional = [&](std::string_view key) { return b.has(key) ? b.get(key) : std::string("std::nullopt"); };
  return fmt::format("    {{{}, {}, {}, {}, {}, {}, {}, {}, {}, Type::{}, '{}', {}, {}, {}, {}}},\n",
                     quoted(b.name.starts_with('*') ? b.name.substr(1) : b.name), quoted(b.get("default")),
                     quoted(b.get("since")), quoted(b.get("users")), quoted(b.get("services")),
                     quoted(b.get("deprecated")), quoted(b.get("accept")), optional("min"), optional("max"),
                     types().at(b.get("type")).registry, b.get("unit", "s"), !b.has("unsupported"), b.has("legacy"),
                     b.get("reload") == "no", quoted(b.get("unsupported")));
}

std::string registry(const Blocks& blocks) {
  std::string plain;
  std::string service;
  for (const auto& [name, b] : blocks) (b.has("services") ? service : plain) += registry_line(b);
  return "// Generated from the .params files by params-gen.\n#include \"lib/config/registry.h\"\n\n"
         "namespace postern::config {\nnamespace {\n\nconstexpr Parameter kParameters[] = {\n" +
         plain + "};\n\nconstexpr Parameter kServiceParameters[] = {\n" + service +
         "};\n\n}  // namespace\n\nstd::span<const Parameter> parameters() { return kParameters; }\n"
         "std::span<const Parameter> service_parameters() { return kServiceParameters; }\n\n"
         "}  // namespace postern::config\n";
}

// Namespace = folder, except where C++ or another folder has the word already (lib/smtp is postern::smtp).
std::string namespace_of(std::string_view folder) {
  if (folder == "virtual") return "virtual_delivery";
  if (folder == "smtp") return "smtp_client";
  return text::replace_all(folder, "-", "_");
}

// One struct for a folder. A name that cannot be a C++ identifier (2bounce_...) gets an underscore in front.
std::string params_header(const std::string& folder, const std::vector<const Block*>& blocks) {
  const auto space = namespace_of(folder.substr(folder.rfind('/') + 1));
  bool mirrored = false;
  std::string members;
  std::string loads;
  for (const auto* b : blocks) {
    const auto member = (text::is_digit(b->name[0]) ? "_" : "") + b->name;
    members += fmt::format("  {} {}{{}};\n", types().at(b->get("type")).cpp, member);
    if (b->has("lmtp")) mirrored = true;
    loads += b->has("lmtp") ? fmt::format("    load(\"{}\", \"{}\", p.{});\n", b->name, b->lmtp_name(), member)
                            : fmt::format("    load(\"{}\", p.{});\n", b->name, member);
  }
  const std::string extra = mirrored ? ", bool lmtp = false" : "";
  return fmt::format(
      "// Generated from the .params files by params-gen: what {0} reads from main.cf.\n#pragma once\n\n"
      "#include <cstdint>\n#include <string>\n\n#include \"lib/config/loader.h\"\n\nnamespace postern::{1} {{\n\n"
      "struct Params {{\n{2}\n  // Converts and checks every value; the error text is that of the first bad one.\n"
      "  [[nodiscard]] static Result<Params> load(const config::Config& config{3}) {{\n    Params p;\n"
      "    config::Loader load(config{4});\n{5}    if (load.error()) return std::unexpected(*load.error());\n"
      "    return p;\n  }}\n}};\n\n}}  // namespace postern::{1}\n",
      folder, space, members, extra, mirrored ? ", lmtp" : "", loads);
}

std::map<std::string, std::vector<const Block*>> by_folder(const std::vector<Block>& blocks) {
  std::map<std::string, std::vector<const Block*>> out;
  for (const auto& b : blocks) {
    const auto users = b.get("users");
    for (const auto user : text::words(users)) out[std::string(user)];
  }
  out.erase("all");
  for (const auto& b : blocks) {
    if (b.has("services") || b.has("unsupported") || b.has("legacy")) continue;
    const auto list_text = b.get("users");
    const auto users = text::words(list_text);
    const std::set<std::string_view> named(users.begin(), users.end());
    for (auto& [folder, list] : out) {
      if (named.contains(folder) || (named.contains("all") && !folder.starts_with("lib/"))) list.push_back(&b);
    }
  }
  return out;
}

Result<> generate(const std::string& output, std::vector<Block> blocks) {
  Blocks sorted;
  const auto add = [&](const Block& b) -> Result<> {
    const auto [it, fresh] = sorted.emplace(b.name, b);
    if (!fresh) return postern::fail(fmt::format("{}: {} is declared at {} too", b.origin, b.name, it->second.origin));
    return {};
  };
  for (const auto& b : blocks) {
    if (auto ok = finish(b); !ok) return ok;
    if (auto ok = add(b); !ok) return ok;
    if (!b.has("lmtp")) continue;
    if (auto ok = add(mirror_of(b)); !ok) return ok;
  }
  std::ranges::sort(blocks, {}, &Block::name);
  for (const auto& [folder, list] : by_folder(blocks)) {
    const auto path = fmt::format("{}/{}/params.h", output, folder);
    if (auto ok = write_if_changed(path, params_header(folder, list)); !ok) return ok;
  }
  if (auto ok = write_if_changed(output + "/lib/config/registry_data.cc", registry(sorted)); !ok) return ok;
  for (const auto& [program, part] : postern::params::program_parts(sorted)) {
    if (auto ok = write_if_changed(fmt::format("{}/man/{}.params.mdoc", output, program), part); !ok) return ok;
  }
  return write_if_changed(output + "/man/postconf.5", postern::params::postconf_page(sorted));
}

Result<> run(int argc, char** argv) {
  if (argc < 3) return postern::fail("usage: params-gen OUTPUT-DIRECTORY FILE.params...");
  std::vector<Block> blocks;
  for (int i = 2; i < argc; ++i) {
    if (auto ok = parse(argv[i], blocks); !ok) return ok;
  }
  return generate(argv[1], std::move(blocks));
}

}  // namespace

int main(int argc, char** argv) {
  const auto result = run(argc, argv);
  if (result) return 0;
  fmt::print(stderr, "params-gen: {}\n", result.error().text);
  return 1;
}
