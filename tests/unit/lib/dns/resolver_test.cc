// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/resolver.h"

#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "lib/async/pool.h"
#include "lib/base/files.h"
#include "lib/base/text.h"
#include "tests/unit/lib/dns/server.h"

namespace postern::dns {

using namespace std::chrono_literals;
using test::u16;
using test::wire_name;

namespace {

async::Task<> ask_into(Resolver* resolver, std::string name, Type type, Duration patience, Answer* answer) {
  *answer = co_await resolver->lookup(std::move(name), type, deadline_in(patience));
}

Answer ask(async::Loop& loop, Resolver& resolver, std::string name, Type type, Duration patience = 5s) {
  Answer answer;
  run_to_end(loop, ask_into(&resolver, std::move(name), type, patience, &answer));
  return answer;
}

Options options_for(const test::Server& server) {
  Options options;
  options.resolv_conf_path.clear();
  options.resolv_conf.servers = {server.address()};
  return options;
}

test::Server::Reply with(std::vector<test::Rr> records) {
  return {.rcode = 0, .silent = false, .authentic = false, .records = std::move(records)};
}

}  // namespace

class ResolverTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ResolverTest);
  CPPUNIT_TEST(answers_by_kind);
  CPPUNIT_TEST(names_that_do_not_exist);
  CPPUNIT_TEST(follows_aliases);
  CPPUNIT_TEST(server_failure_is_temporary);
  CPPUNIT_TEST(silence_ends_at_the_deadline);
  CPPUNIT_TEST(refused_port_is_temporary);
  CPPUNIT_TEST(special_zones_are_asked_for);
  CPPUNIT_TEST(malformed_names_are_not_asked_for);
  CPPUNIT_TEST(broken_records);
  CPPUNIT_TEST(many_at_once);
  CPPUNIT_TEST(cancelled_lookups_leave_nothing);
  CPPUNIT_TEST(cache_and_flush);
  CPPUNIT_TEST(changed_resolv_conf_is_noticed);
  CPPUNIT_TEST(reads_resolv_conf);
  CPPUNIT_TEST(search_list);
  CPPUNIT_TEST(believed_servers_make_an_answer_secure);
  CPPUNIT_TEST(plain_answers_are_never_secure);
  CPPUNIT_TEST(what_cannot_be_validated_is_temporary);
  CPPUNIT_TEST(a_server_that_was_silent_is_used_again);
  CPPUNIT_TEST_SUITE_END();

  async::Loop loop_;
  test::Server server_;
  Resolver resolver_{loop_, options_for(server_)};

 public:
  void answers_by_kind() {
    server_.set("d.test", 15, with({{15, u16(10) + wire_name("mx1.d.test")}, {15, u16(5) + wire_name("mx0.d.test")}}));
    server_.set("mx1.d.test", 1, with({{1, std::string("\xc0\x00\x02\x07", 4)}}));
    server_.set("mx1.d.test", 28, with({{28, std::string(15, '\0') + '\1'}}));
    server_.set("7.2.0.192.in-addr.arpa", 12, with({{12, wire_name("mx1.d.test")}}));
    server_.set("d.test", 16, with({{16, "\5hello"}}));
    server_.set("_25._tcp.mx1.d.test", 52, with({{52, std::string("\3\1\1\xab", 4)}}));
    const Answer mx = ask(loop_, resolver_, "d.test", Type::mx);
    CPPUNIT_ASSERT(mx.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, mx.mx.size());
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{300}, mx.ttl);
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.7"),
                         ask(loop_, resolver_, "mx1.d.test.", Type::a).addresses.at(0).text());
    CPPUNIT_ASSERT_EQUAL(std::string("::1"), ask(loop_, resolver_, "mx1.d.test", Type::aaaa).addresses.at(0).text());
    const auto reverse = reverse_name(*parse::parse_ip("192.0.2.7"));
    CPPUNIT_ASSERT_EQUAL(std::string("mx1.d.test"), ask(loop_, resolver_, reverse, Type::ptr).names.at(0));
    CPPUNIT_ASSERT_EQUAL(std::string("hello"), ask(loop_, resolver_, "d.test", Type::txt).texts.at(0));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ask(loop_, resolver_, "_25._tcp.mx1.d.test", Type::tlsa).tlsa.size());
  }

  void names_that_do_not_exist() {
    server_.set("a.example", 1, with({{1, "abcd"}}));
    CPPUNIT_ASSERT(ask(loop_, resolver_, "gone.example", Type::mx).status == Status::not_found);
    CPPUNIT_ASSERT(ask(loop_, resolver_, "a.example", Type::mx).status == Status::no_data);
  }

  void follows_aliases() {
    server_.set("www.example", 1, with({{5, wire_name("host.example")}}));
    server_.set("host.example", 1, with({{1, "abcd"}}));
    const Answer answer = ask(loop_, resolver_, "www.example", Type::a);
    CPPUNIT_ASSERT(answer.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("host.example"), answer.canonical);
    CPPUNIT_ASSERT_EQUAL(std::string("97.98.99.100"), answer.addresses.at(0).text());
    server_.set("direct.example", 1, with({{1, "abcd"}}));
    CPPUNIT_ASSERT_EQUAL(std::string("direct.example"), ask(loop_, resolver_, "direct.example", Type::a).canonical);
  }

  void server_failure_is_temporary() {
    server_.set("broken.example", 15, {.rcode = 2, .silent = false, .authentic = false, .records = {}});
    const Answer answer = ask(loop_, resolver_, "broken.example", Type::mx);
    CPPUNIT_ASSERT(answer.status == Status::temporary);
    CPPUNIT_ASSERT(!answer.detail.empty());
    server_.set("refused.example", 15, {.rcode = 5, .silent = false, .authentic = false, .records = {}});
    CPPUNIT_ASSERT(ask(loop_, resolver_, "refused.example", Type::mx).status == Status::temporary);
  }

  void silence_ends_at_the_deadline() {
    server_.set("silent.example", 1, {.rcode = 0, .silent = true, .authentic = false, .records = {}});
    server_.set("loud.example", 1, with({{1, "abcd"}}));
    const auto start = Clock::now();
    const Answer answer = ask(loop_, resolver_, "silent.example", Type::a, 200ms);
    CPPUNIT_ASSERT(Clock::now() - start >= 200ms);
    CPPUNIT_ASSERT(Clock::now() - start < 3s);
    CPPUNIT_ASSERT(answer.status == Status::temporary);
    CPPUNIT_ASSERT_EQUAL(std::string("timed out"), answer.detail);
    CPPUNIT_ASSERT(ask(loop_, resolver_, "loud.example", Type::a).ok());
  }

  void refused_port_is_temporary() {
    Options options = options_for(server_);
    options.resolv_conf.servers = {"127.0.0.1@1"};
    Resolver nobody(loop_, options);
    CPPUNIT_ASSERT(ask(loop_, nobody, "d.test", Type::a, 1s).status == Status::temporary);
    options.resolv_conf.servers = {"nonsense"};
    Resolver unusable(loop_, options);
    CPPUNIT_ASSERT(ask(loop_, unusable, "d.test", Type::a, 1s).status == Status::temporary);
  }

  void special_zones_are_asked_for() {
    for (const char* name : {"a.test", "a.invalid", "a.onion", "1.0.0.10.in-addr.arpa", "9.2.0.192.in-addr.arpa"}) {
      server_.set(name, 16, with({{16, "\2hi"}}));
      CPPUNIT_ASSERT_MESSAGE(name, ask(loop_, resolver_, name, Type::txt).ok());
    }
  }

  void malformed_names_are_not_asked_for() {
    for (const char* name : {"", "a..b", "a b.example", "caf\xc3\xa9.example", "a\\.example"}) {
      CPPUNIT_ASSERT_MESSAGE(name, ask(loop_, resolver_, name, Type::a).status == Status::malformed);
    }
  }

  void broken_records() {
    server_.set("odd.example", 15, with({{15, u16(10) + wire_name("not a host.example")}}));
    const Answer answer = ask(loop_, resolver_, "odd.example", Type::mx);
    CPPUNIT_ASSERT(answer.status == Status::malformed);
    CPPUNIT_ASSERT_EQUAL(1U, answer.dropped);
  }

  void many_at_once() {
    constexpr int kCount = 500;
    std::vector<Answer> answers(kCount);
    for (int i = 0; i < kCount; ++i) {
      const std::string name = "n" + std::to_string(i) + ".example";
      server_.set(name, 1, with({{1, "abcd"}}));
      loop_.spawn(ask_into(&resolver_, name, Type::a, 20s, &answers[static_cast<std::size_t>(i)]));
    }
    while (loop_.task_count() > 0) loop_.run_once();
    for (const auto& answer : answers) CPPUNIT_ASSERT(answer.ok());
  }

  void cancelled_lookups_leave_nothing() {
    server_.set("silent.example", 1, {.rcode = 0, .silent = true, .authentic = false, .records = {}});
    server_.set("loud.example", 1, with({{1, "abcd"}}));
    Answer unused;
    const auto silent = loop_.spawn(ask_into(&resolver_, "silent.example", Type::a, 60s, &unused));
    const auto loud = loop_.spawn(ask_into(&resolver_, "loud.example", Type::a, 60s, &unused));
    loop_.cancel(silent);
    loop_.cancel(loud);
    CPPUNIT_ASSERT(ask(loop_, resolver_, "loud.example", Type::a).ok());
    CPPUNIT_ASSERT(!unused.ok());
    // A resolver may go while a question is under way.
    auto second = std::make_unique<Resolver>(loop_, options_for(server_));
    const auto task = loop_.spawn(ask_into(second.get(), "silent.example", Type::a, 60s, &unused));
    loop_.cancel(task);
    second.reset();
  }

  void cache_and_flush() {
    server_.set("c.example", 1, with({{1, "abcd"}}));
    for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT(ask(loop_, resolver_, "c.example", Type::a).ok());
    CPPUNIT_ASSERT_EQUAL(1, server_.questions("c.example"));
    resolver_.flush_cache();
    CPPUNIT_ASSERT(ask(loop_, resolver_, "c.example", Type::a).ok());
    CPPUNIT_ASSERT_EQUAL(2, server_.questions("c.example"));
  }

  void changed_resolv_conf_is_noticed() {
    std::string directory = "/tmp/dns-test-XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(directory.data()) != nullptr);
    Options options = options_for(server_);
    options.resolv_conf_path = directory + "/resolv.conf";
    {
      // No file: what was read before the jail stands.
      Resolver resolver(loop_, options);
      server_.set("d.test", 1, with({{1, "abcd"}}));
      CPPUNIT_ASSERT(ask(loop_, resolver, "d.test", Type::a).ok());
      // Other servers, where nobody answers.
      CPPUNIT_ASSERT(files::write_atomic(options.resolv_conf_path, "nameserver 127.0.0.213\n").has_value());
      CPPUNIT_ASSERT(ask(loop_, resolver, "d.test", Type::a).ok());  // looked at most once a second
      run_to_end(loop_, [](async::Loop* loop) -> async::Task<> { co_await async::sleep(*loop, 1100ms); }(&loop_));
      CPPUNIT_ASSERT(!ask(loop_, resolver, "d.test", Type::a, 300ms).ok());
    }
    std::filesystem::remove_all(directory);
  }

  void reads_resolv_conf() {
    const auto conf = parse_resolv_conf(
        "# comment\n;nameserver 9.9.9.9\nnameserver 192.0.2.53\n\tnameserver  ::1 # x\nnameserver fe80::1%lo\n"
        "nameserver 192.0.2.54\nnameserver not-an-address\nsearch example\noptions rotate trust-ad\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, conf.servers.size());
    CPPUNIT_ASSERT_EQUAL(std::string("fe80::1%lo"), conf.servers[2]);
    CPPUNIT_ASSERT(conf.trust_ad && !conf.only_loopback());
    const auto empty = parse_resolv_conf("");
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), empty.servers.at(0));
    CPPUNIT_ASSERT(empty.only_loopback() && !empty.trust_ad);
    CPPUNIT_ASSERT(parse_dns_trust("validate").value() == TrustSource::validate);
    CPPUNIT_ASSERT(!parse_dns_trust("perhaps"));
    CPPUNIT_ASSERT(Options::load(Trust::plain, TrustSource::automatic, "/nonexistent").has_value());
  }

  void search_list() {
    const auto conf = parse_resolv_conf("domain left.out\nsearch a.test b.test\noptions ndots:2\n");
    CPPUNIT_ASSERT((conf.search == std::vector<std::string>{"a.test", "b.test"}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, conf.ndots);
    CPPUNIT_ASSERT(parse_resolv_conf("search a b\ndomain c d\n").search == std::vector<std::string>{"c"});
    CPPUNIT_ASSERT_EQUAL(std::size_t{15}, parse_resolv_conf("options ndots:99 ndots:x\n").ndots);
    const auto names = [&conf](std::string_view words, std::string_view name) {
      return text::join(search_names(conf, parse_name_search(words).value(), name), " ");
    };
    CPPUNIT_ASSERT_EQUAL(std::string("x"), names("", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string("x.a.test x"), names("res_defnames", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string("x"), names("res_dnsrch", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string("x.a.test x.b.test x"), names("RES_DEFNAMES, res_dnsrch", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string("x.y"), names("res_defnames", "x.y"));
    CPPUNIT_ASSERT_EQUAL(std::string("x.y.a.test x.y.b.test x.y"), names("res_dnsrch", "x.y"));
    CPPUNIT_ASSERT_EQUAL(std::string("x.y.z x.y.z.a.test x.y.z.b.test"), names("res_dnsrch", "x.y.z"));
    CPPUNIT_ASSERT_EQUAL(std::string("x."), names("res_defnames res_dnsrch", "x."));
    CPPUNIT_ASSERT(!parse_name_search("res_debug"));
  }

  void believed_servers_make_an_answer_secure() {
    async::ThreadPool pool(loop_, 2, 10);
    Options options = options_for(server_);
    options.trust = Trust::secure;
    Resolver resolver(loop_, options, &pool);
    server_.set("signed.example", 15,
                {.rcode = 0, .silent = false, .authentic = true, .records = {{15, u16(1) + wire_name("mx.example")}}});
    server_.set("unsigned.example", 15, with({{15, u16(1) + wire_name("mx.example")}}));
    server_.set("broken.example", 15, {.rcode = 2, .silent = false, .authentic = false, .records = {}});
    const Answer good = ask(loop_, resolver, "signed.example", Type::mx);
    CPPUNIT_ASSERT(good.ok() && good.secure);
    const Answer plain = ask(loop_, resolver, "unsigned.example", Type::mx);
    CPPUNIT_ASSERT(plain.ok() && !plain.secure);
    const Answer gone = ask(loop_, resolver, "gone.example", Type::mx);
    CPPUNIT_ASSERT(gone.status == Status::not_found && !gone.secure);
    CPPUNIT_ASSERT(ask(loop_, resolver, "broken.example", Type::mx).status == Status::temporary);
    // That there is nothing may be as certain.
    server_.set("none.example", 52, {.rcode = 0, .silent = false, .authentic = true, .records = {}});
    server_.set("never.example", 52, {.rcode = 3, .silent = false, .authentic = true, .records = {}});
    const Answer none = ask(loop_, resolver, "none.example", Type::tlsa);
    CPPUNIT_ASSERT(none.status == Status::no_data && none.secure);
    const Answer never = ask(loop_, resolver, "never.example", Type::tlsa);
    CPPUNIT_ASSERT(never.status == Status::not_found && never.secure);
    server_.set("", 2, {.rcode = 0, .silent = false, .authentic = true, .records = {{2, wire_name("ns.example")}}});
    CPPUNIT_ASSERT(ask(loop_, resolver, ".", Type::ns).secure);
    CPPUNIT_ASSERT(ask(loop_, resolver, ".", Type::mx).status == Status::malformed);
  }

  void plain_answers_are_never_secure() {
    server_.set("signed.example", 1, {.rcode = 0, .silent = false, .authentic = true, .records = {{1, "abcd"}}});
    const Answer answer = ask(loop_, resolver_, "signed.example", Type::a);
    CPPUNIT_ASSERT(answer.ok() && !answer.secure);
  }

  void what_cannot_be_validated_is_temporary() {
    Options options = options_for(server_);
    options.trust = Trust::secure;
    options.source = TrustSource::validate;
    options.anchors =
        "; comment\n. 172800 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n";
    server_.set("signed.example", 1, {.rcode = 0, .silent = false, .authentic = true, .records = {{1, "abcd"}}});
    {
      Resolver resolver(loop_, options);
      const Answer answer = ask(loop_, resolver, "signed.example", Type::a, 20s);
      CPPUNIT_ASSERT(answer.status == Status::temporary && !answer.secure);
    }
    // The same question without that wish is answered.
    CPPUNIT_ASSERT(ask(loop_, resolver_, "signed.example", Type::a).ok());
    options.anchors = "not an anchor\n";
    Resolver broken(loop_, options);
    CPPUNIT_ASSERT(ask(loop_, broken, "signed.example", Type::a).status == Status::temporary);
    // Without any, all the world would be unsigned.
    options.anchors = "; no key\n";
    Resolver adrift(loop_, options);
    const Answer answer = ask(loop_, adrift, "signed.example", Type::a);
    CPPUNIT_ASSERT(answer.status == Status::temporary);
    CPPUNIT_ASSERT_EQUAL(std::string("no DNSSEC trust anchor"), answer.detail);
  }

  void a_server_that_was_silent_is_used_again() {
    std::vector<Answer> answers(20);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const std::string name = "s" + std::to_string(i) + ".example";
      server_.set(name, 1, {.rcode = 0, .silent = true, .authentic = false, .records = {}});
      loop_.spawn(ask_into(&resolver_, name, Type::a, 3s, &answers[i]));
    }
    while (loop_.task_count() > 0) loop_.run_once();
    for (const auto& answer : answers) CPPUNIT_ASSERT(answer.status == Status::temporary);
    server_.set("back.example", 1, with({{1, "abcd"}}));
    const auto start = Clock::now();
    CPPUNIT_ASSERT(ask(loop_, resolver_, "back.example", Type::a, 20s).ok());
    CPPUNIT_ASSERT(Clock::now() - start < 6s);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ResolverTest);

}  // namespace postern::dns
