// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/keywords.h"

#include <cppunit/extensions/HelperMacros.h>

#include <array>

namespace postern::tls {
namespace {

constexpr std::array kLevels{Level::none,   Level::may,    Level::encrypt,   Level::dane,       Level::dane_only,
                             Level::secure, Level::verify, Level::half_dane, Level::fingerprint};

class KeywordsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(KeywordsTest);
  CPPUNIT_TEST(ten_keywords);
  CPPUNIT_TEST(narrow_words_override_broad_ones);
  CPPUNIT_TEST(contradictions);
  CPPUNIT_TEST(switching);
  CPPUNIT_TEST(separators_and_case);
  CPPUNIT_TEST(agreement_with_levels);
  CPPUNIT_TEST(levels_of_destinations);
  CPPUNIT_TEST_SUITE_END();

  static void expect(std::string_view text, std::optional<Level> server, std::optional<Level> client,
                     std::string_view to = "") {
    const auto keywords = parse_channel_keywords(text);
    CPPUNIT_ASSERT_MESSAGE(std::string(text), keywords.has_value());
    CPPUNIT_ASSERT_MESSAGE(std::string(text), keywords->server == server);
    CPPUNIT_ASSERT_MESSAGE(std::string(text), keywords->client == client);
    CPPUNIT_ASSERT_EQUAL(std::string(to), keywords->switch_to);
  }

  static void expect_error(std::string_view text, const std::string& error) {
    const auto keywords = parse_channel_keywords(text);
    CPPUNIT_ASSERT_MESSAGE(std::string(text), !keywords.has_value());
    CPPUNIT_ASSERT_EQUAL(error, keywords.error().text);
  }

  void ten_keywords() {
    expect("", std::nullopt, std::nullopt);
    expect("notls", Level::none, Level::none);
    expect("maytls", Level::may, Level::may);
    expect("musttls", Level::encrypt, Level::encrypt);
    expect("notlsserver", Level::none, std::nullopt);
    expect("maytlsserver", Level::may, std::nullopt);
    expect("musttlsserver", Level::encrypt, std::nullopt);
    expect("notlsclient", std::nullopt, Level::none);
    expect("maytlsclient", std::nullopt, Level::may);
    expect("musttlsclient", std::nullopt, Level::encrypt);
    expect("tlsswitchchannel submission", std::nullopt, std::nullopt, "submission");
  }

  void narrow_words_override_broad_ones() {
    expect("notls musttlsclient", Level::none, Level::encrypt);
    expect("musttls maytlsserver", Level::may, Level::encrypt);
    expect("maytls notlsserver musttlsclient", Level::none, Level::encrypt);
    // A broad word that agrees changes nothing.
    expect("musttlsclient musttls", Level::encrypt, Level::encrypt);
    expect("maytls maytls maytlsserver", Level::may, Level::may);
    expect("maytlsserver maytls notlsclient", Level::may, Level::none);
  }

  void contradictions() {
    expect_error("maytlsserver musttlsserver", "maytlsserver and musttlsserver contradict each other");
    expect_error("notls maytls", "notls and maytls contradict each other");
    expect_error("musttls notlsclient maytlsclient", "notlsclient and maytlsclient contradict each other");
    // The broad word is later and would undo the narrow one.
    expect_error("musttlsclient notls", "musttlsclient and notls contradict each other");
    // Even when it was overridden and then repeated by a broad word of the overridden kind.
    expect_error("maytls musttlsserver maytls", "musttlsserver and maytls contradict each other");
    expect_error("maytls sometls", "unknown keyword \"sometls\"");
    expect_error("maytlsservers", "unknown keyword \"maytlsservers\"");
  }

  void switching() {
    expect("maytls tlsswitchchannel secure", Level::may, Level::may, "secure");
    expect("tlsswitchchannel a tlsswitchchannel a", std::nullopt, std::nullopt, "a");
    expect("tlsswitchchannel 127.0.0.1:2525 musttlsserver", Level::encrypt, std::nullopt, "127.0.0.1:2525");
    const std::string nameless = "tlsswitchchannel needs the name of a service";
    expect_error("maytls tlsswitchchannel", nameless);
    expect_error("tlsswitchchannel musttls", nameless);
    expect_error("tlsswitchchannel tlsswitchchannel x", nameless);
    expect_error("tlsswitchchannel a tlsswitchchannel b",
                 "tlsswitchchannel a and tlsswitchchannel b contradict each other");
    expect_error("notls tlsswitchchannel a", "notls and tlsswitchchannel a contradict each other");
    expect_error("tlsswitchchannel a notlsserver", "notlsserver and tlsswitchchannel a contradict each other");
    expect("notls maytlsserver tlsswitchchannel a", Level::may, Level::none, "a");
  }

  void separators_and_case() {
    expect(" MayTLS,\tMUSTTLSclient ,TLSSwitchChannel Secure\n", Level::may, Level::encrypt, "Secure");
  }

  void agreement_with_levels() {
    for (const Level level : kLevels) {
      CPPUNIT_ASSERT_EQUAL(level == Level::none, agrees(Level::none, level));
      CPPUNIT_ASSERT_EQUAL(level == Level::may || level == Level::dane, agrees(Level::may, level));
      CPPUNIT_ASSERT_EQUAL(mandatory(level) && level != Level::dane, agrees(Level::encrypt, level));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("maytlsserver"), keyword_name(Level::may, "server"));
  }

  void levels_of_destinations() {
    for (const Level level : kLevels) {
      CPPUNIT_ASSERT(*limited_level({}, level) == level);
      CPPUNIT_ASSERT(*limited_level({.server = Level::encrypt, .client = {}, .switch_to = {}}, level) == level);
      const auto no = limited_level({.server = {}, .client = Level::none, .switch_to = {}}, level);
      CPPUNIT_ASSERT_EQUAL(level == Level::none || level == Level::may, no.has_value());
      if (no) CPPUNIT_ASSERT(*no == Level::none);
      CPPUNIT_ASSERT(*limited_level({.server = {}, .client = Level::may, .switch_to = {}}, level) == level);
      const auto must = limited_level({.server = {}, .client = Level::encrypt, .switch_to = {}}, level);
      CPPUNIT_ASSERT(mandatory(*must));
      CPPUNIT_ASSERT_EQUAL(mandatory(level), *must == level && level != Level::none);
    }
    const auto refused = limited_level({.server = {}, .client = Level::none, .switch_to = {}}, Level::verify);
    CPPUNIT_ASSERT_EQUAL(std::string("level verify of the destination and notlsclient of the transport"),
                         refused.error().text);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(KeywordsTest);

}  // namespace
}  // namespace postern::tls
