// SPDX-License-Identifier: Apache-2.0
#include "lib/config/gen/manual.h"

#include <fmt/core.h>

#include <string_view>
#include <vector>

#include "lib/base/text.h"

namespace postern::params {

namespace {

constexpr std::size_t kWidth = 78;

std::string escaped(std::string_view s) { return text::replace_all(s, "\\", "\\e"); }

// One argument of a macro; in quotes no word of it is taken for a macro, and a final dot not for the sentence's.
std::string argument(std::string_view s) {
  return '"' + text::replace_all(escaped(s), "\"", "\"\"") + (s.ends_with('.') ? "\\&\"" : "\"");
}

bool ends_sentence(std::string_view word) {
  while (word.ends_with(')') || word.ends_with('"')) word.remove_suffix(1);
  return word.ends_with('.') || word.ends_with('?') || word.ends_with('!');
}

// Text lines, each sentence on lines of its own.
std::string filled(std::string_view body) {
  std::string out;
  std::string line;
  const auto end_line = [&] {
    if (line.empty()) return;
    if (line.starts_with('.') || line.starts_with('\'')) line.insert(0, "\\&");
    out += line + '\n';
    line.clear();
  };
  for (const auto word : text::words(body, " \t\n")) {
    const auto safe = escaped(word);
    if (!line.empty() && line.size() + 1 + safe.size() > kWidth) end_line();
    line += (line.empty() ? "" : " ") + safe;
    if (ends_sentence(word)) end_line();
  }
  end_line();
  return out;
}

std::string unit_name(const std::string& unit) {
  static const std::map<std::string, std::string, std::less<>> kUnits = {
      {"s", "seconds"}, {"m", "minutes"}, {"h", "hours"}, {"d", "days"}, {"w", "weeks"}};
  return kUnits.at(unit);
}

// What a value must look like; empty when any text will do.
std::string form(const Block& b) {
  const auto type = b.get("type");
  std::string out;
  if (type == "bool") return "Yes or no.";
  if (type == "time") {
    out = "A time; a number without unit means " + unit_name(b.get("unit", "s"));
  } else if (type == "int" || type == "long") {
    out = "A number";
  } else {
    return {};
  }
  if (b.has("min") && b.has("max")) {
    out += fmt::format(", {} to {}", b.get("min"), b.get("max"));
  } else if (b.has("min")) {
    out += ", at least " + b.get("min");
  } else if (b.has("max")) {
    out += ", at most " + b.get("max");
  }
  return out + '.';
}

std::string value_shown(const Block& b) {
  if (b.has("computed")) return "default: " + b.get("computed");
  return b.get("default").empty() ? "default: empty" : "default: " + b.get("default");
}

std::string item(const Block& b) {
  // The star of a service parameter stands for the service.
  const std::string name = b.has("services") ? "transport" + b.name.substr(1) : b.name;
  std::string out = fmt::format(".It Ic {} Pq {}\n", name, argument(value_shown(b)));
  std::string body;
  for (const auto& line : b.manual) body += line + '\n';
  if (!b.mirror_of.empty()) body = "As " + b.mirror_of + ", for LMTP.";
  out += filled(body) + filled(form(b));
  if (b.has("lmtp")) out += filled("For LMTP: " + b.lmtp_name() + '.');
  if (b.has("deprecated")) out += filled("Better: " + b.get("deprecated") + '.');
  if (b.get("reload") == "no") out += filled("A change takes effect with a restart.");
  return out;
}

bool has_effect(const Block& b) { return !b.has("unsupported") && !b.has("legacy"); }

// Names in one paragraph.
std::string name_list(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += name + (&name == &names.back() ? "." : ", ");
  return filled(all);
}

constexpr std::string_view kHead =
    ".\\\" Generated from the .params files by params-gen.\n.Dd November 20, 2026\n.Dt POSTCONF 5\n.Os\n"
    ".Sh NAME\n.Nm postconf\n.Nd parameters of the mail system, main.cf\n.Sh DESCRIPTION\n"
    "The file\n.Pa main.cf\nin the configuration directory sets parameters of the mail system.\n"
    ".Xr postconf 1\nshows and edits it.\nA parameter that is not in the file has its default.\n"
    ".Ss Syntax\n"
    "A setting is\n.Dl name = value\n"
    "White space around the equals sign and at the end of a line is ignored.\n"
    "A line that begins with white space continues the setting before it.\n"
    "A line whose first character other than white space is a number sign is a\ncomment, and so is an empty line;"
    "\nneither ends a setting.\n"
    "The last of several settings of one name counts, with a warning.\n"
    ".Pp\n"
    "In a value\n.Ql $name ,\n.Ql ${name}\nand\n.Ql $(name)\nstand for the value of another parameter, wherever in "
    "the file it is set, or\nof a name that nobody but the file knows.\n"
    ".Ql ${name?text}\nis the text if name is set and not empty,\n.Ql ${name:text}\nif it is not,\n"
    ".Ql ${name?{text}:{other}}\none or the other.\n"
    "Instead of a name may stand a comparison of two texts, as in\n.Ql \"${{$a} == {b} ? {text} : {other}}\" ,\n"
    "with one of the operators\n"
    ".Ql == ,\n.Ql != ,\n.Ql < ,\n.Ql <= ,\n.Ql >= ,\n.Ql > ;\n"
    "with\n.Ql level\nbehind it the texts are compatibility levels.\n"
    "Two numbers are compared as numbers.\nTwo dollar signs are one.\n"
    ".Pp\n"
    "A boolean is yes or no.\n"
    "A time is a number with a unit: s (seconds), m (minutes), h (hours), d (days)\nor w (weeks).\n"
    "A list has its items separated by commas or white space.\n"
    "Lookup tables are written type:name, see\n.Xr tables 5 .\n"
    ".Pp\n"
    "A service may have its own value of a parameter, by an\n.Fl o\noption in\n.Xr master.cf 5 .\n"
    ".Ss Parameters without effect\n"
    "The file of an existing system may name parameters that this version knows and\ndoes not act on yet.\n"
    "One that is set to anything but its default makes\n.Ic postfix start ,\n.Ic check\nand\n.Ic reload\n"
    "fail with a line that names it.\n"
    "An administrator who can do without it lists it in\n.Ic postern_accept_unsupported .\n"
    "The names are at the end of this page.\n"
    ".Sh PARAMETERS\n.Bl -tag -width Ds\n";

}  // namespace

std::string postconf_page(const Blocks& blocks) {
  std::string out(kHead);
  std::vector<std::string> idle;
  for (const auto& [name, b] : blocks) {
    if (b.has("unsupported")) idle.push_back(name);
    if (has_effect(b)) out += item(b);
  }
  out += ".El\n";
  if (!idle.empty()) out += ".Sh PARAMETERS WITHOUT EFFECT\n" + name_list(idle);
  return out + ".Sh SEE ALSO\n.Xr postconf 1 ,\n.Xr postfix 1 ,\n.Xr master.cf 5 ,\n.Xr tables 5\n";
}

std::map<std::string, std::string> program_parts(const Blocks& blocks) {
  std::map<std::string, std::string> items;
  std::vector<std::string> common;
  for (const auto& [name, b] : blocks) {
    const auto users = b.get("users");
    const bool shown = has_effect(b) && b.mirror_of.empty();
    bool shared = false;
    for (const auto folder : text::words(users)) {
      if (folder == "all" || folder.starts_with("lib/")) {
        shared = true;
        continue;
      }
      auto& list = items[std::string(folder.substr(folder.rfind('/') + 1))];
      if (shown) list += item(b);
    }
    if (shown && shared) common.push_back(name);
  }
  std::map<std::string, std::string> out;
  for (const auto& [program, list] : items) {
    out[program] = (list.empty() ? "" : ".Bl -tag -width Ds\n" + list + ".El\n.Pp\n") +
                   "Parameters of many programs, described in\n.Xr postconf 5 :\n" + name_list(common);
  }
  return out;
}

}  // namespace postern::params
