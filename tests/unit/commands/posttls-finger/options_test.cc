// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/options.h"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace postern::posttls_finger {

namespace {

Result<Parsed> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "posttls-finger");
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  opterr = 0;
  optind = 0;  // glibc: begin anew
  return parse_options(static_cast<int>(words.size()), argv.data());
}

std::string error_of(const std::vector<std::string>& words) {
  const auto parsed = parse(words);
  return parsed ? "" : parsed.error().text;
}

class PosttlsFingerOptionsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PosttlsFingerOptionsTest);
  CPPUNIT_TEST(defaults);
  CPPUNIT_TEST(names_of_files_are_absolute);
  CPPUNIT_TEST(log_options);
  CPPUNIT_TEST(bad_values);
  CPPUNIT_TEST(usage);
  CPPUNIT_TEST_SUITE_END();

 public:
  void defaults() {
    const auto parsed = parse({"example.com", "a.example", "b.example"});
    CPPUNIT_ASSERT(parsed && !parsed->usage);
    const Options& options = parsed->options;
    CPPUNIT_ASSERT(options.level == tls::Level::dane && options.family == Family::any && options.chat);
    CPPUNIT_ASSERT(options.log_mask == (logopt::kSummary | logopt::kCertMatch));
    CPPUNIT_ASSERT(!options.reconnect_after && options.reconnects == 5 && options.connect_limit == 30);
    CPPUNIT_ASSERT_EQUAL(std::string("example.com"), options.destination);
    CPPUNIT_ASSERT((options.match == std::vector<std::string>{"a.example", "b.example"}));
  }

  void names_of_files_are_absolute() {
    const auto parsed = parse({"-H", "a.pem, /b.pem", "-H", "c.pem", "-F", "/ca.pem", "-A", "ta.pem", "x"});
    CPPUNIT_ASSERT(parsed);
    const std::string here = std::filesystem::current_path().string();
    CPPUNIT_ASSERT_EQUAL(here + "/a.pem /b.pem " + here + "/c.pem", parsed->options.chain_files);
    CPPUNIT_ASSERT_EQUAL(std::string("/ca.pem"), parsed->options.ca_file);
    CPPUNIT_ASSERT_EQUAL(here + "/ta.pem", parsed->options.trust_anchor_files.front());
    // A key alone stands for the file that holds both.
    CPPUNIT_ASSERT_EQUAL(std::string("/k.pem"), parse({"-K", "/k.pem", "x"})->options.cert_file);
  }

  void log_options() {
    std::vector<std::string> unknown;
    CPPUNIT_ASSERT_EQUAL(LogMask{0}, parse_log_mask("none", unknown));
    CPPUNIT_ASSERT_EQUAL(logopt::kSummary, parse_log_mask("1", unknown));
    CPPUNIT_ASSERT_EQUAL(logopt::kPeerCert | logopt::kUntrusted, parse_log_mask("PeerCert, untrusted", unknown));
    CPPUNIT_ASSERT_EQUAL(parse_log_mask("2", unknown), parse_log_mask("debug", unknown));
    CPPUNIT_ASSERT((parse_log_mask("3", unknown) & logopt::kHandshakeBytes) != 0);
    CPPUNIT_ASSERT((parse_log_mask("3", unknown) & logopt::kSessionBytes) == 0);
    CPPUNIT_ASSERT((parse_log_mask("ssl-developer", unknown) & logopt::kSessionBytes) != 0);
    CPPUNIT_ASSERT(unknown.empty());
    CPPUNIT_ASSERT_EQUAL(logopt::kSummary, parse_log_mask("bogus,summary", unknown));
    CPPUNIT_ASSERT(unknown == std::vector<std::string>{"bogus"});
  }

  void bad_values() {
    CPPUNIT_ASSERT_EQUAL(std::string("bad '-t' option value: x"), error_of({"-t", "x", "d"}));
    CPPUNIT_ASSERT_EQUAL(std::string("bad '-T' option value: 0"), error_of({"-T", "0", "d"}));
    CPPUNIT_ASSERT_EQUAL(std::string("bad '-r' option value: 99999999"), error_of({"-r", "99999999", "d"}));
    CPPUNIT_ASSERT_EQUAL(std::string("bad '-a' option value: ipx"), error_of({"-a", "ipx", "d"}));
    CPPUNIT_ASSERT_EQUAL(std::string("Invalid TLS level \"half-dane\""), error_of({"-l", "half-dane", "d"}));
    CPPUNIT_ASSERT(!error_of({"-H", "a", "-K", "b", "d"}).empty());
    CPPUNIT_ASSERT(!error_of({"-w", "-l", "none", "d"}).empty());
    CPPUNIT_ASSERT(!error_of({"-X", "-C", "d"}).empty());
    CPPUNIT_ASSERT(!error_of({"-x", "d"}).empty());
    // No reconnecting is what 0 says.
    CPPUNIT_ASSERT(!parse({"-r", "0", "d"})->options.reconnect_after);
  }

  void usage() {
    CPPUNIT_ASSERT(parse({})->usage);
    CPPUNIT_ASSERT(parse({"-q", "d"})->usage);
    CPPUNIT_ASSERT(parse({"-o", "novalue", "d"})->usage);
    CPPUNIT_ASSERT(parse({"-t"})->usage);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(PosttlsFingerOptionsTest);

}  // namespace

}  // namespace postern::posttls_finger
