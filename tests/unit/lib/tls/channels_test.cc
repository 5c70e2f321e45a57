// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/channels.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::tls {
namespace {

config::MasterCf master(const std::string& text) {
  auto parsed = config::parse_master_cf(text);
  CPPUNIT_ASSERT_MESSAGE(parsed ? "" : parsed.error().text, parsed.has_value());
  return std::move(*parsed);
}

std::string problems(const std::string& master_cf, const std::string& main_cf = "") {
  const auto config = config::Config::from_text(main_cf);
  CPPUNIT_ASSERT(config.has_value());
  const auto found = channel_problems(master(master_cf), *config);
  CPPUNIT_ASSERT(found.has_value());
  std::string out;
  for (const auto& text : *found) out += text + "\n";
  return out;
}

config::Config service(const std::string& name, const std::string& main_cf) {
  auto config = config::Config::from_text(main_cf, {.process_name = "smtpd", .service_name = name, .overrides = {}});
  CPPUNIT_ASSERT(config.has_value());
  return std::move(*config);
}

class ChannelsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ChannelsTest);
  CPPUNIT_TEST(a_line_of_main_cf_is_for_one_channel);
  CPPUNIT_TEST(levels_must_agree);
  CPPUNIT_TEST(problems_name_the_service);
  CPPUNIT_TEST(targets);
  CPPUNIT_TEST_SUITE_END();

  void a_line_of_main_cf_is_for_one_channel() {
    const std::string main_cf = "channel_keywords = notls\nsmtp_channel_keywords = maytls musttlsclient\n";
    CPPUNIT_ASSERT(*service_server_level(service("smtp", main_cf)) == Level::may);
    CPPUNIT_ASSERT(*service_client_level(service("smtp", main_cf), "smtp_", Level::may) == Level::encrypt);
    CPPUNIT_ASSERT(*service_server_level(service("submission", main_cf)) == Level::none);
    // What nothing sets stays what the level parameters say.
    CPPUNIT_ASSERT(*service_server_level(service("smtp", "")) == Level::none);
    CPPUNIT_ASSERT(*service_server_level(service("smtp", "smtpd_tls_security_level = may")) == Level::may);
    CPPUNIT_ASSERT(*service_client_level(service("smtp", ""), "smtp_", Level::may) == Level::may);
    CPPUNIT_ASSERT(*service_server_level(service("smtp",
                                                 "channel_keywords = maytlsserver\n"
                                                 "smtpd_tls_wrappermode = yes")) == Level::encrypt);
  }

  void levels_must_agree() {
    const auto server = [](const std::string& main_cf) { return service_server_level(service("smtp", main_cf)); };
    CPPUNIT_ASSERT(*server("channel_keywords = musttls\nsmtpd_tls_security_level = encrypt") == Level::encrypt);
    CPPUNIT_ASSERT(!server("channel_keywords = musttls\nsmtpd_tls_security_level = may"));
    CPPUNIT_ASSERT(!server("channel_keywords = maytls\nsmtpd_tls_security_level = encrypt"));
    CPPUNIT_ASSERT(!server("channel_keywords = notls\nsmtpd_use_tls = yes"));
    CPPUNIT_ASSERT(!server("channel_keywords = notls\nsmtpd_tls_wrappermode = yes"));
    // An empty level says nothing; neither does a keyword for the other half.
    CPPUNIT_ASSERT(*server("channel_keywords = musttls\nsmtpd_tls_security_level =") == Level::encrypt);
    CPPUNIT_ASSERT(*server("channel_keywords = musttlsclient\nsmtpd_tls_security_level = may") == Level::may);
    CPPUNIT_ASSERT_EQUAL(std::string("channel_keywords: maytlsserver contradicts smtpd_tls_security_level (encrypt)"),
                         server("channel_keywords = maytls\nsmtpd_tls_security_level = encrypt").error().text);
    const auto client = [](const std::string& main_cf, Level level) {
      return service_client_level(service("smtp", main_cf), "smtp_", level);
    };
    // The level that is set says more precisely what the keyword means.
    CPPUNIT_ASSERT(*client("channel_keywords = musttls\nsmtp_tls_security_level = secure", Level::secure) ==
                   Level::secure);
    CPPUNIT_ASSERT(*client("channel_keywords = maytls\nsmtp_tls_security_level = dane", Level::dane) == Level::dane);
    CPPUNIT_ASSERT(!client("channel_keywords = maytls\nsmtp_tls_security_level = secure", Level::secure));
    CPPUNIT_ASSERT(!client("channel_keywords = notls\nsmtp_tls_security_level = may", Level::may));
  }

  void problems_name_the_service() {
    const std::string lines =
        "smtp inet n - n - - smtpd -o channel_keywords=maytlsserver,musttlsserver\n"
        "587 inet n - n - - smtpd -o channel_keywords=notls -o smtpd_tls_security_level=may\n"
        "smtp unix - - n - - smtp -o channel_keywords=sometls\n"
        "local unix - n n - - local -o channel_keywords=notls\n";
    CPPUNIT_ASSERT_EQUAL(
        std::string("smtp/inet: channel_keywords: maytlsserver and musttlsserver contradict each other\n"
                    "587/inet: channel_keywords: notlsserver contradicts smtpd_tls_security_level (may)\n"
                    "smtp/unix: channel_keywords: unknown keyword \"sometls\"\n"
                    "local/unix: channel_keywords: local is none of smtpd, smtp and lmtp\n"),
        problems(lines));
    CPPUNIT_ASSERT_EQUAL(
        std::string("smtp/inet: smtp_channel_keywords: notls and maytls contradict each other\n"
                    "main.cf: smpt_channel_keywords: there is no such service of smtpd, smtp or lmtp\n"),
        problems("smtp inet n - n - - smtpd\n", "smtp_channel_keywords = notls maytls\nsmpt_channel_keywords = notls"));
    CPPUNIT_ASSERT_EQUAL(std::string(), problems("smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\n",
                                                 "smtp_channel_keywords = musttls"));
  }

  void targets() {
    const std::string lines =
        "25 inet n - n - - smtpd -o { channel_keywords = maytlsserver tlsswitchchannel secure }\n"
        "secure inet n - n - 5 smtpd\n";
    CPPUNIT_ASSERT_EQUAL(std::string(), problems(lines));
    const auto main_cf = config::Config::from_text("");
    CPPUNIT_ASSERT(switch_targets(master(lines), *main_cf) == std::set<std::string>{"secure"});
    CPPUNIT_ASSERT_EQUAL(std::string("private/tlsswitch.secure"), switch_socket("secure"));
    const auto one = [](const std::string& target, const std::string& more) {
      return problems("25 inet n - n - - smtpd -o { channel_keywords = maytls tlsswitchchannel " + target + " }\n" +
                      more);
    };
    const std::string start = "25/inet: channel_keywords: tlsswitchchannel ";
    CPPUNIT_ASSERT_EQUAL(start + "x: there is no such service\n", one("x", ""));
    CPPUNIT_ASSERT_EQUAL(start + "x: this service is not smtpd\n", one("x", "x unix - - n - - smtp\n"));
    CPPUNIT_ASSERT_EQUAL(start + "25: that is this service itself\n", one("25", ""));
    CPPUNIT_ASSERT_EQUAL(start + "x: more than one smtpd service has this name\n",
                         one("x", "x inet n - n - - smtpd\nx pass - - n - - smtpd\n"));
    CPPUNIT_ASSERT_EQUAL(
        start + "x: that service switches, too (to y)\n",
        one("x",
            "x inet n - n - - smtpd -o { channel_keywords = maytls tlsswitchchannel y }\ny pass - - n - - smtpd\n"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("25/inet: channel_keywords: tlsswitchchannel x: this service has no TLS\n"),
        problems("25 inet n - n - - smtpd -o { channel_keywords = tlsswitchchannel x }\nx pass - - n - - smtpd\n"));
    CPPUNIT_ASSERT_EQUAL(std::string(), one("x", "x inet n - n - - smtpd\nx unix - - n - - smtp\n"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ChannelsTest);

}  // namespace
}  // namespace postern::tls
