// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/answer.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/dns/mx.h"
#include "lib/dns/packet.h"
#include "tests/unit/lib/dns/wire.h"

namespace postern::dns {

using test::packet;
using test::wire_name;

namespace {

Answer answer_of(Type type, const std::vector<std::string>& rdata) {
  Answer answer;
  answer.name = "d.test";
  answer.type = type;
  for (const auto& r : rdata) add_record(answer, r);
  return answer;
}

std::string mx_rdata(unsigned preference, const std::string& host) { return test::u16(preference) + wire_name(host); }

std::string hosts(const std::vector<Mx>& list) {
  std::string out;
  for (const auto& mx : list) out += std::to_string(mx.preference) + ":" + mx.host + " ";
  return out;
}

}  // namespace

class AnswerTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AnswerTest);
  CPPUNIT_TEST(addresses);
  CPPUNIT_TEST(names_must_be_host_names);
  CPPUNIT_TEST(broken_names);
  CPPUNIT_TEST(one_bad_record_among_good_ones);
  CPPUNIT_TEST(text_and_tlsa_and_srv);
  CPPUNIT_TEST(what_a_bounce_says);
  CPPUNIT_TEST(names_that_may_be_asked_for);
  CPPUNIT_TEST(reverse_names);
  CPPUNIT_TEST(mx_order);
  CPPUNIT_TEST(mx_mixed_within_one_preference);
  CPPUNIT_TEST(null_mx);
  CPPUNIT_TEST(mx_hosts_that_are_none);
  CPPUNIT_TEST(reply_packets);
  CPPUNIT_TEST(damaged_packets);
  CPPUNIT_TEST_SUITE_END();

 public:
  void addresses() {
    const auto v4 = answer_of(Type::a, {std::string("\xc0\x00\x02\x01", 4)});
    CPPUNIT_ASSERT(v4.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), v4.addresses.at(0).text());
    std::string v6("\x20\x01\x0d\xb8", 4);
    v6.resize(16);
    v6[15] = 7;
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::7"), answer_of(Type::aaaa, {v6}).addresses.at(0).text());
    CPPUNIT_ASSERT(answer_of(Type::a, {v6}).status == Status::malformed);
    CPPUNIT_ASSERT(answer_of(Type::aaaa, {""}).status == Status::malformed);
  }

  void names_must_be_host_names() {
    CPPUNIT_ASSERT_EQUAL(std::string("host.example"), answer_of(Type::ptr, {wire_name("host.example")}).names.at(0));
    for (const char* bad : {"a b.example", "1.2.3.4", "-x.example", "a\nb.example", ""}) {
      CPPUNIT_ASSERT_MESSAGE(bad, answer_of(Type::ptr, {wire_name(bad)}).status == Status::malformed);
    }
    CPPUNIT_ASSERT(answer_of(Type::mx, {mx_rdata(10, "a b.example")}).status == Status::malformed);
    // An alias may be anything; what is not plain is escaped.
    CPPUNIT_ASSERT_EQUAL(std::string("a\\032b\\010.x"), answer_of(Type::cname, {wire_name("a b\n.x")}).names.at(0));
    CPPUNIT_ASSERT_EQUAL(std::string("a\\046b"), decode_name(std::string("\3a.b\0", 5)).value());
  }

  void broken_names() {
    CPPUNIT_ASSERT(!decode_name(""));
    CPPUNIT_ASSERT(!decode_name(std::string("\3ab", 3)));
    CPPUNIT_ASSERT(!decode_name(std::string("\2ab", 3)));
    CPPUNIT_ASSERT(!decode_name(std::string("\xc0\x0c", 2)));
    CPPUNIT_ASSERT(!decode_name(std::string("\1a\0x", 4)));
    CPPUNIT_ASSERT(!decode_name("\x40" + std::string(64, 'x') + std::string(1, '\0')));
    std::string endless;
    for (int i = 0; i < 200; ++i) endless += "\1a";
    CPPUNIT_ASSERT(!decode_name(endless + std::string(1, '\0')));
    CPPUNIT_ASSERT(!decode_mx(std::string("\0", 1)));
    CPPUNIT_ASSERT(!decode_srv(std::string("\0\1\0\1\0", 5)));
  }

  void one_bad_record_among_good_ones() {
    const auto answer = answer_of(Type::mx, {"", mx_rdata(10, "mx1.test"), "x"});
    CPPUNIT_ASSERT(answer.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, answer.mx.size());
    CPPUNIT_ASSERT_EQUAL(2U, answer.dropped);
  }

  void text_and_tlsa_and_srv() {
    CPPUNIT_ASSERT_EQUAL(std::string("hello world"),
                         answer_of(Type::txt, {std::string("\5hello\6 world\0", 14)}).texts.at(0));
    CPPUNIT_ASSERT(answer_of(Type::txt, {"\5hell"}).status == Status::malformed);
    const auto tlsa = answer_of(Type::tlsa, {std::string("\3\1\1\xab\xcd", 5)});
    CPPUNIT_ASSERT_EQUAL(3, static_cast<int>(tlsa.tlsa.at(0).usage));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, tlsa.tlsa.at(0).data.size());
    CPPUNIT_ASSERT(answer_of(Type::tlsa, {"\3\1\1"}).status == Status::malformed);
    const auto srv = answer_of(Type::srv, {test::u16(1) + test::u16(2) + test::u16(587) + wire_name("s.test")});
    CPPUNIT_ASSERT_EQUAL(587, static_cast<int>(srv.srv.at(0).port));
    CPPUNIT_ASSERT_EQUAL(std::string("s.test"), srv.srv.at(0).host);
  }

  void what_a_bounce_says() {
    Answer answer;
    answer.name = "gone.test";
    answer.type = Type::mx;
    answer.status = Status::not_found;
    CPPUNIT_ASSERT_EQUAL(std::string("Host or domain name not found. Name service error for name=gone.test type=MX: "
                                     "Host not found"),
                         failure_text(answer));
    answer.status = Status::temporary;
    CPPUNIT_ASSERT(failure_text(answer).ends_with(": Host not found, try again"));
    answer.type = Type::aaaa;
    answer.status = Status::no_data;
    CPPUNIT_ASSERT(failure_text(answer).ends_with("type=AAAA: Host found but no data record of requested type"));
    answer.status = Status::ok;
    CPPUNIT_ASSERT(failure_text(answer).empty());
  }

  void names_that_may_be_asked_for() {
    const std::string label(63, 'x');
    CPPUNIT_ASSERT(is_query_name("_25._tcp.mx.example.test."));
    CPPUNIT_ASSERT(is_query_name(label + "." + label + "." + label + "." + std::string(61, 'x')));
    CPPUNIT_ASSERT(!is_query_name(label + "." + label + "." + label + "." + std::string(62, 'x')));
    for (const char* bad : {"", ".", "a..b", ".a", "a b", "a\\.b", "caf\xc3\xa9.test", "a\nb"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !is_query_name(bad));
    }
    CPPUNIT_ASSERT(!is_query_name(label + "x.test"));
  }

  void reverse_names() {
    CPPUNIT_ASSERT_EQUAL(std::string("7.100.51.198.in-addr.arpa"), reverse_name(*parse::parse_ip("198.51.100.7")));
    CPPUNIT_ASSERT_EQUAL(std::string("7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
                         reverse_name(*parse::parse_ip("2001:db8::7")));
  }

  void mx_order() {
    const auto answer = answer_of(Type::mx, {mx_rdata(20, "b.test"), mx_rdata(10, "a.test"), mx_rdata(20, "c.test"),
                                             mx_rdata(30, "A.test"), mx_rdata(5, "")});
    CPPUNIT_ASSERT_EQUAL(std::string("10:a.test 20:b.test 20:c.test "), hosts(sort_mx(answer.mx)));
    CPPUNIT_ASSERT(sort_mx({}).empty());
  }

  void mx_mixed_within_one_preference() {
    const std::vector<Mx> list{{20, "a"}, {20, "b"}, {10, "x"}, {20, "c"}};
    bool mixed = false;
    for (std::uint32_t seed = 0; seed < 8; ++seed) {
      std::uint32_t state = seed;
      const auto random = [&state](std::uint32_t n) { return (state = state * 1103515245 + 12345) / 65536 % n; };
      const auto sorted = sort_mx(list, random);
      CPPUNIT_ASSERT_EQUAL(std::size_t{4}, sorted.size());
      CPPUNIT_ASSERT_EQUAL(std::string("x"), sorted.front().host);
      mixed = mixed || sorted[1].host != "a";
    }
    CPPUNIT_ASSERT(mixed);
  }

  void null_mx() {
    CPPUNIT_ASSERT(is_null_mx(answer_of(Type::mx, {mx_rdata(0, "")}).mx));
    CPPUNIT_ASSERT(!is_null_mx({}));
    CPPUNIT_ASSERT(!is_null_mx({{0, "b.test"}, {10, "a.test"}}));
    // Others beside it do not count.
    CPPUNIT_ASSERT(is_null_mx({{5, "a.test"}, {10, ""}}));
  }

  void mx_hosts_that_are_none() {
    const auto answer =
        answer_of(Type::mx, {mx_rdata(10, "192.0.2.1"), mx_rdata(20, "-x.test"), mx_rdata(30, "good.test")});
    CPPUNIT_ASSERT_EQUAL(std::string("10:192.0.2.1 30:good.test "), hosts(sort_mx(answer.mx)));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, answer.complaints.size());
    CPPUNIT_ASSERT(answer.complaints[0].starts_with("numeric domain name in resource data of MX record for "));
    CPPUNIT_ASSERT(answer.complaints[1].starts_with("malformed domain name in resource data of MX record for "));
    CPPUNIT_ASSERT(answer.complaints[1].ends_with(": -x.test"));
    CPPUNIT_ASSERT_EQUAL(1U, answer.dropped);
  }

  void reply_packets() {
    Answer answer;
    answer.type = Type::mx;
    // The host name ends in a pointer to the question.
    read_reply(answer, packet("d.test", 15, 0x20, {{15, test::u16(10) + std::string("\3mx1\xc0\x0c", 6)}}));
    CPPUNIT_ASSERT(answer.ok() && answer.secure);
    CPPUNIT_ASSERT_EQUAL(std::string("10:mx1.d.test "), hosts(answer.mx));
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{300}, answer.ttl);
    Answer empty;
    empty.type = Type::mx;
    read_reply(empty, packet("d.test", 15, 0, {}));
    CPPUNIT_ASSERT(empty.status == Status::no_data && !empty.secure);
  }

  void damaged_packets() {
    const std::string good = packet("d.test", 15, 0x20, {{15, test::u16(10) + std::string("\3mx1\xc0\x0c", 6)}});
    for (std::size_t size = 0; size < good.size(); ++size) {
      Answer answer;
      answer.type = Type::mx;
      read_reply(answer, std::string_view(good).substr(0, size));
      CPPUNIT_ASSERT(answer.status == Status::malformed && answer.mx.empty());
    }
    Answer loop;
    loop.type = Type::mx;
    // A pointer to itself.
    read_reply(loop, packet("d.test", 15, 0, {{15, test::u16(10) + std::string("\xc0\x26", 2)}}));
    CPPUNIT_ASSERT(loop.status == Status::malformed);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AnswerTest);

}  // namespace postern::dns
