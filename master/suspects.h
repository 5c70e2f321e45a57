// SPDX-License-Identifier: Apache-2.0
// Who may be the poison when workers crash: keys (a client address, a queue id) that were under way in two of them
// within ten minutes. Pure bookkeeping; what is done about a suspect is Service's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/clock.h"

namespace postern::master {

class Suspects {
 public:
  // These keys were under way in a worker that crashed now. Returns those that are suspects from now on.
  std::vector<std::string> crashed(const std::vector<std::string>& keys, Deadline now);
  // A process of its own served it without a crash. False: it was no suspect.
  bool absolve(const std::string& key);
  void clear() { crashes_.clear(); }
  [[nodiscard]] bool contains(const std::string& key, Deadline now) const;
  [[nodiscard]] std::vector<std::string> list(Deadline now) const;

 private:
  struct Crashes {
    int count = 0;
    Deadline last;
    [[nodiscard]] bool suspect(Deadline now) const;
  };
  std::map<std::string, Crashes, std::less<>> crashes_;
};

}  // namespace postern::master
