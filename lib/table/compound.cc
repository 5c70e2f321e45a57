// SPDX-License-Identifier: Apache-2.0
// Tables made of tables: pipemap:{a,b} feeds each result to the next, unionmap:{a,b} joins all results with commas,
// randmap:{x,y} picks one of its values.
#include <random>

#include "lib/base/text.h"
#include "lib/table/rules.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

class Compound : public Table {
 public:
  Compound(const OpenRequest& request, std::vector<TablePtr> parts)
      : Table(request.type, request.name), parts_(std::move(parts)) {}

  bool pattern() const override {
    for (const auto& part : parts_) {
      if (part->pattern()) return true;
    }
    return false;
  }
  bool substitutes() const override {
    for (const auto& part : parts_) {
      if (part->substitutes()) return true;
    }
    return false;
  }
  bool changed() override {
    for (const auto& part : parts_) {
      if (part->changed()) return true;
    }
    return false;
  }

 protected:
  std::vector<TablePtr> parts_;
};

class Pipe : public Compound {
 public:
  using Compound::Compound;

 protected:
  Answer find(std::string_view key) override {
    std::string value(key);
    for (const auto& part : parts_) {
      Answer answer = part->lookup(value);
      if (!answer || !*answer) return answer;
      value = std::move(**answer);
    }
    return value;
  }
};

class Union : public Compound {
 public:
  using Compound::Compound;

 protected:
  Answer find(std::string_view key) override {
    std::vector<std::string> found;
    for (const auto& part : parts_) {
      Answer answer = part->lookup(key);
      if (!answer) return answer;
      if (*answer) found.push_back(std::move(**answer));
    }
    if (found.empty()) return std::nullopt;
    return text::join(found, ",");
  }
};

class RandomTable : public Table {
 public:
  RandomTable(const OpenRequest& request, std::vector<std::string> values)
      : Table(request.type, request.name), values_(std::move(values)) {}

 protected:
  Answer find(std::string_view) override {
    return values_[std::uniform_int_distribution<std::size_t>(0, values_.size() - 1)(generator_)];
  }

 private:
  std::vector<std::string> values_;
  std::minstd_rand generator_{std::random_device{}()};
};

Error syntax_error(const OpenRequest& request, std::string_view need) {
  const std::string prefix = request.type + ":";
  return {"bad syntax: \"" + prefix + request.name + "\"; need \"" + prefix + "{" + std::string(need) + "...}\""};
}

template <class T>
Result<TablePtr> open_parts(const OpenRequest& request) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  const auto items = braced_items(request.name);
  if (!items) return std::unexpected(syntax_error(request, "type:name"));
  std::vector<TablePtr> parts;
  for (const auto& item : *items) {
    auto part = open(item, Mode::read, request.context);
    if (!part) return part;
    parts.push_back(std::move(*part));
  }
  return std::make_unique<T>(request, std::move(parts));
}

}  // namespace

Result<TablePtr> open_pipemap(const OpenRequest& request) { return open_parts<Pipe>(request); }
Result<TablePtr> open_unionmap(const OpenRequest& request) { return open_parts<Union>(request); }

Result<TablePtr> open_randmap(const OpenRequest& request) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  auto values = braced_items(request.name);
  if (!values) return std::unexpected(syntax_error(request, "value"));
  return std::make_unique<RandomTable>(request, std::move(*values));
}

}  // namespace postern::table
