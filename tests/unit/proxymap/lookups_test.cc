// SPDX-License-Identifier: Apache-2.0
#include <cppunit/extensions/HelperMacros.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "lib/base/files.h"
#include "lib/config/master_cf.h"
#include "proxymap/allowed.h"
#include "proxymap/server.h"

namespace postern::proxymap {

using service::ProxyLookup;
using service::ProxyLookupReply;
using service::ProxyStatus;

namespace {

std::string joined(const std::set<std::string>& list) {
  std::string out;
  for (const auto& item : list) out += item + "|";
  return out;
}

async::Task<> ask_into(Lookups* lookups, ProxyLookup request, ProxyLookupReply* out) {
  Result<ProxyLookupReply> reply = co_await lookups->lookup(std::move(request));
  *out = reply.value();
}

}  // namespace

class LookupsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LookupsTest);
  CPPUNIT_TEST(tables_that_a_list_names);
  CPPUNIT_TEST(tables_that_a_text_implies);
  CPPUNIT_TEST(tables_of_all_services);
  CPPUNIT_TEST(only_allowed_tables);
  CPPUNIT_TEST(users_of_the_system);
  CPPUNIT_TEST(parts_that_block_make_the_whole_block);
  CPPUNIT_TEST(keys_are_folded_as_the_client_says);
  CPPUNIT_TEST(networked_types_are_named);
  CPPUNIT_TEST(a_table_that_cannot_be_opened);
  CPPUNIT_TEST(many_lookups_at_a_time);
  CPPUNIT_TEST(a_part_that_changed_and_is_gone_retires_the_worker);
  CPPUNIT_TEST_SUITE_END();

  async::Loop loop_;
  std::vector<std::string> log_;
  int retired_ = 0;

  ProxyLookupReply ask(Lookups& lookups, const std::string& table, const std::string& key, bool fold = true) {
    ProxyLookupReply reply;
    const auto id = loop_.spawn(ask_into(&lookups, {table, key, fold, false}, &reply));
    while (loop_.running(id)) loop_.run_once();
    return reply;
  }
  [[nodiscard]] bool logged(const std::string& text) const {
    return std::ranges::any_of(log_, [&](const auto& line) { return line.find(text) != std::string::npos; });
  }
  std::unique_ptr<Lookups> make(const std::set<std::string>& listed, const std::set<std::string>& implied = {}) {
    auto out = std::make_unique<Lookups>(loop_, TableOptions{}, [this] { ++retired_; });
    out->allow(listed, implied);
    return out;
  }
  static std::string me() { return ::getpwuid(::geteuid())->pw_name; }

 public:
  void setUp() override {
    log_.clear();
    retired_ = 0;
    log::set_sink([this](log::Level, std::string_view line) { log_.emplace_back(line); });
  }
  void tearDown() override { log::set_sink(nullptr); }

  void tables_that_a_list_names() {
    CPPUNIT_ASSERT_EQUAL(std::string("mysql:/etc/a.cf|pipemap:{unix:x, hash:/y}|unix:passwd.byname|"),
                         joined(proxied_tables("hash:/etc/x proxy:unix:passwd.byname, proxy:mysql:/etc/a.cf "
                                               "proxy:pipemap:{unix:x, hash:/y} example.com")
                                    .value()));
    CPPUNIT_ASSERT(!proxied_tables("proxy:pipemap:{unix:x"));
  }
  void tables_that_a_text_implies() {
    table::Registry registry;
    table::register_builtin_tables(registry);
    CPPUNIT_ASSERT_EQUAL(
        std::string("pipemap:{inline:{a=b},unix:group.byname}|unix:group.byname|unix:passwd.byname|"),
        joined(remote_tables("check_recipient_access unix:passwd.byname, { check_sender_access !unix:group.byname, "
                             "{ default_action=DUNNO } } pipemap:{inline:{a=b},unix:group.byname} hash:/etc/x "
                             "proxy:unix:other unix:/run/milter.sock reject",
                             registry)));
  }
  void tables_of_all_services() {
    const auto main_cf = config::Config::from_text("mine = unix:passwd.byname\nlocal_recipient_maps = proxy:unix:x\n");
    const auto master_cf =
        config::parse_master_cf("smtp inet n - n - - smtpd\n -o smtpd_sender_login_maps=$mine,unix:group.byname\n");
    const auto views = config::service_view(*master_cf, *main_cf);
    table::Registry registry;
    table::register_builtin_tables(registry);
    CPPUNIT_ASSERT_EQUAL(std::string("unix:group.byname|unix:passwd.byname|"),
                         joined(remote_tables_of(*main_cf, *views, registry).value()));
  }
  void only_allowed_tables() {
    const auto lookups = make({"inline:{ {a=b} }"});
    CPPUNIT_ASSERT(ask(*lookups, "inline:{ {a=b} }", "a").status == ProxyStatus::ok);
    CPPUNIT_ASSERT(ask(*lookups, "inline:{ {a=c} }", "a").status == ProxyStatus::deny);
    CPPUNIT_ASSERT(logged("request for unapproved table: \"inline:{ {a=c} }\""));
  }
  void users_of_the_system() {
    const auto lookups = make({}, {"unix:passwd.byname", "unix:nonsense"});
    const auto found = ask(*lookups, "unix:passwd.byname", me());
    CPPUNIT_ASSERT(found.status == ProxyStatus::ok);
    CPPUNIT_ASSERT(found.value.starts_with(me() + ":"));
    CPPUNIT_ASSERT(ask(*lookups, "unix:passwd.byname", "nobody-has-this-name").status == ProxyStatus::no_key);
    CPPUNIT_ASSERT(ask(*lookups, "unix:nonsense", "x").status == ProxyStatus::deny);
  }
  void parts_that_block_make_the_whole_block() {
    const std::string spec = "pipemap:{inline:{ {x=" + me() + "} },unix:passwd.byname}";
    const auto lookups = make({spec});
    CPPUNIT_ASSERT(ask(*lookups, spec, "x").value.starts_with(me() + ":"));
  }
  void keys_are_folded_as_the_client_says() {
    const auto lookups = make({"inline:{ {a=b} }"});
    CPPUNIT_ASSERT(ask(*lookups, "inline:{ {a=b} }", "A", true).status == ProxyStatus::ok);
    CPPUNIT_ASSERT(ask(*lookups, "inline:{ {a=b} }", "A", false).status == ProxyStatus::no_key);
  }
  void networked_types_are_named() {
    const auto lookups = make({"ldap:/etc/users.cf"});
    CPPUNIT_ASSERT(logged("table type ldap is not supported by this version: ldap:/etc/users.cf"));
    CPPUNIT_ASSERT(ask(*lookups, "ldap:/etc/users.cf", "a").status == ProxyStatus::config);
  }
  void a_table_that_cannot_be_opened() {
    const auto lookups = make({"texthash:/no/such/file"});
    CPPUNIT_ASSERT(ask(*lookups, "texthash:/no/such/file", "a").status == ProxyStatus::retry);
  }
  void many_lookups_at_a_time() {
    const auto lookups = make({"unix:passwd.byname"});
    std::vector<ProxyLookupReply> replies(500);
    for (auto& reply : replies) {
      reply.status = ProxyStatus::bad;
      loop_.spawn(ask_into(lookups.get(), {"unix:passwd.byname", me(), true, false}, &reply));
    }
    while (loop_.task_count() > 0) loop_.run_once();
    for (const auto& reply : replies) CPPUNIT_ASSERT(reply.status == ProxyStatus::ok);
  }
  void a_part_that_changed_and_is_gone_retires_the_worker() {
    std::string name = "/tmp/proxymap-test-XXXXXX";
    ::close(::mkstemp(name.data()));
    CPPUNIT_ASSERT(files::write_atomic(name, "x " + me() + "\n"));
    std::filesystem::last_write_time(name, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    const std::string spec = "pipemap:{texthash:" + name + ",unix:passwd.byname}";
    const auto lookups = make({spec});
    CPPUNIT_ASSERT(ask(*lookups, spec, "x").status == ProxyStatus::ok);
    // The new version is no table any more.
    CPPUNIT_ASSERT(files::write_atomic(name, ""));
    std::filesystem::remove(name);
    std::filesystem::create_directory(name);
    CPPUNIT_ASSERT(ask(*lookups, spec, "x").status == ProxyStatus::retry);
    CPPUNIT_ASSERT_EQUAL(1, retired_);
    std::filesystem::remove(name);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LookupsTest);

}  // namespace postern::proxymap
