// SPDX-License-Identifier: Apache-2.0
// master.cf: which program serves what, and how. Pure.
//
//   service type private unpriv chroot wakeup maxproc command [argument ...]
//
// "-" stands for the default of a column. An argument "{ text }" is one word without its braces; "-o name=value" and
// "-o { name = value }" are taken out of the arguments into `overrides` as long as they stand before a command-specific
// argv=. Any error in any line is an error of the file; its text has file and line. Duplicates are warnings; the last
// line wins.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace postern::config {

enum class ServiceType { inet, unix_stream, unix_dgram, fifo, pass };

[[nodiscard]] std::string_view service_type_name(ServiceType type);  // as in master.cf

struct MasterEntry {
  // As written, defaults as "-": what postconf shows. service type private unpriv chroot wakeup maxproc command.
  std::vector<std::string> columns;
  // Words after the command as written: "-o", "{ name = value }", "argv=/bin/x", ...
  std::vector<std::string> raw_arguments;
  int line = 0;

  std::string service;
  ServiceType type = ServiceType::unix_stream;
  bool is_private = true;
  bool unprivileged = true;
  std::optional<bool> chroot;                                  // nullopt: as compatibility_level says
  int wakeup = 0;                                              // seconds; 0 = never
  bool wakeup_if_used = false;                                 // the '?'
  std::optional<int> maxproc;                                  // nullopt: default_process_limit; 0 = no limit
  std::string command;                                         // program name
  std::vector<std::string> arguments;                          // without -o
  std::vector<std::pair<std::string, std::string>> overrides;  // -o, raw values, in order

  // "private/NAME", "public/NAME" or, for inet, the name as written: what two equal lines share.
  [[nodiscard]] std::string endpoint() const;
};

struct MasterCf {
  std::vector<MasterEntry> entries;  // in file order, duplicates resolved
  std::vector<std::string> warnings;

  [[nodiscard]] const MasterEntry* find(std::string_view service, std::string_view type) const;
};

// Strict: what master and the services need.
[[nodiscard]] Result<MasterCf> parse_master_cf(std::string_view content, std::string_view file = "master.cf");
// Reads DIRECTORY/master.cf.
[[nodiscard]] Result<MasterCf> load_master_cf(const std::string& directory);

// One entry from one logical line; the error text has neither file nor line.
// `lenient`: what is only wrong in the arguments becomes a warning (postconf).
[[nodiscard]] Result<MasterEntry> parse_master_entry(std::string_view line,
                                                     std::vector<std::string>* lenient = nullptr);

}  // namespace postern::config
