// SPDX-License-Identifier: Apache-2.0
#include "master/plan.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>

#include "lib/base/text.h"

namespace postern::master {

namespace {

using namespace std::string_literals;

Settings settings(std::string_view main_cf = "") {
  const auto config = config::Config::from_text(main_cf);
  CPPUNIT_ASSERT(config.has_value());
  auto s = load_settings(*config);
  CPPUNIT_ASSERT_MESSAGE(s ? "" : s.error().text, s.has_value());
  return *s;
}

Plan plan(std::string_view master_cf, const Settings& s, std::string_view missing = "") {
  const auto parsed = config::parse_master_cf(master_cf);
  CPPUNIT_ASSERT_MESSAGE(parsed ? "" : parsed.error().text, parsed.has_value());
  auto made =
      make_plan(*parsed, s, [missing](const std::string& path) { return missing.empty() || !path.ends_with(missing); });
  CPPUNIT_ASSERT(made.has_value());
  return *made;
}

const ServicePlan& find(const Plan& plan, std::string_view endpoint) {
  const auto found =
      std::ranges::find_if(plan.services, [endpoint](const auto& s) { return s.endpoint() == endpoint; });
  CPPUNIT_ASSERT_MESSAGE(std::string(endpoint), found != plan.services.end());
  return *found;
}

std::string arguments(const ServicePlan& plan, const Settings& settings, const WorkerStart& start) {
  return text::join(worker_arguments(plan, settings, start), "|");
}

}  // namespace

class PlanTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PlanTest);
  CPPUNIT_TEST(kinds_and_limits);
  CPPUNIT_TEST(default_process_limit_replaces_session_limits_only_when_set);
  CPPUNIT_TEST(built_in_services_fill_the_gaps);
  CPPUNIT_TEST(missing_program_is_named_and_left_out);
  CPPUNIT_TEST(worker_gets_its_arguments_in_order);
  CPPUNIT_TEST(ordinary_user_drops_nothing);
  CPPUNIT_TEST(old_compatibility_level_means_chroot);
  CPPUNIT_TEST(service_disable);
  CPPUNIT_TEST(descriptors_bound_the_sessions);
  CPPUNIT_TEST(sockets_for_sessions_of_other_services);
  CPPUNIT_TEST_SUITE_END();

 public:
  void kinds_and_limits() {
    const auto s = settings();
    const auto p = plan(
        "25 inet n - n - - smtpd\n"
        "26 inet n - n - 7 smtpd\n"
        "cleanup unix n - n - 0 cleanup\n"
        "smtp unix - - n - - smtp\n"
        "local unix - n n - - local\n"
        "showq unix n n n - - showq\n"
        "qmgr unix n - n 300 9 qmgr\n"
        "proxywrite unix - - n - - proxymap\n"
        "mine unix - - n - 3 mine\n",
        s);
    const auto check = [&p](std::string_view name, Kind kind, bool one_per_process, int limit) {
      const auto& service = find(p, name);
      CPPUNIT_ASSERT_MESSAGE(std::string(name), service.kind == kind);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(std::string(name), one_per_process, service.one_per_process);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(std::string(name), limit, service.limit);
    };
    check("25", Kind::session, false, 10000);
    check("26", Kind::session, true, 7);
    check("public/cleanup", Kind::session, false, 0);
    check("private/smtp", Kind::session, false, 1000);
    check("private/local", Kind::isolated, true, 100);
    check("public/showq", Kind::isolated, true, 100);
    check("public/qmgr", Kind::single, false, 1);
    check("private/proxywrite", Kind::single, false, 1);
    check("private/mine", Kind::isolated, true, 3);
  }

  void default_process_limit_replaces_session_limits_only_when_set() {
    const auto s = settings("default_process_limit = 20\n");
    const auto p = plan("25 inet n - n - - smtpd\nlocal unix - n n - - local\n", s);
    CPPUNIT_ASSERT_EQUAL(20, find(p, "25").limit);
    CPPUNIT_ASSERT(!find(p, "25").one_per_process);
    CPPUNIT_ASSERT_EQUAL(20, find(p, "private/local").limit);
  }

  void built_in_services_fill_the_gaps() {
    const auto p = plan("anvil unix - - n - 1 myanvil\n", settings("maillog_file = /var/log/x\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("/usr/libexec/postfix/myanvil"), find(p, "private/anvil").path);
    CPPUNIT_ASSERT_EQUAL(std::string("/usr/libexec/postfix/tlsproxy"), find(p, "private/tlsproxy").path);
    CPPUNIT_ASSERT_EQUAL(std::string("/usr/libexec/postfix/postlogd"), find(p, "public/postlog").path);
    const auto quiet = plan("", settings());
    CPPUNIT_ASSERT(
        std::ranges::none_of(quiet.services, [](const auto& s) { return s.endpoint() == "public/postlog"; }));
  }

  void missing_program_is_named_and_left_out() {
    const auto p = plan("cyrus unix - n n - - pipe user=x\n", settings(), "/pipe");
    CPPUNIT_ASSERT(std::ranges::none_of(p.services, [](const auto& s) { return s.entry.service == "cyrus"; }));
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            "service \"cyrus\" (private/cyrus) is not available: there is no program /usr/libexec/postfix/pipe"),
        p.missing.back());
  }

  void worker_gets_its_arguments_in_order() {
    auto s = settings();
    const auto p =
        plan("sub inet n - y - 5 smtpd -o a=b -o { smtpd_banner = x y }\ncleanup unix n n n - 0 cleanup\n", s);
    CPPUNIT_ASSERT_EQUAL(
        std::string("smtpd|-n|sub|-t|inet|-u|-c|-o|stress=yes|-s|2|-L|1|-o|a=b|-o|smtpd_banner = x y"),
        arguments(find(p, "sub"), s, {.session_limit = 1, .knows_stress = true, .stress = true, .sockets = 2}));
    s.detached = false;
    s.verbose = 2;
    CPPUNIT_ASSERT_EQUAL(std::string("cleanup|-z|-t|unix|-d|-v|-v|-L|1"),
                         arguments(find(p, "public/cleanup"), s, {.session_limit = 1}));
  }

  void ordinary_user_drops_nothing() {
    auto s = settings();
    s.rootless = true;
    const auto p = plan("25 inet n - y - - smtpd\n", s);
    CPPUNIT_ASSERT_EQUAL(std::string("smtpd|-n|25|-t|inet|-L|9"), arguments(find(p, "25"), s, {.session_limit = 9}));
  }

  void old_compatibility_level_means_chroot() {
    for (const auto& [main_cf, chroot] : {std::pair{"", true}, std::pair{"compatibility_level = 3.6\n", false}}) {
      const auto s = settings(main_cf);
      const auto p = plan("25 inet n - - - - smtpd\n", s);
      const auto argv = worker_arguments(find(p, "25"), s, {});
      CPPUNIT_ASSERT_EQUAL(chroot, std::ranges::find(argv, "-c") != argv.end());
    }
  }

  void service_disable() {
    const auto entry = config::parse_master_entry("25 inet n - n - - smtpd");
    CPPUNIT_ASSERT(entry.has_value());
    CPPUNIT_ASSERT(is_disabled("inet", *entry));
    CPPUNIT_ASSERT(is_disabled("25/inet", *entry));
    CPPUNIT_ASSERT(is_disabled("all", *entry));
    CPPUNIT_ASSERT(!is_disabled("!25/inet, inet", *entry));
    CPPUNIT_ASSERT(!is_disabled("unix, 26/inet", *entry));
    CPPUNIT_ASSERT(!is_disabled("", *entry));
  }

  void sockets_for_sessions_of_other_services() {
    const Settings s = settings();
    Plan p = plan("inside pass - - n - - smtpd\ninside inet n - n - - smtpd\nx unix - - n - - smtp\n", s);
    add_switch_sockets(p, {"x"});
    CPPUNIT_ASSERT_EQUAL(""s, find(p, "private/x").switch_socket);
    add_switch_sockets(p, {"inside"});
    CPPUNIT_ASSERT_EQUAL("private/tlsswitch.inside"s, find(p, "private/inside").switch_socket);
  }

  void descriptors_bound_the_sessions() {
    CPPUNIT_ASSERT_EQUAL(8192, sessions_for_descriptors(8192, 1 << 20));
    CPPUNIT_ASSERT_EQUAL(224, sessions_for_descriptors(8192, 1024));
    CPPUNIT_ASSERT(sessions_for_descriptors(8192, 64) >= 1);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PlanTest);

}  // namespace postern::master
