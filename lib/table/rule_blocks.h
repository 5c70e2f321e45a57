// SPDX-License-Identifier: Apache-2.0
// if/endif of rule tables: which rules a false condition skips.
//
// T has `bool is_if`, `bool is_endif`, `int line` and `std::size_t end` (of an if: the index to go on at when it is
// false). Conditions without an endif reach to the end of the table and are warned about.
#pragma once

#include <string>
#include <vector>

#include "lib/base/log.h"

namespace postern::table {

template <class T>
void close_blocks(std::vector<T>& rules, const std::string& title) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].is_if) open.push_back(i);
    if (!rules[i].is_endif) continue;
    rules[open.back()].end = i + 1;
    open.pop_back();
  }
  for (; !open.empty(); open.pop_back()) {
    T& rule = rules[open.back()];
    rule.end = rules.size();
    log::warning("{}, line {}: IF has no matching ENDIF", title, rule.line);
  }
}

}  // namespace postern::table
