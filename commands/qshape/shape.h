// SPDX-License-Identifier: Apache-2.0
// The table of qshape: how many recipients (or senders) each domain has in the queue, by age. Pure.
//
// Ages fall into buckets: [0,t), [t,2t), [2t,4t) ... minutes, or multiples of t; the last one has no end. A row is as
// wide as the terminal, 80 columns at least; domains that do not fit lose their beginning. Rows go by count, then by
// the length of the name, then by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postern::qshape {

struct ShapeOptions {
  int buckets = 10;
  double minutes = 5;  // of the first bucket
  bool linear = false;
  bool parents = false;  // rows of parent domains, ".example.com"
  std::size_t min_subdomains = 5;
  std::size_t width = 80;
};

class Shape {
 public:
  explicit Shape(const ShapeOptions& options);
  // One recipient or sender in internal form, "" for the null sender. Ages below 0 count as 0.
  void add(std::string_view address, std::int64_t age_seconds);
  // The lines, with header and total. `top`: at most so many domains; 0: all.
  [[nodiscard]] std::string table(std::size_t top = 0) const;

 private:
  using Row = std::vector<std::uint64_t>;  // total, then each bucket
  [[nodiscard]] std::size_t bucket(std::int64_t age_seconds) const;
  [[nodiscard]] std::map<std::string, Row> rows() const;

  ShapeOptions options_;
  std::vector<double> limits_;  // minutes; one less than buckets
  Row total_;
  std::map<std::string, Row> domains_;
};

}  // namespace postern::qshape
