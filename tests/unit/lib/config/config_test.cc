// SPDX-License-Identifier: Apache-2.0
#include "lib/config/config.h"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "lib/config/host.h"
#include "lib/config/malformed.h"
#include "lib/config/service_view.h"
#include "lib/config/unsupported.h"
#include "pickup/params.h"
#include "smtp/params.h"

namespace postern::config {
namespace {

class ConfigTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ConfigTest);
  CPPUNIT_TEST(defaults_expand);
  CPPUNIT_TEST(compatibility_decides_defaults);
  CPPUNIT_TEST(overrides_win);
  CPPUNIT_TEST(host_defaults);
  CPPUNIT_TEST(circles_end);
  CPPUNIT_TEST(typed_values);
  CPPUNIT_TEST(service_parameters);
  CPPUNIT_TEST(raw_strings);
  CPPUNIT_TEST(own_networks_follow_interfaces);
  CPPUNIT_TEST(each_line_has_its_view);
  CPPUNIT_TEST(registry_is_consistent);
  CPPUNIT_TEST(generated_struct);
  CPPUNIT_TEST(lmtp_dialect_reads_its_own_names);
  CPPUNIT_TEST(missing_file);
  CPPUNIT_TEST(what_has_no_effect_is_found);
  CPPUNIT_TEST(what_no_program_could_use_is_found);
  CPPUNIT_TEST(origin_may_stand_in_a_file);
  CPPUNIT_TEST_SUITE_END();

  static Config config(std::string_view main_cf, Options options = {}) {
    auto c = Config::from_text(main_cf, std::move(options));
    CPPUNIT_ASSERT_MESSAGE(c ? "" : c.error().text, c.has_value());
    return *c;
  }

  static std::string value(std::string_view main_cf, std::string_view name) {
    const auto v = config(main_cf).get(name);
    CPPUNIT_ASSERT_MESSAGE(v ? "" : v.error().text, v.has_value());
    return *v;
  }

  void defaults_expand() {
    CPPUNIT_ASSERT_EQUAL(std::string("mx.a.test, localhost.a.test, localhost"),
                         value("myhostname = mx.a.test", "mydestination"));
    CPPUNIT_ASSERT_EQUAL(std::string("mx.a.test ESMTP Postern"), value("myhostname = mx.a.test", "smtpd_banner"));
    CPPUNIT_ASSERT_EQUAL(std::string("postfix"), value("", "syslog_name"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), value("", "no_such_name"));
    CPPUNIT_ASSERT(value("", "mail_version").starts_with("3.12."));
  }

  void compatibility_decides_defaults() {
    CPPUNIT_ASSERT_EQUAL(std::string("yes"), value("", "append_dot_mydomain"));
    CPPUNIT_ASSERT_EQUAL(std::string("no"), value("compatibility_level = 3.6", "append_dot_mydomain"));
    const auto bad = config("compatibility_level = abc").get_string("compatibility_level");
    CPPUNIT_ASSERT_EQUAL(std::string("malformed compatibility level syntax: \"abc\""), bad.error().text);
  }

  void overrides_win() {
    Options options;
    options.overrides = {"smtpd_banner=$myhostname", "{ myhostname = over.test }", "mp2=zz"};
    const auto c = config("myhostname = mx.a.test\nsmtpd_banner = x\n", options);
    CPPUNIT_ASSERT_EQUAL(std::string("over.test"), *c.get("smtpd_banner"));
    CPPUNIT_ASSERT(c.is_set("mp2") && !c.is_set("mp3"));
    options.overrides = {"novalue"};
    CPPUNIT_ASSERT_EQUAL(std::string("invalid \"-o novalue\" option value: missing '=' after attribute name"),
                         Config::from_text("", options).error().text);
  }

  void host_defaults() {
    CPPUNIT_ASSERT_EQUAL(std::string("b.test"), value("myhostname = a.b.test", "mydomain"));
    CPPUNIT_ASSERT_EQUAL(std::string("localdomain"), value("myhostname = a", "mydomain"));
    const auto name = host_name();
    if (name.find('.') == std::string::npos) {
      CPPUNIT_ASSERT_EQUAL(name + ".c.test", value("mydomain = c.test", "myhostname"));
      CPPUNIT_ASSERT_EQUAL(name + ".localdomain", value("", "myhostname"));
    }
    Options options;
    options.process_name = "smtpd";
    options.service_name = "submission";
    const auto c = *Config::from_text("syslog_name = $process_name/$service_name", options, "/x/etc");
    CPPUNIT_ASSERT_EQUAL(std::string("smtpd/submission"), *c.get("syslog_name"));
    CPPUNIT_ASSERT_EQUAL(std::string("/x/etc"), *c.get("config_directory"));
    CPPUNIT_ASSERT_EQUAL(std::to_string(::getpid()), *c.get("process_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("file /x/etc/main.cf: parameter mydomain: bad parameter value: x y"),
                         Config::from_text("mydomain = x y", {}, "/x/etc")->get_string("mydomain").error().text);
  }

  void circles_end() {
    CPPUNIT_ASSERT(!config("myorigin = x $myorigin").get("myorigin"));
    CPPUNIT_ASSERT(config("mydomain = $myhostname\nmynetworks_style = $mynetworks").get("myhostname").has_value());
    CPPUNIT_ASSERT(!config("mynetworks_style = $mynetworks").get("mynetworks"));
  }

  void typed_values() {
    const auto c = config("max_idle = 2m\nmax_use = 0\nsoft_bounce = maybe\nmail_owner =\nhash_queue_names = a, b");
    CPPUNIT_ASSERT(Duration(std::chrono::seconds(120)) == *c.get_time("max_idle"));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid max_use parameter value 0 < 1"), c.get_int("max_use").error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("bad boolean configuration: soft_bounce = maybe"),
                         c.get_bool("soft_bounce").error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("bad string length 0 < 1: mail_owner = "),
                         c.get_string("mail_owner").error().text);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, c.get_list("hash_queue_names")->size());
    CPPUNIT_ASSERT(Duration(std::chrono::hours(12)) == *c.get_time("address_verify_cache_cleanup_interval"));
  }

  void service_parameters() {
    const auto c = config("default_destination_concurrency_limit = 7\nrelay_destination_concurrency_limit = 3");
    CPPUNIT_ASSERT_EQUAL(3, *c.service_int("relay", "destination_concurrency_limit"));
    CPPUNIT_ASSERT_EQUAL(7, *c.service_int("other", "destination_concurrency_limit"));
    CPPUNIT_ASSERT_EQUAL(2, *c.service_int("local", "destination_concurrency_limit"));
    CPPUNIT_ASSERT_EQUAL(1000, *c.service_int("smtp", "extra_recipient_limit"));
    CPPUNIT_ASSERT(Duration(std::chrono::seconds(1000)) == *c.service_time("maildrop", "time_limit"));
  }

  void raw_strings() {
    CPPUNIT_ASSERT_EQUAL(std::string("$home/.forward${recipient_delimiter}${extension}, $home/.forward"),
                         value("", "forward_path"));
  }

  void own_networks_follow_interfaces() {
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.0/8"),
                         value("inet_interfaces = 127.0.0.1\nmynetworks_style = subnet", "mynetworks"));
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1/32"),
                         value("inet_interfaces = 127.0.0.1\nmynetworks_style = host", "mynetworks"));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown mynetworks mask style value \"foo\" in \"foo\""),
                         config("mynetworks_style = foo").get("mynetworks").error().text);
  }

  void each_line_has_its_view() {
    const auto master_cf = parse_master_cf(
        "smtp inet n - n - - smtpd\nsubmission inet n - n - - smtpd -o smtpd_tls_cert_file=/k/$service_name.pem\n");
    const auto views = service_view(*master_cf, config("smtpd_tls_cert_file = /k/main.pem"));
    CPPUNIT_ASSERT_EQUAL(std::string("/k/main.pem"), *views->at(0).config.get("smtpd_tls_key_file"));
    CPPUNIT_ASSERT_EQUAL(std::string("/k/submission.pem"), *views->at(1).config.get("smtpd_tls_key_file"));
  }

  // Every declared default is a value of its own type and within its own range.
  void registry_is_consistent() {
    const auto c = config("");
    std::string_view last;
    for (const auto& p : parameters()) {
      CPPUNIT_ASSERT_MESSAGE(std::string(p.name), last < p.name);
      last = p.name;
      CPPUNIT_ASSERT(find_parameter(p.name) == &p);
      if (p.default_text.empty() && p.min == 1) continue;  // has to be set before it can be used
      std::string problem;
      const auto note = [&](const auto& r) {
        if (!r) problem = r.error().text;
      };
      switch (p.type) {
        case Type::boolean: note(c.get_bool(p.name)); break;
        case Type::integer: note(c.get_int(p.name)); break;
        case Type::long_integer: note(c.get_long(p.name)); break;
        case Type::time: note(c.get_time(p.name)); break;
        default: note(c.get_string(p.name)); break;
      }
      CPPUNIT_ASSERT_EQUAL_MESSAGE(std::string(p.name), std::string(), problem);
    }
  }

  void generated_struct() {
    const auto params = pickup::Params::load(config("queue_directory = /q\nmax_idle = 5s"));
    CPPUNIT_ASSERT_EQUAL(std::string("/q"), params->queue_directory);
    CPPUNIT_ASSERT(Duration(std::chrono::seconds(5)) == params->max_idle);
    CPPUNIT_ASSERT_EQUAL(std::string("bad numerical configuration: max_use = x"),
                         pickup::Params::load(config("max_use = x\nqueue_directory =")).error().text);
  }

  void lmtp_dialect_reads_its_own_names() {
    const auto c = config(
        "myhostname = h.test\nsmtp_helo_name = s.test\nlmtp_lhlo_name = l.test\n"
        "lmtp_connect_timeout = 9s");
    const auto as_smtp = smtp_client::Params::load(c);
    const auto as_lmtp = smtp_client::Params::load(c, true);
    CPPUNIT_ASSERT(Duration(std::chrono::seconds(30)) == as_smtp->smtp_connect_timeout);
    CPPUNIT_ASSERT(Duration(std::chrono::seconds(9)) == as_lmtp->smtp_connect_timeout);
    CPPUNIT_ASSERT_EQUAL(std::string("s.test"), as_smtp->smtp_helo_name);
    CPPUNIT_ASSERT_EQUAL(std::string("l.test"), as_lmtp->smtp_helo_name);
    CPPUNIT_ASSERT_EQUAL(std::string("$lmtp_tls_cert_file"),
                         std::string(find_parameter("lmtp_tls_key_file")->default_text));
  }

  void missing_file() {
    CPPUNIT_ASSERT_EQUAL(std::string("open /nonexistent/main.cf: No such file or directory"),
                         Config::load("/nonexistent", {}).error().text);
  }

  void what_has_no_effect_is_found() {
    std::string name;
    for (const auto& p : parameters()) {
      const bool plain = p.type == Type::integer && text_is_number(p.default_text) && !p.max;
      if (!p.supported && plain) name = p.name;
    }
    if (name.empty()) return;  // everything has its effect
    const auto master_cf = *parse_master_cf("smtp inet n - n - - smtpd -o " + name + "=98765\n");
    const auto found = unsupported_settings(config(name + " = 98764\nmax_use = 7\nmy_own = 1"), master_cf);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found->size());
    CPPUNIT_ASSERT_EQUAL(name, found->at(0).name);
    CPPUNIT_ASSERT_EQUAL(std::string("main.cf"), found->at(0).service);
    CPPUNIT_ASSERT_EQUAL(std::string("smtp/inet"), found->at(1).service);
    const auto accepted = unsupported_settings(config("postern_accept_unsupported = x, " + name), master_cf);
    CPPUNIT_ASSERT(accepted->empty());
    const auto same = config(name + " = " + std::string(find_parameter(name)->default_text));
    CPPUNIT_ASSERT(unsupported_settings(same, MasterCf{})->empty());
  }

  void origin_may_stand_in_a_file() {
    const std::string path = "/tmp/postern-mailname." + std::to_string(::getpid());
    CPPUNIT_ASSERT(!config("myorigin = " + path).get_string("myorigin"));
    std::ofstream(path) << "example.org \nmore\n";
    CPPUNIT_ASSERT_EQUAL(std::string("example.org"), *config("myorigin = " + path).get_string("myorigin"));
    CPPUNIT_ASSERT_EQUAL(path, *config("myorigin = " + path).get("myorigin"));
    ::unlink(path.c_str());
  }

  void what_no_program_could_use_is_found() {
    const auto master_cf = *parse_master_cf("smtp inet n - n - - smtpd -o smtpd_timeout=5x\n");
    const auto found = malformed_settings(config("soft_bounce = maybe\nmax_use = 7\nline_length_limit = 5\nmine = 5x"
                                                 "\nsmtpd_timeout = ${stress?{10}:{300}}s"),
                                          master_cf);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, found->size());
    CPPUNIT_ASSERT(found->at(0).starts_with("invalid line_length_limit parameter value 5"));
    CPPUNIT_ASSERT_EQUAL(std::string("bad boolean configuration: soft_bounce = maybe"), found->at(1));
    CPPUNIT_ASSERT(found->at(2).starts_with("smtp/inet: parameter smtpd_timeout: bad time value or unit: 5x"));
  }

  static bool text_is_number(std::string_view s) {
    return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigTest);

}  // namespace
}  // namespace postern::config
