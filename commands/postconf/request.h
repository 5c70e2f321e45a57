// SPDX-License-Identifier: Apache-2.0
// The command line, checked: which of the files, what to do with it, and how to print.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace postern::postconf {

enum class Target { main_cf, entries, fields, parameters, lock_types, map_types, client_sasl, server_sasl, notices };
enum class Action { show, edit, comment, exclude };
enum class Class { builtin, service, user };

struct Request {
  Target target = Target::main_cf;
  Action action = Action::show;
  bool defaults = false;                                                    // -d
  bool set_only = false;                                                    // -n
  bool no_names = false;                                                    // -h
  bool no_values = false;                                                   // -H
  bool expand = false;                                                      // -x
  bool fold = false;                                                        // -f
  bool json = false;                                                        // -j
  bool quiet = false;                                                       // -q
  std::set<Class> classes = {Class::builtin, Class::service, Class::user};  // -C
  std::string directory;                                                    // -c; empty = default
  std::vector<std::string> overrides;                                       // -o
  std::vector<std::string> arguments;
};

[[nodiscard]] Result<Request> parse_request(int argc, char** argv);

}  // namespace postern::postconf
