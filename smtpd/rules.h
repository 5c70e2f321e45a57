// SPDX-License-Identifier: Apache-2.0
// Access restriction lists (smtpd_*_restrictions) as they are configured: words with their arguments and tables.
//
// Each restriction is an entry of RestrictionTable, made in one of the restriction_*.cc files; a word that is none is
// a restriction class or a configuration error, which is found when it is its turn (451 to the client, the word in
// the log): the mail that an earlier rule decides is not affected.
// A list is compiled once. Values of access(5) tables are compiled when they are first met, and kept.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/async/task.h"
#include "lib/config/config.h"
#include "lib/table/maps.h"
#include "smtpd/certificate_order.h"

namespace postern::smtpd {

class Evaluation;
struct Rule;

enum class Verdict { dunno, permit, reject };

// What a permit is said about in the log (smtpd_log_access_permit_actions): what the list is about, or always the same.
enum class PermitSubject { list, client, recipient, certificate, table };

struct Restriction {
  using Run = async::Task<Verdict> (*)(Evaluation& evaluation, const Rule& rule);
  Run run = nullptr;
  bool takes_table = false;
  bool takes_certificate_order = false;         // the table may come with a search order
  bool bars_strangers = false;                  // relaying to strangers ends here
  PermitSubject permits = PermitSubject::list;  // table: whoever applies its action tells of it
};

class RestrictionTable {
 public:
  void add(std::string_view name, Restriction restriction) { entries_.emplace(name, restriction); }
  [[nodiscard]] const Restriction* find(std::string_view name) const;

 private:
  std::map<std::string, Restriction, std::less<>> entries_;
};

void register_restrictions(RestrictionTable& table);

struct Rule {
  std::string name;                                   // as configured
  const Restriction* restriction = nullptr;           // nullptr: a class, or unknown
  std::shared_ptr<const table::Maps> maps;            // of check_*_access
  std::string table;                                  // its name, for log lines
  std::vector<CertificateFeature> certificate_order;  // of check_ccert_access
  bool warn_if_reject = false;
  std::string problem;  // why it cannot be evaluated
};

struct RuleList {
  std::vector<Rule> rules;
};
using RuleListPtr = std::shared_ptr<const RuleList>;

class RuleBook {
 public:
  // `context` must outlive the book. Classes are those of smtpd_restriction_classes.
  RuleBook(const config::Config& config, const table::Context& context);

  // `bare_table`: the restriction that a table without a word in front means, in lists where it does.
  [[nodiscard]] RuleListPtr compile(std::string_view text, std::string_view bare_table = "");
  // The list that a restriction class stands for; nullptr: there is no such class.
  [[nodiscard]] RuleListPtr find_class(std::string_view name) const;
  // The same for text out of a table.
  [[nodiscard]] RuleListPtr from_table(const std::string& text);
  // Whether the list holds a rule that keeps strangers from relaying.
  [[nodiscard]] bool bars_strangers(const RuleList& list, int depth = 0) const;

 private:
  [[nodiscard]] Rule compile_rule(const std::vector<std::string>& words, std::size_t& at, std::string_view bare_table);
  void attach_table(Rule& rule, const std::string& spec);

  const table::Context& context_;
  RestrictionTable restrictions_;
  std::map<std::string, RuleListPtr, std::less<>> classes_;
  std::map<std::string, RuleListPtr> met_;
};

}  // namespace postern::smtpd
