// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/openssl.h"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

#include <string>

#include "lib/base/text.h"

namespace postern::postfix {

class OpenSslTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OpenSslTest);
  CPPUNIT_TEST(algorithms);
  CPPUNIT_TEST(output_and_failure);
  CPPUNIT_TEST(much_output_on_both_sides);
  CPPUNIT_TEST(input_that_nobody_reads);
  CPPUNIT_TEST_SUITE_END();

 public:
  void algorithms() {
    const auto of = [](std::string_view hex) {
      return algorithm_of(text::from_hex(hex).value() + std::string(64, 'k'));
    };
    CPPUNIT_ASSERT(of("30820122300D06092A864886F70D01010105000382010F00") == "rsa");
    CPPUNIT_ASSERT(of("3059301306072A8648CE3D020106082A8648CE3D030107034200") == "ecdsa");
    CPPUNIT_ASSERT(of("302A300506032B6570032100").empty());  // Ed25519
    CPPUNIT_ASSERT(algorithm_of("").empty());
    // Only where the algorithm stands, not in the key's own bytes.
    CPPUNIT_ASSERT(algorithm_of(text::from_hex("302A300506032B6570032100").value() + std::string(20, '\0') +
                                text::from_hex("06072A8648CE3D0201").value())
                       .empty());
  }

  void output_and_failure() {
    const auto echoed = OpenSsl("/bin/sh").read({"-c", "cat"}, "input");
    CPPUNIT_ASSERT(echoed && *echoed == "input");
    const auto failed = OpenSsl("/bin/sh").read({"-c", "echo first >&2; echo second >&2; exit 3"});
    CPPUNIT_ASSERT(!failed);
    CPPUNIT_ASSERT_EQUAL(std::string("/bin/sh -c: first"), failed.error().text);
    CPPUNIT_ASSERT_EQUAL(3, failed.error().code);
    const auto missing = OpenSsl("/nonexistent/openssl").read({"version"});
    CPPUNIT_ASSERT(!missing && missing.error().text.find("/nonexistent/openssl") != std::string::npos);
  }

  // Neither pipe may fill while the other one is waited for.
  void much_output_on_both_sides() {
    const auto both = OpenSsl("/bin/sh").read({"-c", "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero"});
    CPPUNIT_ASSERT(both);
    CPPUNIT_ASSERT_EQUAL(std::size_t{300000}, both->size());
  }

  // More than a pipe holds, so that the write meets the end of its reader.
  void input_that_nobody_reads() {
    const auto output = OpenSsl("/bin/sh").read({"-c", "echo done"}, std::string(300000, 'x'));
    CPPUNIT_ASSERT(output && *output == "done\n");
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OpenSslTest);

}  // namespace postern::postfix
