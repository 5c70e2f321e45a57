// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/tlsa.h"

#include <cppunit/extensions/HelperMacros.h>

#include <map>

#include "lib/async/loop.h"
#include "lib/base/text.h"

namespace postern::dns {

using namespace std::chrono_literals;

namespace {

// A zone file of a sort: what is not in it does not exist.
class FakeZone {
 public:
  void tlsa(const std::string& name, std::vector<Tlsa> records, bool secure = true) {
    Answer& answer = put(name, Type::tlsa, secure);
    answer.tlsa = std::move(records);
  }
  void cname(const std::string& name, const std::string& target, bool secure = true) {
    put(name, Type::cname, secure).names = {target};
  }
  void broken(const std::string& name, unsigned count) {
    Answer& answer = put(name, Type::tlsa, true);
    answer.status = Status::malformed;
    answer.dropped = count;
  }
  void status(const std::string& name, Type type, Status status) { put(name, type, false).status = status; }
  // How often a name fails before it answers.
  void stumbles(const std::string& name, int times) { stumbles_[name] = times; }

  SecureLookup lookup() {
    return [this](std::string name, Type type, Deadline) { return answer(std::move(name), type); };
  }
  std::vector<std::string> asked;

 private:
  Answer& put(const std::string& name, Type type, bool secure) {
    Answer& answer = answers_[{name, type}];
    answer.status = Status::ok;
    answer.secure = secure;
    return answer;
  }
  async::Task<Answer> answer(std::string name, Type type) {
    asked.push_back(type_name(type) + " " + name);
    Answer out;
    const auto found = answers_.find({name, type});
    out.status = Status::not_found;
    if (found != answers_.end()) out = found->second;
    if (stumbles_[name]-- > 0) out = Answer{};
    out.name = name;
    out.type = type;
    co_return out;
  }
  std::map<std::pair<std::string, Type>, Answer> answers_;
  std::map<std::string, int> stumbles_;
};

Tlsa record(unsigned usage, unsigned selector, unsigned matching, std::string data) {
  return {static_cast<std::uint8_t>(usage), static_cast<std::uint8_t>(selector), static_cast<std::uint8_t>(matching),
          std::move(data)};
}
const Tlsa kGood = record(3, 1, 1, "\x01\xAB");
const Tlsa kOther = record(2, 0, 1, "\x02");
const Tlsa kOld = record(1, 0, 1, "\x03");

}  // namespace

class TlsaTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TlsaTest);
  CPPUNIT_TEST(a_secure_host_is_its_own_base);
  CPPUNIT_TEST(an_insecure_host_is_not_asked_about);
  CPPUNIT_TEST(an_insecure_host_is_asked_about_when_told_so);
  CPPUNIT_TEST(a_secure_chain_prefers_its_end);
  CPPUNIT_TEST(a_secure_chain_falls_back_to_its_beginning);
  CPPUNIT_TEST(a_chain_that_becomes_insecure_leaves_its_beginning);
  CPPUNIT_TEST(an_insecure_alias_has_no_base);
  CPPUNIT_TEST(insecure_records_do_not_count);
  CPPUNIT_TEST(a_failure_is_never_none);
  CPPUNIT_TEST(a_failure_at_the_end_of_a_chain_does_not_fall_back);
  CPPUNIT_TEST(a_failed_alias_lookup_is_a_failure);
  CPPUNIT_TEST(one_stumble_is_forgiven);
  CPPUNIT_TEST(unusable_records_are_found_all_the_same);
  CPPUNIT_TEST(usable_ones_among_others);
  CPPUNIT_TEST(broken_records_are_records);
  CPPUNIT_TEST(records_have_one_order);
  CPPUNIT_TEST(the_port_is_in_the_name);
  CPPUNIT_TEST(case_and_final_dots);
  CPPUNIT_TEST_SUITE_END();

 public:
  void a_secure_host_is_its_own_base() {
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    const TlsaRecords found = find({.name = "mx.test", .canonical = "mx.test", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::usable);
    CPPUNIT_ASSERT_EQUAL(std::string("mx.test"), found.base);
    CPPUNIT_ASSERT(found.records == std::vector<std::string>{"3 1 1 01AB"});
    CPPUNIT_ASSERT(found.warnings.empty());
  }

  void an_insecure_host_is_not_asked_about() {
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    CPPUNIT_ASSERT(find({.name = "mx.test", .canonical = "mx.test"}).state == TlsaState::none);
    CPPUNIT_ASSERT(zone_.asked.empty());
  }

  void an_insecure_host_is_asked_about_when_told_so() {
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    CPPUNIT_ASSERT(find({.name = "mx.test", .canonical = "mx.test"}, true).state == TlsaState::usable);
    // An alias is its owner's business: it counts when it is signed, whatever the parameter says.
    CPPUNIT_ASSERT(find({.name = "mx.test", .canonical = "host.test"}, true).state == TlsaState::none);
  }

  void a_secure_chain_prefers_its_end() {
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    zone_.tlsa("_25._tcp.host.test", {kOther});
    const TlsaRecords found = find({.name = "mx.test", .canonical = "host.test", .secure = true});
    CPPUNIT_ASSERT_EQUAL(std::string("host.test"), found.base);
    CPPUNIT_ASSERT(found.records == std::vector<std::string>{"2 0 1 02"});
  }

  void a_secure_chain_falls_back_to_its_beginning() {
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    const TlsaRecords found = find({.name = "mx.test", .canonical = "host.test", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::usable);
    CPPUNIT_ASSERT_EQUAL(std::string("mx.test"), found.base);
    CPPUNIT_ASSERT((zone_.asked == std::vector<std::string>{"TLSA _25._tcp.host.test", "TLSA _25._tcp.mx.test"}));
  }

  void a_chain_that_becomes_insecure_leaves_its_beginning() {
    zone_.cname("mx.test", "host.test");
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    zone_.tlsa("_25._tcp.host.test", {kOther});
    const TlsaRecords found = find({.name = "mx.test", .canonical = "host.test", .secure = false});
    CPPUNIT_ASSERT(found.state == TlsaState::usable);
    CPPUNIT_ASSERT_EQUAL(std::string("mx.test"), found.base);
    CPPUNIT_ASSERT(found.records == std::vector<std::string>{"3 1 1 01AB"});
  }

  void an_insecure_alias_has_no_base() {
    zone_.cname("mx.test", "host.test", false);
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    zone_.tlsa("_25._tcp.host.test", {kGood});
    CPPUNIT_ASSERT(find({.name = "mx.test", .canonical = "host.test", .secure = false}).state == TlsaState::none);
  }

  void insecure_records_do_not_count() {
    zone_.tlsa("_25._tcp.mx.test", {kGood}, false);
    const TlsaRecords found = find({.name = "mx.test", .canonical = "mx.test", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::none && found.base.empty() && found.records.empty());
  }

  void a_failure_is_never_none() {
    zone_.status("_25._tcp.mx.test", Type::tlsa, Status::temporary);
    const TlsaRecords found = find({.name = "mx.test", .canonical = "mx.test", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::failed);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found.warnings.size());
    CPPUNIT_ASSERT_EQUAL(std::string("DANE TLSA lookup problem: Host or domain name not found. Name service error for "
                                     "name=_25._tcp.mx.test type=TLSA: Host not found, try again"),
                         found.warnings.front());
  }

  void a_failure_at_the_end_of_a_chain_does_not_fall_back() {
    zone_.status("_25._tcp.host.test", Type::tlsa, Status::temporary);
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    CPPUNIT_ASSERT(find({.name = "mx.test", .canonical = "host.test", .secure = true}).state == TlsaState::failed);
  }

  void a_failed_alias_lookup_is_a_failure() {
    zone_.status("mx.test", Type::cname, Status::temporary);
    CPPUNIT_ASSERT(find({.name = "mx.test", .canonical = "host.test", .secure = false}).state == TlsaState::failed);
  }

  void one_stumble_is_forgiven() {
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    zone_.stumbles("_25._tcp.mx.test", 1);
    const TlsaRecords found = find({.name = "mx.test", .canonical = "mx.test", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::usable);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.warnings.size());
  }

  void unusable_records_are_found_all_the_same() {
    zone_.tlsa("_25._tcp.host.test", {kOld});
    zone_.tlsa("_25._tcp.mx.test", {kGood});
    const TlsaRecords found = find({.name = "mx.test", .canonical = "host.test", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::unusable && found.records.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("_25._tcp.host.test unsupported TLSA certificate usage: 1 0 1 03"),
                         found.warnings.front());
  }

  void usable_ones_among_others() {
    zone_.tlsa("_25._tcp.mx.test", {kOld, kGood, record(7, 0, 1, "x"), kOther});
    const TlsaRecords found = find({.name = "mx.test", .canonical = "mx.test", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::usable);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found.records.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found.warnings.size());
  }

  void broken_records_are_records() {
    zone_.broken("_25._tcp.mx.test", 2);
    const TlsaRecords found = find({.name = "mx.test", .canonical = "mx.test", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::unusable);
    CPPUNIT_ASSERT_EQUAL(std::string("_25._tcp.mx.test malformed TLSA RR"), found.warnings.front());
  }

  // What tlsproxy is told is part of the key under which TLS sessions are kept.
  void records_have_one_order() {
    zone_.tlsa("_25._tcp.mx.test", {kGood, kOther, kGood});
    const auto first = find({.name = "mx.test", .canonical = "mx.test", .secure = true}).records;
    zone_.tlsa("_25._tcp.mx.test", {kOther, kGood});
    CPPUNIT_ASSERT(first == find({.name = "mx.test", .canonical = "mx.test", .secure = true}).records);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, first.size());
  }

  void the_port_is_in_the_name() {
    zone_.tlsa("_587._tcp.mx.test", {kGood});
    CPPUNIT_ASSERT(find({.name = "mx.test", .canonical = "", .secure = true, .port = 587}).state == TlsaState::usable);
  }

  void case_and_final_dots() {
    zone_.tlsa("_25._tcp.MX.test", {kGood});
    const TlsaRecords found = find({.name = "MX.test.", .canonical = "mx.TEST.", .secure = true});
    CPPUNIT_ASSERT(found.state == TlsaState::usable);
    CPPUNIT_ASSERT_EQUAL(std::string("MX.test"), found.base);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, zone_.asked.size());
  }

 private:
  static async::Task<> run(const TlsaFinder* finder, TlsaHost host, TlsaRecords* out) {
    *out = co_await finder->find(std::move(host), deadline_in(5s));
  }
  TlsaRecords find(TlsaHost host, bool insecure_hosts = false) {
    const TlsaFinder finder(zone_.lookup(), insecure_hosts);
    TlsaRecords out;
    async::Loop loop;
    run_to_end(loop, run(&finder, std::move(host), &out));
    return out;
  }
  FakeZone zone_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(TlsaTest);

}  // namespace postern::dns
