// SPDX-License-Identifier: Apache-2.0
// Lists of tables as the programs use them: order, errors, partial keys, files that change, tables behind proxymap.
#include "lib/table/maps.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "lib/async/loop.h"
#include "lib/table/match_list.h"
#include "tests/unit/lib/table/fixture.h"

namespace postern::table {
namespace {

class FakeRemote : public RemoteTables {
 public:
  async::Task<Answer> lookup(std::string spec, std::string key, LookupFlags) override {
    asked.push_back(spec + " " + key);
    if (broken) co_return fail("no proxymap");
    if (key == "root") co_return "root:x:0";
    co_return std::nullopt;
  }
  std::vector<std::string> asked;
  bool broken = false;
};

async::Task<> find_into(const Maps* maps, std::string key, Answer* out) {
  Answer answer = co_await maps->find(key);
  *out = std::move(answer);
}

async::Task<> match_into(const MatchList* list, std::string name, std::string address, Result<bool>* out) {
  Result<bool> answer = co_await list->match(name, address);
  *out = std::move(answer);
}

async::Task<> unlock_later(async::Loop* loop, int fd) {
  co_await async::sleep(*loop, Duration(120));
  ::flock(fd, LOCK_UN);
}

class MapsTest : public TableFixture {
  CPPUNIT_TEST_SUITE(MapsTest);
  CPPUNIT_TEST(first_result_wins);
  CPPUNIT_TEST(error_stops_and_is_named);
  CPPUNIT_TEST(empty_result_is_an_error);
  CPPUNIT_TEST(unavailable_is_temporary_and_heals);
  CPPUNIT_TEST(unsupported_is_temporary);
  CPPUNIT_TEST(partial_keys_are_not_for_patterns);
  CPPUNIT_TEST(remote_tables);
  CPPUNIT_TEST(waits_for_postmap);
  CPPUNIT_TEST(rewritten_database_is_read_at_once);
  CPPUNIT_TEST(text_file_is_read_again);
  CPPUNIT_TEST(jail_asks_for_a_new_worker);
  CPPUNIT_TEST(match_domains);
  CPPUNIT_TEST(match_parents);
  CPPUNIT_TEST(match_files_and_tables);
  CPPUNIT_TEST(match_networks);
  CPPUNIT_TEST(match_errors);
  CPPUNIT_TEST_SUITE_END();

  Answer find(const Maps& maps, const std::string& key) {
    Answer answer = fail("never answered");
    loop_->spawn(find_into(&maps, key, &answer));
    loop_->run();
    return answer;
  }
  bool in(const MatchList& list, std::string_view name) {
    const auto found = list.match_now(name);
    CPPUNIT_ASSERT(found);
    return *found;
  }

  void first_result_wins() {
    const Maps maps("virtual_alias_maps", "inline:{a=1}, inline:{{a=2} {b=3 4}}", context_);
    same("1", shown(find(maps, "a")));
    same("3 4", shown(find(maps, "b")));
    same("(none)", shown(find(maps, "c")));
    CPPUNIT_ASSERT(!maps.empty() && !maps.remote());
    CPPUNIT_ASSERT(Maps("x", "", context_).empty());
  }

  void error_stops_and_is_named() {
    const Maps maps("m", "inline:{a=1} fail:x inline:{b=2}", context_);
    same("1", shown(find(maps, "a")));
    CPPUNIT_ASSERT(!find(maps, "b"));
    CPPUNIT_ASSERT(logged("warning: fail:x lookup error for \"b\""));
  }

  void empty_result_is_an_error() {
    const Maps maps("m", "inline:{a=}", context_);
    CPPUNIT_ASSERT(!find(maps, "a"));
    CPPUNIT_ASSERT(logged("empty string result"));
  }

  void unavailable_is_temporary_and_heals() {
    const Maps maps("m", "hash:" + path("t"), context_);
    CPPUNIT_ASSERT(logged("error: open database " + path("t") + ".db: No such file or directory"));
    CPPUNIT_ASSERT(!find(maps, "a"));
    CPPUNIT_ASSERT(logged("hash:" + path("t") + " is unavailable. open database " + path("t") + ".db: No such file"));
    build("hash:" + path("t"), {{"a", "1"}});
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    same("1", shown(find(maps, "a")));
  }

  void unsupported_is_temporary() {
    const Maps maps("m", "nosuch:x", context_);
    CPPUNIT_ASSERT(!find(maps, "a"));
    CPPUNIT_ASSERT(logged("nosuch:x is unavailable. unsupported dictionary type: nosuch"));
    const Maps bad("m", "static:{a", context_);
    CPPUNIT_ASSERT(!find(bad, "a"));
  }

  void partial_keys_are_not_for_patterns() {
    const Maps maps("m", "regexp:{{/./ pattern}} inline:{@x.test=domain}", context_);
    same("pattern", shown(find(maps, "u@x.test")));
    const auto keys = mapping_keys("u+e@x.test", {"+", false, Parents::none});
    std::size_t index = 9;
    same("pattern", shown(maps.find_first_now(keys, &index)));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, index);
    const Maps indexed("m", "regexp:{{/nothing/ x}} inline:{@x.test=domain}", context_);
    same("domain", shown(indexed.find_first_now(keys, &index)));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, index);
  }

  void remote_tables() {
    FakeRemote remote;
    context_.remote = &remote;
    const Maps maps("local_recipient_maps", "proxy:unix:passwd.byname inline:{a=1} unix:group.byname", context_);
    CPPUNIT_ASSERT(maps.remote());
    same("root:x:0", shown(find(maps, "root")));
    same("1", shown(find(maps, "a")));
    same("(none)", shown(find(maps, "b")));
    same("unix:passwd.byname root", remote.asked[0]);
    same("unix:group.byname b", remote.asked.back());
    CPPUNIT_ASSERT(!maps.find_now("root"));
    // A part that only proxymap can open takes the whole table there.
    const Maps compound("m", "unionmap:{unix:passwd.byname,static:x}", context_);
    same("root:x:0", shown(find(compound, "root")));
    remote.broken = true;
    CPPUNIT_ASSERT(!find(maps, "root"));
  }

  void waits_for_postmap() {
    build("hash:" + path("t"), {{"a", "1"}});
    const Maps maps("m", "hash:" + path("t"), context_);
    const Fd other(::open((path("t") + ".db").c_str(), O_RDWR));
    CPPUNIT_ASSERT_EQUAL(0, ::flock(other.get(), LOCK_EX));
    loop_->spawn(unlock_later(loop_.get(), other.get()));
    same("1", shown(find(maps, "a")));
  }

  void rewritten_database_is_read_at_once() {
    for (const std::string type : {"hash", "btree", "lmdb"}) {
      build(type + ":" + path("t"), {{"a", "1"}});
      const Maps maps("m", type + ":" + path("t"), context_);
      same("1", shown(find(maps, "a")));
      build(type + ":" + path("t"), {{"a", "22"}, {"b", "3"}});
      same("22", shown(find(maps, "a")));
      same("3", shown(find(maps, "b")));
    }
  }

  void text_file_is_read_again() {
    write("t", "a 1\n");
    const Maps maps("m", "texthash:" + path("t"), context_);
    same("1", shown(find(maps, "a")));
    write("t", "a 22\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    same("22", shown(find(maps, "a")));
    // A file that is gone leaves what was read.
    std::filesystem::remove(path("t"));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    same("22", shown(find(maps, "a")));
  }

  void jail_asks_for_a_new_worker() {
    std::vector<std::string> asked;
    context_.must_restart = [&asked](const std::string& spec) { asked.push_back(spec); };
    build("cdb:" + path("t"), {{"a", "1"}});
    const std::string spec = "cdb:" + path("t");
    const Maps maps("m", spec, context_);
    // The new version is not a database: as from inside a jail, it cannot be opened.
    CPPUNIT_ASSERT(files::write_atomic(path("t") + ".cdb", "not a database"));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    same("1", shown(find(maps, "a")));
    CPPUNIT_ASSERT(asked == std::vector<std::string>{spec});
    CPPUNIT_ASSERT(logged("table " + spec + " has changed -- restarting"));
  }

  void match_domains() {
    const MatchList list("mydestination", MatchKind::string, "A.test, !no.deep.test .deep.test", false, context_);
    CPPUNIT_ASSERT(in(list, "a.TEST"));
    CPPUNIT_ASSERT(!in(list, "sub.a.test"));
    CPPUNIT_ASSERT(!in(list, "x.deep.test"));
    CPPUNIT_ASSERT(!in(list, ""));
  }

  void match_parents() {
    const MatchList dotted("relay_domains", MatchKind::domain, "a.test, !no.b.test, .b.test", false, context_);
    CPPUNIT_ASSERT(!in(dotted, "x.a.test"));
    CPPUNIT_ASSERT(in(dotted, "x.b.test"));
    CPPUNIT_ASSERT(!in(dotted, "b.test"));
    CPPUNIT_ASSERT(!in(dotted, "no.b.test"));
    const MatchList parents("relay_domains", MatchKind::domain, "a.test inline:{t.test=x}", true, context_);
    CPPUNIT_ASSERT(in(parents, "x.a.test"));
    CPPUNIT_ASSERT(in(parents, "y.x.t.test"));
    CPPUNIT_ASSERT(!in(parents, "xa.test"));
  }

  void match_files_and_tables() {
    write("list", "f.test,\n  g.test\n# h.test\n!i.test\n");
    const MatchList list("mydestination", MatchKind::string, path("list") + " static:x", false, context_);
    CPPUNIT_ASSERT(in(list, "f.test") && in(list, "g.test") && in(list, "h.test"));
    CPPUNIT_ASSERT(!in(list, "i.test"));
    const MatchList negated("m", MatchKind::string, "!" + path("list") + ", static:x", false, context_);
    CPPUNIT_ASSERT(!in(negated, "f.test") && in(negated, "z.test"));
  }

  void match_networks() {
    const MatchList list("mynetworks", MatchKind::network,
                         "!198.51.100.9, 198.51.100.8/29, [2001:db8::]/32, ::1, cidr:{{10.0.0.0/8 x}}", false,
                         context_);
    CPPUNIT_ASSERT(in(list, "198.51.100.10") && !in(list, "198.51.100.9") && !in(list, "198.51.100.7"));
    CPPUNIT_ASSERT(in(list, "2001:db8::5") && in(list, "::1") && !in(list, "::2"));
    CPPUNIT_ASSERT(in(list, "10.9.9.9") && !in(list, "unknown"));
    const MatchList both("debug_peer_list", MatchKind::name_or_network, "peer.test 10.0.0.0/8", true, context_);
    CPPUNIT_ASSERT(both.match_now("x.peer.test", "1.2.3.4").value());
    CPPUNIT_ASSERT(both.match_now("unknown", "10.2.3.4").value());
    CPPUNIT_ASSERT(!both.match_now("unknown", "1.2.3.4").value());
  }

  void match_errors() {
    const MatchList list("mynetworks", MatchKind::network, "127.0.0.1 1.2.3.4/24", false, context_);
    CPPUNIT_ASSERT(list.match_now("127.0.0.1").value());
    CPPUNIT_ASSERT(!list.match_now("5.6.7.8"));
    CPPUNIT_ASSERT(
        logged("warning: mynetworks: non-null host address bits in \"1.2.3.4/24\", perhaps you should use "
               "\"1.2.3.0/24\" instead"));
    const MatchList broken("relay_domains", MatchKind::domain, "a.test fail:x", false, context_);
    Result<bool> answer = fail("never answered");
    loop_->spawn(match_into(&broken, "b.test", "", &answer));
    loop_->run();
    CPPUNIT_ASSERT(!answer);
    CPPUNIT_ASSERT(logged("warning: relay_domains: fail:x: table lookup problem"));
    const MatchList missing("m", MatchKind::string, path("nofile"), false, context_);
    CPPUNIT_ASSERT(!missing.match_now("a.test"));
  }

 public:
  void setUp() override {
    TableFixture::setUp();
    loop_ = std::make_unique<async::Loop>();
    context_.loop = loop_.get();
  }
  void tearDown() override {
    loop_.reset();
    TableFixture::tearDown();
  }

 private:
  std::unique_ptr<async::Loop> loop_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(MapsTest);

}  // namespace
}  // namespace postern::table
