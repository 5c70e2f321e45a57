// SPDX-License-Identifier: Apache-2.0
#include "lib/table/fold.h"

#include <unicode/ucasemap.h>

#include <memory>

#include "lib/base/text.h"

namespace postern::table {

namespace {

struct CaseMapClose {
  void operator()(UCaseMap* map) const { ucasemap_close(map); }
};

}  // namespace

std::string fold_utf8(std::string_view key) {
  if (text::is_ascii(key) || !text::is_utf8(key)) return text::lower(key);
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UCaseMap, CaseMapClose> map(ucasemap_open("", U_FOLD_CASE_DEFAULT, &status));
  if (U_FAILURE(status)) return text::lower(key);
  // Folding can make text longer; three times is the bound for any character.
  std::string folded(key.size() * 3 + 1, '\0');
  const auto size = ucasemap_utf8FoldCase(map.get(), folded.data(), static_cast<int32_t>(folded.size()), key.data(),
                                          static_cast<int32_t>(key.size()), &status);
  if (U_FAILURE(status)) return text::lower(key);
  folded.resize(static_cast<std::size_t>(size));
  return folded;
}

}  // namespace postern::table
