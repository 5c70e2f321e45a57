// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/trust_anchors.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "tests/unit/world.h"

namespace postern::tls {
namespace {

using Records = std::vector<std::string>;

std::string pem(const std::string& label, std::string_view bytes) {
  return "-----BEGIN " + label + "-----\n" + text::base64(bytes) + "\n-----END " + label + "-----\n";
}

class TrustAnchorsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TrustAnchorsTest);
  CPPUNIT_TEST(certificates_and_keys);
  CPPUNIT_TEST(only_the_certificate_of_a_trusted_one);
  CPPUNIT_TEST(damaged_blocks);
  CPPUNIT_TEST(files);
  CPPUNIT_TEST_SUITE_END();

  void certificates_and_keys() {
    const std::string certificate("\x30\x02\x05\x00", 4);
    const auto records = parse_trust_anchors("Some text\n" + pem("CERTIFICATE", certificate) + "subject=/CN=x\n" +
                                             pem("PRIVATE KEY", "secret") + pem("PUBLIC KEY", "\x30\x01\xff") +
                                             pem("X509 CERTIFICATE", certificate));
    CPPUNIT_ASSERT(records.has_value());
    CPPUNIT_ASSERT(*records == (Records{"2 0 0 30020500", "2 1 0 3001FF", "2 0 0 30020500"}));
    CPPUNIT_ASSERT(parse_trust_anchors("")->empty());
    CPPUNIT_ASSERT(parse_trust_anchors("nothing of ours\n")->empty());
    const std::string dos = text::replace_all(pem("CERTIFICATE", certificate), "\n", "\r\n");
    CPPUNIT_ASSERT(*parse_trust_anchors(dos) == Records{"2 0 0 30020500"});
  }

  void only_the_certificate_of_a_trusted_one() {
    const std::string certificate = std::string("\x30\x82\x01\x00", 4) + std::string(256, 'x');
    const auto records = parse_trust_anchors(pem("TRUSTED CERTIFICATE", certificate + "auxiliary"));
    CPPUNIT_ASSERT(records.has_value());
    CPPUNIT_ASSERT_EQUAL("2 0 0 " + text::hex(certificate, true), records->front());
    // Lengths that point behind the end change nothing: tlsproxy refuses the record.
    for (const std::string_view bytes : {"\x30", "\x30\x84\x01", "\x30\x7f xx", "\x30\xff xx"}) {
      CPPUNIT_ASSERT_EQUAL("2 0 0 " + text::hex(bytes, true), parse_trust_anchors(pem("CERTIFICATE", bytes))->front());
    }
  }

  void damaged_blocks() {
    for (const char* text : {"-----BEGIN CERTIFICATE-----\nMAA=\n", "-----BEGIN CERTIFICATE-----\n-----END KEY-----\n",
                             "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
                             "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"}) {
      CPPUNIT_ASSERT_MESSAGE(text, !parse_trust_anchors(text).has_value());
    }
  }

  void files() {
    const test::TempDir dir;
    const std::string good = dir / "good.pem";
    const std::string empty = dir / "empty.pem";
    const std::string large = dir / "large.pem";
    const std::string missing = dir / "missing.pem";
    CPPUNIT_ASSERT(files::write_atomic(good, pem("CERTIFICATE", "\x30\x01x")).has_value());
    CPPUNIT_ASSERT(files::write_atomic(empty, pem("PRIVATE KEY", "x")).has_value());
    const std::string many(kTrustAnchorLimit, 'x');
    CPPUNIT_ASSERT(files::write_atomic(large, pem("PUBLIC KEY", "\x30\x82\x60\x01" + many)).has_value());
    CPPUNIT_ASSERT(load_trust_anchors({}).value().empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, load_trust_anchors({good, good}).value().size());
    CPPUNIT_ASSERT_EQUAL("error opening trust anchor file: " + missing + ": No such file or directory",
                         load_trust_anchors({good, missing}).error().text);
    CPPUNIT_ASSERT_EQUAL("trust anchor file " + empty + ": no certificate or public key",
                         load_trust_anchors({empty}).error().text);
    CPPUNIT_ASSERT(!load_trust_anchors({large}).has_value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TrustAnchorsTest);

}  // namespace
}  // namespace postern::tls
