// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/mime.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "lib/base/text.h"
#include "lib/mail/content_type.h"
#include "lib/mail/quoted_printable.h"

namespace postern::mail {

namespace {

constexpr std::size_t kFaultTextMax = 100;

bool is_8bit(std::string_view s) { return !text::is_ascii(s); }

bool is_eight(TransferEncoding e) { return e == TransferEncoding::eight_bit || e == TransferEncoding::binary; }

struct FaultInfo {
  unsigned bit;
  std::string_view text;
  std::string_view dsn;
};
constexpr FaultInfo kFaults[] = {
    {mime_fault::kNesting, "MIME nesting exceeds safety limit", "5.6.0"},
    {mime_fault::kTruncated, "message header length exceeds safety limit", "5.6.0"},
    {mime_fault::k8bitHeader, "improper use of 8-bit data in message header", "5.6.0"},
    {mime_fault::k8bitBody, "improper use of 8-bit data in message body", "5.6.0"},
    {mime_fault::kEncodingDomain, "invalid message/* or multipart/* encoding domain", "5.6.0"},
    {mime_fault::kHeaderEnd, "message header was terminated by a non-empty line", "5.6.0"},
};

// What the headers seen so far say about the part they introduce.
struct Part {
  ContentType type;
  TransferEncoding encoding = TransferEncoding::seven_bit;
  std::string encoding_name;  // as given
};

}  // namespace

std::string_view mime_fault_text(unsigned bit) {
  const auto* const found = std::ranges::find(kFaults, bit, &FaultInfo::bit);
  return found == std::end(kFaults) ? std::string_view("MIME error") : found->text;
}

std::string_view mime_fault_dsn(unsigned bit) {
  const auto* const found = std::ranges::find(kFaults, bit, &FaultInfo::bit);
  return found == std::end(kFaults) ? std::string_view("5.6.0") : found->dsn;
}

class MimeParser::State {
 public:
  explicit State(MimeOptions options) : options_(options) {}

  const std::vector<MimeEvent>& feed(std::string_view text, bool complete) {
    begin();
    if (mid_line_) {
      continuation(text, complete);
    } else {
      line_start(text, complete);
    }
    mid_line_ = !complete;
    return events_;
  }

  const std::vector<MimeEvent>& finish() {
    begin();
    // A last line without its newline is still a line to the encoder.
    if (block_ == Block::body && mid_line_ && encode_) body({}, true);
    if (block_ != Block::body) end_headers(false);
    events_.push_back({.kind = MimeEvent::Kind::end});
    return events_;
  }

  unsigned faults = 0;
  std::optional<MimeFault> first_fault;
  bool has_8bit_header = false;
  bool has_8bit_body = false;
  bool declares_8bit = false;

 private:
  enum class Block { initial, part, nested, body };

  struct Level {
    std::string delimiter;  // "--boundary"
    bool digest;
    TransferEncoding encoding;  // declared of the multipart itself
    std::size_t messages;       // messages_ outside
  };

  void begin() {
    events_.clear();
    kept_.clear();
  }

  void fault(unsigned bit, bool wanted, std::string_view text) {
    if (!wanted) return;
    faults |= bit;
    if (!first_fault) first_fault = MimeFault{.bit = bit, .text = std::string(text.substr(0, kFaultTextMax))};
  }

  // --- lines ---

  void line_start(std::string_view text, bool complete) {
    if (!levels_.empty() && text.starts_with("--") && boundary(text, complete)) return;
    if (block_ == Block::body) return body(text, complete);
    if (!header_.empty() && (text.starts_with(' ') || text.starts_with('\t'))) {
      append_header("\n");
      append_header(text);
      return;
    }
    flush_header();
    if (const auto name = header_name_length(text); name > 0) {
      name_end_ = text.find(':', name) + 1;
      append_header(text);
      return;
    }
    const bool separated = text.empty() && complete;
    if (!separated && block_ == Block::initial) header_end(text);
    end_headers(!separated);
    // What begins behind the separator may be another header block (message/rfc822).
    if (separated) {
      emit_body(text, true);
    } else {
      line_start(text, complete);
    }
  }

  // The initial headers end with this line, which is neither one of them nor empty.
  void header_end(std::string_view text) {
    fault(mime_fault::kHeaderEnd, options_.report_header_end, text);
    if (!options_.mark_header_end) return;
    events_.push_back({.kind = MimeEvent::Kind::header,
                       .scope = HeaderScope::primary,
                       .initial = true,
                       .text = "MIME-Error: message header was terminated by a non-empty line"});
  }

  void continuation(std::string_view text, bool complete) {
    if (in_boundary_) {
      emit_body(text, complete);
    } else if (block_ == Block::body) {
      body(text, complete);
    } else {
      append_header(text);
    }
    if (complete) in_boundary_ = false;
  }

  bool boundary(std::string_view text, bool complete) {
    const auto level = std::find_if(levels_.rbegin(), levels_.rend(),
                                    [text](const Level& l) { return text.starts_with(l.delimiter); });
    if (level == levels_.rend()) return false;
    const auto depth = static_cast<std::size_t>(levels_.rend() - level);
    const bool last = text.substr(level->delimiter.size()).starts_with("--");
    // This may open a level, which the boundary closes at once.
    if (block_ != Block::body) end_headers(false);
    levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(depth), levels_.end());
    const bool digest = levels_.back().digest;
    body_encoding_ = levels_.back().encoding;
    messages_ = levels_.back().messages;
    if (last) levels_.pop_back();
    part_ = {};
    if (!last && digest) {
      part_.type.kind = ContentType::Kind::message;
      part_.type.whole_message = true;
    }
    encode_ = false;
    in_boundary_ = !complete;
    block_ = last ? Block::body : Block::part;
    emit_body(text, complete);
    events_.back().boundary = true;
    return true;
  }

  // --- headers ---

  void append_header(std::string_view text) {
    // Whatever the limit, a header keeps its name.
    const auto limit = std::max(options_.header_limit, name_end_);
    const auto room = limit - std::min(limit, header_.size());
    header_ += text.substr(0, room);
    if (text.size() > room) fault(mime_fault::kTruncated, options_.report_truncation, header_);
  }

  void flush_header() {
    if (header_.empty()) return;
    const auto& whole = kept_.emplace_back(std::exchange(header_, {}));
    const auto field = split_header(whole);
    const auto* const info = field ? find_header(field->name) : nullptr;
    if (is_8bit(whole)) {
      has_8bit_header = true;
      fault(mime_fault::k8bitHeader, options_.report_8bit_header, whole);
    }
    const bool mime = block_ == Block::part || (info != nullptr && info->mime) ||
                      (field && text::istarts_with(field->name, "Content-") && info == nullptr);
    if (info != nullptr && options_.parse_mime && !note_mime_header(*info, field->value)) return;
    const auto other = block_ == Block::initial ? HeaderScope::primary : HeaderScope::nested;
    events_.push_back({.kind = MimeEvent::Kind::header,
                       .scope = mime ? HeaderScope::mime : other,
                       .initial = block_ == Block::initial,
                       .header = info,
                       .text = whole});
  }

  // False: the header is not passed on, because the encoding it declares will not be the part's any more.
  bool note_mime_header(const HeaderInfo& info, std::string_view value) {
    if (info.id == HeaderId::content_type) part_.type = parse_content_type(value);
    if (info.id != HeaderId::content_transfer_encoding) return true;
    part_.encoding = parse_transfer_encoding(value);
    part_.encoding_name = unfold(value.substr(0, kFaultTextMax));
    const bool eight = is_eight(part_.encoding);
    declares_8bit = declares_8bit || eight;
    return !(options_.downgrade && eight);
  }

  // The header block is over; what follows depends on the part's type.
  void end_headers(bool separator_missing) {
    flush_header();
    const bool initial = block_ == Block::initial;
    const Part part = std::exchange(part_, {});
    body_encoding_ = part.encoding;
    encode_ = false;
    block_ = Block::body;
    const bool nested = options_.parse_mime && open_part(part);
    // flush_header() withheld what was declared; the parts of a composite type say for themselves what they are.
    if (options_.downgrade && is_eight(part.encoding)) {
      events_.push_back(
          {.kind = MimeEvent::Kind::header,
           .scope = HeaderScope::mime,
           .initial = initial,
           .header = find_header("Content-Transfer-Encoding"),
           .text = encode_ ? "Content-Transfer-Encoding: quoted-printable" : "Content-Transfer-Encoding: 7bit"});
    }
    if (initial) events_.push_back({.kind = MimeEvent::Kind::headers_end});
    if (initial && separator_missing) emit_body({}, true);
    if (nested) block_ = Block::nested;
  }

  // True when another message's headers follow.
  bool open_part(const Part& part) {
    using Kind = ContentType::Kind;
    const auto& type = part.type;
    const bool composite = type.kind == Kind::multipart || type.kind == Kind::message;
    if (composite && !type.partial && !is_identity(part.encoding)) {
      fault(mime_fault::kEncodingDomain, options_.report_encoding_domain, part.encoding_name);
    }
    if (type.kind == Kind::multipart && !type.boundary.empty()) {
      if (levels_.size() >= options_.nesting_limit) {
        fault(mime_fault::kNesting, options_.report_nesting, type.boundary);
        return false;
      }
      levels_.push_back({.delimiter = "--" + type.boundary.substr(0, options_.boundary_limit),
                         .digest = type.digest,
                         .encoding = part.encoding,
                         .messages = messages_});
      return false;
    }
    // Unlike message/rfc822, message/global may be encoded (RFC 6532 3.7), and what it holds cannot be 7bit otherwise.
    const bool encodes_whole = options_.downgrade && type.global && is_eight(part.encoding);
    if (type.whole_message && is_identity(part.encoding) && !encodes_whole) return nested_message();
    encode_ = options_.downgrade && is_eight(part.encoding);
    return false;
  }

  // Messages in messages count as levels for as long as no boundary ends them.
  bool nested_message() {
    if (levels_.size() + ++messages_ > options_.nesting_limit) {
      fault(mime_fault::kNesting, options_.report_nesting, "message/rfc822");
      return false;
    }
    return true;
  }

  // --- body ---

  void body(std::string_view text, bool complete) {
    if (is_8bit(text)) {
      has_8bit_body = true;
      if (!is_eight(body_encoding_)) {
        fault(mime_fault::k8bitBody, options_.report_8bit_body, text);
      }
    }
    if (!encode_) return emit_body(text, complete);
    encoded_.clear();
    encoder_.encode(text, complete, encoded_);
    for (auto& line : encoded_) emit_body(kept_.emplace_back(std::move(line)), true);
  }

  void emit_body(std::string_view text, bool complete) {
    events_.push_back({.kind = MimeEvent::Kind::body, .text = text, .complete = complete});
  }

  MimeOptions options_;
  std::vector<MimeEvent> events_;
  std::deque<std::string> kept_;  // texts of events_ that were not fed in one piece
  std::vector<std::string> encoded_;
  std::vector<Level> levels_;
  std::size_t messages_ = 0;
  Block block_ = Block::initial;
  Part part_;
  TransferEncoding body_encoding_ = TransferEncoding::seven_bit;
  bool encode_ = false;
  QuotedPrintable encoder_;
  std::string header_;
  std::size_t name_end_ = 0;  // length of the header's name with its colon
  bool mid_line_ = false;
  bool in_boundary_ = false;
};

MimeParser::MimeParser(MimeOptions options) : state_(std::make_unique<State>(options)) {}
MimeParser::~MimeParser() = default;
MimeParser::MimeParser(MimeParser&&) noexcept = default;
MimeParser& MimeParser::operator=(MimeParser&&) noexcept = default;

const std::vector<MimeEvent>& MimeParser::feed(std::string_view text, bool complete) {
  return state_->feed(text, complete);
}
const std::vector<MimeEvent>& MimeParser::finish() { return state_->finish(); }
unsigned MimeParser::faults() const { return state_->faults; }
const std::optional<MimeFault>& MimeParser::first_fault() const { return state_->first_fault; }
bool MimeParser::has_8bit_header() const { return state_->has_8bit_header; }
bool MimeParser::has_8bit_body() const { return state_->has_8bit_body; }
bool MimeParser::declares_8bit() const { return state_->declares_8bit; }

}  // namespace postern::mail
