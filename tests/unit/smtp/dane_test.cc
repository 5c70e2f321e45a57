// SPDX-License-Identifier: Apache-2.0
#include "smtp/dane.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/async/loop.h"
#include "lib/tls/outcome.h"

namespace postern::smtp_client {

using namespace std::chrono_literals;
using tls::Level;

namespace {

const dns::Tlsa kGood{3, 1, 1, "\x01\xAB"};
const dns::Tlsa kOld{1, 0, 1, "\x03"};

// DNS that has these records at _25._tcp.mx.test, and nothing else.
struct World {
  std::vector<dns::Tlsa> records;
  bool secure = true;
  bool fails = false;
  int questions = 0;
};

async::Task<dns::Answer> answer(World* world, std::string name, dns::Type type) {
  ++world->questions;
  dns::Answer out;
  out.name = name;
  out.type = type;
  out.status = dns::Status::not_found;
  if (world->fails) {
    out.status = dns::Status::temporary;
  } else if (name == "_25._tcp.mx.test" && !world->records.empty()) {
    out.status = dns::Status::ok;
    out.secure = world->secure;
    out.tlsa = world->records;
  }
  co_return out;
}

Target server(bool by_mx = true, bool mx_secure = true) {
  Target target;
  target.host = "mx.test";
  target.address = "192.0.2.1";
  target.sockaddr = "x";
  target.dnssec.by_mx = by_mx;
  target.dnssec.mx_secure = mx_secure;
  target.dnssec.mx_canonical = "real.test";
  target.dnssec.canonical = "mx.test";
  target.dnssec.secure = true;
  return target;
}

}  // namespace

class DaneTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DaneTest);
  CPPUNIT_TEST(other_levels_are_left_alone);
  CPPUNIT_TEST(records_make_the_policy_of_the_server);
  CPPUNIT_TEST(without_records);
  CPPUNIT_TEST(with_unusable_records);
  CPPUNIT_TEST(a_failed_lookup_stops_the_delivery_at_every_level);
  CPPUNIT_TEST(insecure_exchangers);
  CPPUNIT_TEST(without_exchangers);
  CPPUNIT_TEST(without_dnssec);
  CPPUNIT_TEST(addresses_and_sockets_have_no_records);
  CPPUNIT_TEST(words_for_insecure_exchangers);
  CPPUNIT_TEST(what_satisfies_a_level);
  CPPUNIT_TEST_SUITE_END();

 public:
  void other_levels_are_left_alone() {
    world_.fails = true;
    for (const Level level : {Level::none, Level::may, Level::encrypt, Level::fingerprint, Level::verify}) {
      const auto policy = policy_for(level, server());
      CPPUNIT_ASSERT(policy && policy->level == level && policy->tlsa.empty());
    }
    CPPUNIT_ASSERT_EQUAL(0, world_.questions);
  }

  void records_make_the_policy_of_the_server() {
    world_.records = {kGood, kOld};
    for (const Level level : {Level::dane, Level::dane_only}) {
      const auto policy = policy_for(level, server());
      CPPUNIT_ASSERT(policy.has_value());
      CPPUNIT_ASSERT(policy->level == level);
      CPPUNIT_ASSERT(policy->tlsa == std::vector<std::string>{"3 1 1 01AB"});
      CPPUNIT_ASSERT((policy->match == std::vector<std::string>{"mx.test", "dest.test", "real.test"}));
      // Whatever a table says: who looks for TLSA records is asked for by their name (RFC 7672 8.1).
      CPPUNIT_ASSERT_EQUAL(std::string("mx.test"), policy->servername.value_or(""));
      CPPUNIT_ASSERT_EQUAL(std::string(">=TLSv1.3"), policy->protocols.value_or(""));
    }
  }

  void without_records() {
    const auto policy = policy_for(Level::dane, server());
    CPPUNIT_ASSERT(policy && policy->level == Level::may && policy->match.empty() && policy->tlsa.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("no TLSA records found"), policy_for(Level::dane_only, server()).error().text);
    world_ = {{kGood}, false};
    CPPUNIT_ASSERT(policy_for(Level::dane, server())->level == Level::may);
    CPPUNIT_ASSERT(!policy_for(Level::dane_only, server()).has_value());
  }

  void with_unusable_records() {
    world_.records = {kOld};
    CPPUNIT_ASSERT(policy_for(Level::dane, server())->level == Level::encrypt);
    CPPUNIT_ASSERT_EQUAL(std::string("TLSA records unusable"), policy_for(Level::dane_only, server()).error().text);
  }

  void a_failed_lookup_stops_the_delivery_at_every_level() {
    world_.fails = true;
    for (const Level level : {Level::dane, Level::dane_only}) {
      CPPUNIT_ASSERT_EQUAL(std::string("TLSA lookup error for mx.test:25"), policy_for(level, server()).error().text);
    }
    CPPUNIT_ASSERT(!policy_for(Level::dane, server(true, false)).has_value());
  }

  void insecure_exchangers() {
    world_.records = {kGood};
    const Target target = server(true, false);
    const auto half = policy_for(Level::dane, target);
    CPPUNIT_ASSERT(half && half->level == Level::half_dane && half->tlsa.size() == 1);
    // Where an insecure answer led is no name to be believed.
    CPPUNIT_ASSERT((half->match == std::vector<std::string>{"mx.test", "dest.test"}));
    CPPUNIT_ASSERT_EQUAL(std::string("non DNSSEC destination"), policy_for(Level::dane_only, target).error().text);
    for (const Level level : {Level::may, Level::encrypt}) {
      insecure_mx_ = level;
      world_.questions = 0;
      CPPUNIT_ASSERT(policy_for(Level::dane, target)->level == level);
      CPPUNIT_ASSERT_EQUAL(std::string("non DNSSEC destination"), policy_for(Level::dane_only, target).error().text);
      CPPUNIT_ASSERT_EQUAL(0, world_.questions);
    }
    insecure_mx_ = Level::dane;
    world_.records.clear();
    CPPUNIT_ASSERT(policy_for(Level::dane, target)->level == Level::may);
    world_.records = {kOld};
    CPPUNIT_ASSERT(policy_for(Level::dane, target)->level == Level::encrypt);
  }

  void without_exchangers() {
    world_.records = {kGood};
    const auto policy = policy_for(Level::dane, server(false, false));
    CPPUNIT_ASSERT(policy && policy->level == Level::dane);
    CPPUNIT_ASSERT(policy->match == std::vector<std::string>{"mx.test"});
  }

  void without_dnssec() {
    dnssec_ = false;
    world_.records = {kGood};
    CPPUNIT_ASSERT(policy_for(Level::dane, server())->level == Level::may);
    CPPUNIT_ASSERT_EQUAL(std::string("client TLS configuration problem"),
                         policy_for(Level::dane_only, server()).error().text);
    CPPUNIT_ASSERT_EQUAL(0, world_.questions);
  }

  void addresses_and_sockets_have_no_records() {
    world_.fails = true;
    Target literal = server(false, false);
    literal.host = literal.address;
    literal.dnssec = {};
    Target socket = server(false, false);
    socket.sockaddr.clear();
    for (const Target& target : {literal, socket}) {
      CPPUNIT_ASSERT(policy_for(Level::dane, target)->level == Level::may);
      CPPUNIT_ASSERT_EQUAL(std::string("no TLSA records found"), policy_for(Level::dane_only, target).error().text);
    }
    CPPUNIT_ASSERT_EQUAL(0, world_.questions);
  }

  void words_for_insecure_exchangers() {
    CPPUNIT_ASSERT(insecure_mx_level("dane").value_or(Level::none) == Level::dane);
    CPPUNIT_ASSERT(insecure_mx_level("encrypt").value_or(Level::none) == Level::encrypt);
    CPPUNIT_ASSERT(insecure_mx_level("may").value_or(Level::none) == Level::may);
    for (const char* word : {"", "none", "dane-only", "half-dane", "secure", "x"}) {
      CPPUNIT_ASSERT(!insecure_mx_level(word).has_value());
    }
  }

  // Of the report, after the handshake.
  void what_satisfies_a_level() {
    tls::TlsReport report;
    report.trust = static_cast<std::uint8_t>(tls::Trust::trusted);
    CPPUNIT_ASSERT(tls::satisfies(report, Level::half_dane) && !tls::satisfies(report, Level::dane));
    report.trust = static_cast<std::uint8_t>(tls::Trust::untrusted);
    for (const Level level : {Level::half_dane, Level::dane, Level::dane_only}) {
      CPPUNIT_ASSERT(!tls::satisfies(report, level));
    }
    report.no_usable_tlsa = true;
    CPPUNIT_ASSERT(tls::satisfies(report, Level::half_dane) && tls::satisfies(report, Level::dane));
    CPPUNIT_ASSERT(!tls::satisfies(report, Level::dane_only));
  }

 private:
  static async::Task<> run(const Dane* dane, tls::Policy policy, Target target, Result<tls::Policy>* out) {
    *out =
        co_await dane->policy_for(std::move(policy), "dest.test:25", "dest.test", std::move(target), deadline_in(5s));
  }
  Result<tls::Policy> policy_for(Level level, const Target& target) {
    const Dane dane(
        dns::TlsaFinder([this](std::string name, dns::Type type, Deadline) { return answer(&world_, name, type); }),
        dnssec_, insecure_mx_);
    tls::Policy policy;
    policy.level = level;
    policy.servername = "table.test";
    policy.protocols = ">=TLSv1.3";
    Result<tls::Policy> out = fail("");
    async::Loop loop;
    run_to_end(loop, run(&dane, std::move(policy), target, &out));
    return out;
  }

  World world_;
  bool dnssec_ = true;
  Level insecure_mx_ = Level::dane;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DaneTest);

}  // namespace postern::smtp_client
