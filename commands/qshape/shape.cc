// SPDX-License-Identifier: Apache-2.0
#include "commands/qshape/shape.h"

#include <fmt/core.h>

#include <algorithm>

#include "lib/base/text.h"

namespace postern::qshape {

namespace {

constexpr std::size_t kLeastWidth = 80;
constexpr std::size_t kLeastDomain = 18;
constexpr std::size_t kLeastColumn = 2;
constexpr double kSecondsPerMinute = 60;

std::string domain_of(std::string_view address) {
  if (address.empty()) return "MAILER-DAEMON";
  const auto at = address.rfind('@');
  return text::lower(at == std::string_view::npos ? address : address.substr(at + 1));
}

// ".b.c" and ".c.d" style parents of a domain that are more than a top-level domain.
std::vector<std::string> parents_of(std::string_view domain) {
  std::vector<std::string> out;
  if (domain.starts_with('[')) return out;
  for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.', dot + 1)) {
    const auto parent = domain.substr(dot);
    if (parent.find('.', 1) != std::string_view::npos) out.emplace_back(parent);
  }
  return out;
}

std::string fitted(const std::string& name, std::size_t width) {
  if (name.size() <= width) return name;
  const std::string mark = name.starts_with('.') ? ".+" : "+";
  return mark + name.substr(name.size() - (width - mark.size()));
}

}  // namespace

Shape::Shape(const ShapeOptions& options)
    : options_(options), total_(static_cast<std::size_t>(options.buckets) + 1, 0) {
  double limit = options.minutes;
  for (int i = 1; i < options.buckets; ++i) {
    limits_.push_back(limit);
    limit = options.linear ? options.minutes * (i + 1) : limit * 2;
  }
}

std::size_t Shape::bucket(std::int64_t age_seconds) const {
  const double minutes = static_cast<double>(std::max<std::int64_t>(0, age_seconds)) / kSecondsPerMinute;
  return static_cast<std::size_t>(std::ranges::upper_bound(limits_, minutes) - limits_.begin());
}

void Shape::add(std::string_view address, std::int64_t age_seconds) {
  Row& row = domains_.try_emplace(domain_of(address), total_.size(), 0).first->second;
  const std::size_t column = 1 + bucket(age_seconds);
  for (Row* counts : {&row, &total_}) {
    ++(*counts)[0];
    ++(*counts)[column];
  }
}

// The domains, and the parents that have enough of them.
std::map<std::string, Shape::Row> Shape::rows() const {
  std::map<std::string, Row> out = domains_;
  if (!options_.parents) return out;
  std::map<std::string, std::pair<std::size_t, Row>> parents;
  for (const auto& [domain, row] : domains_) {
    for (const auto& parent : parents_of(domain)) {
      auto& [count, sum] = parents.try_emplace(parent, 0, Row(row.size(), 0)).first->second;
      ++count;
      for (std::size_t i = 0; i < row.size(); ++i) sum[i] += row[i];
    }
  }
  for (auto& [parent, counted] : parents) {
    if (counted.first >= options_.min_subdomains) out.emplace(parent, std::move(counted.second));
  }
  return out;
}

std::string Shape::table(std::size_t top) const {
  std::vector<std::string> labels{"T"};
  for (const double limit : limits_) labels.push_back(fmt::format("{:.15g}", limit));
  labels.push_back((limits_.empty() ? "0" : labels.back()) + "+");
  std::vector<std::size_t> columns;
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    columns.push_back(std::max({kLeastColumn, labels[i].size(), std::to_string(total_[i]).size()}));
    numbers += columns.back() + 1;
  }
  const std::size_t width = std::max(kLeastWidth, options_.width);
  const std::size_t names = width > numbers + kLeastDomain ? width - numbers : kLeastDomain;
  std::string out;
  const auto line = [&](const std::string& name, const auto& cell) {
    out += fmt::format("{:>{}}", fitted(name, names), names);
    for (std::size_t i = 0; i < columns.size(); ++i) out += fmt::format(" {:>{}}", cell(i), columns[i]);
    out += '\n';
  };
  line("", [&](std::size_t i) { return labels[i]; });
  line("TOTAL", [&](std::size_t i) { return total_[i]; });
  const auto rows_by_name = rows();
  std::vector<const std::pair<const std::string, Row>*> order;
  order.reserve(rows_by_name.size());
  for (const auto& row : rows_by_name) order.push_back(&row);
  std::ranges::sort(order, [](const auto* a, const auto* b) {
    if (a->second[0] != b->second[0]) return a->second[0] > b->second[0];
    if (a->first.size() != b->first.size()) return a->first.size() < b->first.size();
    return a->first < b->first;
  });
  if (top > 0 && order.size() > top) order.resize(top);
  for (const auto* row : order) line(row->first, [&](std::size_t i) { return row->second[i]; });
  return out;
}

}  // namespace postern::qshape
