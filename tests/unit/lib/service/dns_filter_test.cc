// SPDX-License-Identifier: Apache-2.0
#include "lib/service/dns_filter.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/files.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::service {

namespace {

async::Task<> apply(const DnsFilter* filter, dns::Answer* answer, std::string* error) {
  const Result<> kept = co_await filter->apply(answer);
  *error = kept ? "" : kept.error().text;
}

}  // namespace

class DnsFilterTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DnsFilterTest);
  CPPUNIT_TEST(records_as_in_a_zone_file);
  CPPUNIT_TEST(ignored_records_disappear);
  CPPUNIT_TEST(nothing_left_is_an_error);
  CPPUNIT_TEST(mistakes_are_errors);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    log_.emplace();
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.loop = &loop_;
    mx_ = {};
    mx_.name = "dest.test";
    mx_.type = dns::Type::mx;
    mx_.status = dns::Status::ok;
    mx_.ttl = 300;
    mx_.mx = {{10, "mx1.dest.test"}, {20, "mx2.dest.test"}};
  }
  void tearDown() override { log_.reset(); }

  void records_as_in_a_zone_file() {
    CPPUNIT_ASSERT((record_texts(mx_) == std::vector<std::string>{"dest.test. 300 IN MX 10 mx1.dest.test.",
                                                                  "dest.test. 300 IN MX 20 mx2.dest.test."}));
    dns::Answer a;
    a.name = "alias.test";
    a.canonical = "host.test";
    a.type = dns::Type::aaaa;
    a.ttl = 5;
    a.addresses = {*parse::parse_ip("2001:db8::1")};
    CPPUNIT_ASSERT_EQUAL("host.test. 5 IN AAAA 2001:db8::1"s, record_texts(a).front());
  }

  void ignored_records_disappear() {
    CPPUNIT_ASSERT_EQUAL(""s, filtered("/ MX 10 / ignore\n"));
    CPPUNIT_ASSERT(mx_.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, mx_.mx.size());
    CPPUNIT_ASSERT_EQUAL("mx2.dest.test"s, mx_.mx.front().host);
    CPPUNIT_ASSERT(log_->has("ignoring DNS RR: dest.test. 300 IN MX 10 mx1.dest.test."));
  }

  void nothing_left_is_an_error() {
    CPPUNIT_ASSERT_EQUAL("Error looking up name=dest.test type=MX: DNS reply filter drops all results"s,
                         filtered("/^dest/ IGNORE\n"));
  }

  void mistakes_are_errors() {
    CPPUNIT_ASSERT_EQUAL("Error looking up name=dest.test type=MX: Invalid DNS reply filter syntax"s,
                         filtered("/^dest/ DELETE\n"));
    CPPUNIT_ASSERT(log_->has("unknown DNS filter action: \"DELETE\""));
  }

 private:
  std::string filtered(const std::string& table) {
    const test::TempDir dir;
    CPPUNIT_ASSERT(files::write_atomic(dir / "table", table));
    const DnsFilter filter("smtp_dns_reply_filter", "regexp:" + (dir / "table"), context_);
    std::string error;
    test::run(loop_, apply(&filter, &mx_, &error));
    return error;
  }

  async::Loop loop_;
  table::Registry registry_;
  table::Context context_;
  dns::Answer mx_;
  std::optional<test::LogLines> log_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DnsFilterTest);

}  // namespace postern::service
