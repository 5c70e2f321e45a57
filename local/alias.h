// SPDX-License-Identifier: Apache-2.0
// alias_maps: what an alias stands for, and with whose rights its commands and files are served.
//
// The rights are those of the owner of the table's file; where that is root, or there is no such file, those of
// default_privs. A pattern table that builds values from the name asked for is refused: it would let a sender choose
// files and commands.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/table/maps.h"
#include "local/user.h"

namespace postern::local {

struct Alias {
  std::string name;  // the key that was found
  std::string value;
  Rights rights;
};

class AliasMaps {
 public:
  AliasMaps(std::string_view list, const table::Context& context, Rights default_rights);
  // Error: no answer now.
  async::Task<Result<std::optional<Alias>>> find(std::string name) const;

 private:
  struct Source {
    std::unique_ptr<table::Maps> maps;
    std::string path;  // of the file that the owner counts of; empty: none
  };
  [[nodiscard]] Result<Rights> rights_of(const Source& source) const;

  std::vector<Source> sources_;
  Rights default_rights_;
};

// The file behind "type:name", as far as its owner tells who can write aliases; empty when there is none.
[[nodiscard]] std::string table_file(std::string_view spec, std::string_view default_type);

}  // namespace postern::local
