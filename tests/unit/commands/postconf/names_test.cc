// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/names.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <string>
#include <vector>

#include "commands/postconf/show.h"

namespace postern::postconf {
namespace {

using Words = std::vector<std::string>;

Files files(std::string_view main_cf, const Words& master_lines) {
  Files out{"main.cf", "master.cf", *config::Config::from_text(main_cf), {}, {}};
  for (const auto& line : master_lines) out.entries.push_back(*config::parse_master_entry(line));
  return out;
}

class NamesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(NamesTest);
  CPPUNIT_TEST(mentioned_names_are_known);
  CPPUNIT_TEST(unused_and_undefined);
  CPPUNIT_TEST(services_have_parameters);
  CPPUNIT_TEST(tables_have_settings);
  CPPUNIT_TEST(overrides);
  CPPUNIT_TEST(deprecated_settings);
  CPPUNIT_TEST(printed_entry);
  CPPUNIT_TEST(folding);
  CPPUNIT_TEST_SUITE_END();

  void mentioned_names_are_known() {
    const auto f =
        files("a = $b\nb = $c\nc = 1\nrca = reject\nsmtpd_restriction_classes = rca\nvirtual_maps = x\n", {});
    const Names names(f);
    CPPUNIT_ASSERT((Words{"b", "c", "rca", "virtual_maps"}) == names.list({Class::user}));
    CPPUNIT_ASSERT((Words{"main.cf: unused parameter: a=$b"}) == names.unused_in_main());
    CPPUNIT_ASSERT(names.find("myhostname") == Class::builtin && !names.find("a"));
  }

  void deprecated_settings() {
    const auto f = files("smtp_use_tls = yes\ntls_low_cipherlist = x\nmyhostname = a.test\n",
                         {"25 inet n - n - - smtpd -o smtpd_enforce_tls=no"});
    CPPUNIT_ASSERT((Words{"main.cf: support for parameter \"smtp_use_tls\" will be removed; instead, specify "
                          "\"smtp_tls_security_level\"",
                          "main.cf: parameter \"tls_low_cipherlist\" is ignored since 3.8",
                          "master.cf: support for parameter \"smtpd_enforce_tls\" will be removed; instead, specify "
                          "\"smtpd_tls_security_level\""}) == Names(f).deprecated());
  }

  void unused_and_undefined() {
    const auto f = files("mydestination = $x ${y?$z} $myhostname\nforward_path = $home\nzz =  1   2\n", {});
    const Names names(f);
    CPPUNIT_ASSERT((Words{"main.cf: undefined parameter: x", "main.cf: undefined parameter: y",
                          "main.cf: undefined parameter: z"}) == names.undefined());
    CPPUNIT_ASSERT((Words{"main.cf: unused parameter: zz=1 2"}) == names.unused_in_main());
  }

  void services_have_parameters() {
    const auto f = files("relay_destination_rate_delay = 1s\nno_destination_rate_delay = 1s\npp_time_limit = 5\n",
                         {"relay unix - - n - - smtp", "smtp inet n - n - - smtpd", "pp unix - n n - - pipe"});
    const Names names(f);
    CPPUNIT_ASSERT(names.find("relay_destination_rate_delay") == Class::service);
    CPPUNIT_ASSERT(names.find("pp_time_limit") == Class::service);
    CPPUNIT_ASSERT(!names.find("relay_time_limit") && !names.find("smtp_destination_rate_delay"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, names.unused_in_main().size());
  }

  void tables_have_settings() {
    const auto f = files(
        "transport_maps = hash:/x, ldap:myl\nrelay_domains = proxy:mysql:your\nmyl_server_host = a\n"
        "your_user = b\nother_user = c\n",
        {});
    const Names names(f);
    CPPUNIT_ASSERT(names.find("myl_server_host") && names.find("your_user") && !names.find("other_user"));
  }

  void overrides() {
    const auto f =
        files("foo = 1\nbar = 2\n", {"smtp inet n - n - - smtpd -o smtpd_banner=$foo$mine -o mine=x -o idle=$nope"});
    const Names names(f);
    CPPUNIT_ASSERT((Words{"foo"}) == names.list({Class::user}));
    CPPUNIT_ASSERT((Words{"master.cf: unused parameter: idle=$nope"}) == names.unused_in_master());
    CPPUNIT_ASSERT((Words{"master.cf: undefined parameter: nope"}) == names.undefined());
  }

  void printed_entry() {
    const auto entry = *config::parse_master_entry("s inet n - n - 5 smtpd -o a=b -o { c = d  e } -v");
    CPPUNIT_ASSERT_EQUAL(
        std::string("s          inet  n       -       n       -       5       smtpd -o a=b -o {c=d  e} -v"),
        entry_text(entry, false));
    CPPUNIT_ASSERT_EQUAL(std::string("s          inet  n       -       n       -       5       smtpd\n    -o a=b\n"
                                     "    -o {c=d  e}\n    -v"),
                         entry_text(entry, true));
    const auto wide = *config::parse_master_entry("bbbbbbbbbbbbbbbbb unix-dgram - - n 10000000 - smtp");
    CPPUNIT_ASSERT_EQUAL(std::string("bbbbbbbbbbbbbbbbb unix-dgram - - n       10000000 -      smtp"),
                         entry_text(wide, false));
  }

  void folding() {
    CPPUNIT_ASSERT_EQUAL(std::string("a b c"), folded("a  b\tc"));
    const auto text = folded(std::string(75, 'x') + " yyyy zzzzz");
    CPPUNIT_ASSERT_EQUAL(std::string(75, 'x') + " yyyy\n    zzzzz", text);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NamesTest);

}  // namespace
}  // namespace postern::postconf
