// SPDX-License-Identifier: Apache-2.0
// A server's reply as this command looks at it: line by line, as it comes, and whatever it is. (A client that delivers
// mail has smtp::ReplyReader, which reads on behind lines that are no replies; here such a line is the answer.)
#pragma once

#include <string>
#include <string_view>

namespace postern::posttls_finger {

struct Reply {
  int code = 0;           // of the last line; 0: not a reply of SMTP
  std::string last;       // the last line behind its code, or all of one without
  std::string name;       // the first word of the first line, in lower case: by it a server is told from its twins
  bool starttls = false;  // a line after the first says STARTTLS
  int lines = 0;

  // Takes a line (without its end); true: it was the last one.
  bool take(std::string_view line);
  // "554 no", "0 garbage".
  [[nodiscard]] std::string text() const;
};

}  // namespace postern::posttls_finger
