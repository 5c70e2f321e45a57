// SPDX-License-Identifier: Apache-2.0
// What tables do to the addresses of a message, seen in its queue file.
#include "cleanup/mapping.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/cleanup/message_world.h"

using namespace std::string_literals;

namespace postern::cleanup {

using service::CleanupStatus;

class MappingTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MappingTest);
  CPPUNIT_TEST(canonical_classes);
  CPPUNIT_TEST(canonical_goes_on_with_its_result);
  CPPUNIT_TEST(canonical_that_cannot_be_used);
  CPPUNIT_TEST(extensions_are_propagated_where_asked);
  CPPUNIT_TEST(headers_of_remote_mail_are_left_alone);
  CPPUNIT_TEST(class_names);
  CPPUNIT_TEST(masquerading);
  CPPUNIT_TEST(masquerade_classes_and_exceptions);
  CPPUNIT_TEST(alias_expansion);
  CPPUNIT_TEST(alias_limits);
  CPPUNIT_TEST(alias_tables_that_fail);
  CPPUNIT_TEST(members_of_an_alias_report_no_success);
  CPPUNIT_TEST(blind_copies);
  CPPUNIT_TEST(what_receive_override_options_switch_off);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override { world_ = std::make_unique<MessageWorld>(); }
  void tearDown() override { world_.reset(); }

  void canonical_classes() {
    world_->main_cf +=
        "sender_canonical_maps = inline:{s@old.test=s@new.test}\n"
        "recipient_canonical_maps = inline:{r@old.test=r@new.test}\ncanonical_maps = inline:{@old.test=@mid.test}\n";
    send("s@old.test", {"r@old.test", "x@old.test"}, {"From: s@old.test", "To: r@old.test, Ann <x@old.test>", "", "x"});
    CPPUNIT_ASSERT_EQUAL("s@new.test"s, world_->payloads('S'));
    CPPUNIT_ASSERT_EQUAL("r@new.test x@mid.test"s, world_->payloads('R'));
    CPPUNIT_ASSERT_EQUAL("r@old.test x@old.test"s, world_->payloads('O'));
    CPPUNIT_ASSERT(world_->content().starts_with("From: s@new.test\nTo: r@new.test, Ann <x@mid.test>\n"));
    world_->main_cf += "canonical_classes = header_recipient\nsender_canonical_classes = header_sender\n";
    send("s@old.test", {"x@old.test"}, {"From: s@old.test", "To: x@old.test"});
    CPPUNIT_ASSERT_EQUAL("s@old.test"s, world_->payloads('S'));
    CPPUNIT_ASSERT_EQUAL("x@old.test"s, world_->payloads('R'));
    CPPUNIT_ASSERT(world_->content().starts_with("From: s@new.test\nTo: x@mid.test\n"));
  }

  void canonical_goes_on_with_its_result() {
    world_->main_cf +=
        "canonical_maps = inline:{ {alice = a.long} {a.long@example.test = bob@far.test} {l1@x.test = l2@x.test} "
        "{l2@x.test = l1@x.test} }\n";
    send("", {"alice", "l1@x.test"});
    CPPUNIT_ASSERT_EQUAL("bob@far.test l1@x.test"s, world_->payloads('R'));
    CPPUNIT_ASSERT(world_->log.has("unreasonable canonical_maps map nesting for l1@x.test"));
  }

  void canonical_that_cannot_be_used() {
    world_->main_cf += "canonical_maps = inline:{ {a@x.test = (nobody)} {two@x.test = b@x.test, c@x.test} }\n";
    CPPUNIT_ASSERT(send("", {"a@x.test"}).status == CleanupStatus::write);
    CPPUNIT_ASSERT(!world_->exists());
    CPPUNIT_ASSERT(world_->log.has("canonical_maps lookup of a@x.test returns non-address result \"(nobody)\""));
    CPPUNIT_ASSERT(
        world_->log.has("canonical_maps map lookup problem for a@x.test -- message not accepted, try again later"));
    world_->main_cf += "canonical_maps = fail:x\n";
    CPPUNIT_ASSERT(send("b@x.test", {"c@x.test"}).status == CleanupStatus::write);
  }

  void extensions_are_propagated_where_asked() {
    world_->main_cf +=
        "canonical_maps = inline:{alice=ann@far.test}\nvirtual_alias_maps = inline:{bob@example.test=rob@far.test}\n";
    send("", {"alice+x@example.test", "bob+y@example.test"});
    CPPUNIT_ASSERT_EQUAL("ann+x@far.test rob+y@far.test"s, world_->payloads('R'));
    world_->main_cf += "propagate_unmatched_extensions = virtual\n";
    send("", {"alice+x@example.test", "bob+y@example.test"});
    CPPUNIT_ASSERT_EQUAL("ann@far.test rob+y@far.test"s, world_->payloads('R'));
  }

  void headers_of_remote_mail_are_left_alone() {
    world_->main_cf += "canonical_maps = inline:{@old.test=@new.test}\n";
    send("", {"x@old.test"}, {"To: x@old.test, bare"}, false);
    CPPUNIT_ASSERT_EQUAL("x@new.test"s, world_->payloads('R'));
    CPPUNIT_ASSERT(world_->content().starts_with("To: x@old.test, bare\n"));
    world_->main_cf += "remote_header_rewrite_domain = remote.invalid\n";
    send("", {"x@old.test"}, {"To: x@old.test"}, false);
    CPPUNIT_ASSERT(world_->content().starts_with("To: x@new.test\n"));
  }

  void class_names() {
    CPPUNIT_ASSERT_EQUAL(9U, *parse_classes("p", "envelope_sender, Header_Recipient"));
    CPPUNIT_ASSERT_EQUAL(0U, *parse_classes("p", ""));
    CPPUNIT_ASSERT_EQUAL("unknown p value \"from\" in \"from\""s, parse_classes("p", "from").error().text);
  }

  void masquerading() {
    const std::vector<std::string> domains = {"!keep.example.test", "sub.example.test", "example.test"};
    CPPUNIT_ASSERT_EQUAL("u@example.test"s, *masqueraded(domains, "u@host.Example.test"));
    CPPUNIT_ASSERT_EQUAL("u@sub.example.test"s, *masqueraded(domains, "u@a.b.sub.example.test"));
    for (const auto* same :
         {"u@example.test", "u@keep.example.test", "u@x.keep.example.test", "u@badexample.test", "u"}) {
      CPPUNIT_ASSERT(!masqueraded(domains, same));
    }
  }

  void masquerade_classes_and_exceptions() {
    world_->main_cf += "masquerade_domains = example.test\nmasquerade_exceptions = root\n";
    send("u@h.example.test", {"r@h.example.test"}, {"From: root@h.example.test", "To: r@h.example.test"});
    CPPUNIT_ASSERT_EQUAL("u@example.test"s, world_->payloads('S'));
    CPPUNIT_ASSERT_EQUAL("r@h.example.test"s, world_->payloads('R'));
    CPPUNIT_ASSERT(world_->content().starts_with("From: root@h.example.test\nTo: r@example.test\n"));
  }

  void alias_expansion() {
    world_->main_cf +=
        "virtual_alias_maps = inline:{ {two@v.test = u1@x.test, chain@v.test} {chain@v.test=u2@x.test} "
        "{@all.test=@x.test} {self@v.test = self@v.test u3@x.test} {local=carol} }\n";
    send("", {"two@v.test", "any@all.test", "self@v.test", "local@example.test", "plain@x.test"});
    CPPUNIT_ASSERT_EQUAL("u1@x.test u2@x.test any@x.test self@v.test u3@x.test carol@example.test plain@x.test"s,
                         world_->payloads('R'));
    CPPUNIT_ASSERT(world_->payloads('O').starts_with("two@v.test two@v.test any@all.test self@v.test"));
  }

  void alias_limits() {
    world_->main_cf +=
        "virtual_alias_recursion_limit = 3\nvirtual_alias_expansion_limit = 3\nvirtual_alias_address_length_limit = "
        "20\n"
        "virtual_alias_maps = inline:{ {a1@v=a2@v} {a2@v=a3@v} {a3@v=a4@v} {many@v = a@x b@x c@x d@x} "
        "{three@v = a@x b@x c@x} {long@v=a@xxxxxxxxxxxxxxxxxxxxxxxxxxx} {grow@v=grow+x@v} }\n";
    CPPUNIT_ASSERT(send("", {"a2@v"}).status == CleanupStatus::ok);
    CPPUNIT_ASSERT(send("", {"three@v"}).status == CleanupStatus::ok);
    for (const auto* address : {"a1@v", "many@v", "long@v", "grow@v"}) {
      const auto result = send("", {address}, {"Subject: x"});
      CPPUNIT_ASSERT(result.status == CleanupStatus::content);
      CPPUNIT_ASSERT_EQUAL("4.6.0 Alias expansion error"s, result.reason);
      CPPUNIT_ASSERT(!world_->exists());
    }
    const std::string tail = " -- message not accepted, try again later";
    CPPUNIT_ASSERT(world_->log.has("unreasonable virtual_alias_maps map nesting for a1@v" + tail));
    CPPUNIT_ASSERT(world_->log.has("unreasonable virtual_alias_maps map expansion size for many@v" + tail));
    CPPUNIT_ASSERT(world_->log.has("unreasonable virtual_alias_maps result a@xxxxxxxxxxxxxxxxxxxxxxxxxxx..." + tail));
  }

  void alias_tables_that_fail() {
    world_->main_cf += "virtual_alias_maps = inline:{a@v.test=b@v.test}, fail:x\n";
    CPPUNIT_ASSERT(send("", {"a@v.test"}).status == CleanupStatus::write);
    CPPUNIT_ASSERT(!world_->exists());
    CPPUNIT_ASSERT(world_->log.has("virtual_alias_maps map lookup problem for b@v.test"));
    // Nothing of a message that was refused in its envelope is looked at.
    CPPUNIT_ASSERT(!world_->log.has("message-id="));
  }

  void members_of_an_alias_report_no_success() {
    world_->main_cf += "virtual_alias_maps = inline:{exp@v.test=u@x.test}\n";
    Records records = MessageWorld::message("s@y.test", {}, {"Subject: x"});
    records.insert(records.begin() + 3, {{'A', "notify_flags=6"}, {'R', "exp@v.test"}});
    CPPUNIT_ASSERT(world_->send(records).status == CleanupStatus::ok);
    CPPUNIT_ASSERT(world_->payloads('A').find("notify_flags=4") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->appended.size());
    CPPUNIT_ASSERT_EQUAL("expanded exp@v.test 2.0.0"s, world_->appended[0].status.s.action + " " +
                                                           world_->appended[0].status.s.recipient + " " +
                                                           world_->appended[0].status.s.status);
    world_->bounce_works = false;
    CPPUNIT_ASSERT(world_->send(records).status == CleanupStatus::write);
    CPPUNIT_ASSERT(!world_->exists());
  }

  void blind_copies() {
    world_->main_cf +=
        "always_bcc = all\nsender_bcc_maps = inline:{s@x.test=s-copy@x.test}\n"
        "recipient_bcc_maps = inline:{@y.test=y-copy@x.test}\nvirtual_alias_maps = "
        "inline:{y-copy@x.test=real@x.test}\n";
    send("s@x.test", {"a@y.test", "b@y.test"});
    CPPUNIT_ASSERT_EQUAL("a@y.test b@y.test all@example.test s-copy@x.test real@x.test"s, world_->payloads('R'));
    CPPUNIT_ASSERT_EQUAL("a@y.test b@y.test all s-copy@x.test y-copy@x.test"s, world_->payloads('O'));
    const auto fd = files::open("incoming/" + world_->id, O_RDONLY);
    const auto envelope = mail::read_envelope(fd->get());
    CPPUNIT_ASSERT_EQUAL(1U, envelope->recipients.back().notify);  // NEVER
    CPPUNIT_ASSERT_EQUAL(""s, envelope->recipients.back().dsn_orig_rcpt);
    send("t@x.test", {"a@z.test"});
    CPPUNIT_ASSERT_EQUAL("a@z.test all@example.test"s, world_->payloads('R'));
  }

  void what_receive_override_options_switch_off() {
    world_->main_cf +=
        "always_bcc = all@x.test\ncanonical_maps = inline:{a@x.test=b@x.test}\n"
        "virtual_alias_maps = inline:{v@x.test=w@x.test}\nmasquerade_domains = x.test\n";
    world_->flags = service::cleanup_flag::kFilter;
    send("s@h.x.test", {"a@x.test", "v@x.test"});
    CPPUNIT_ASSERT_EQUAL("s@h.x.test"s, world_->payloads('S'));
    CPPUNIT_ASSERT_EQUAL("a@x.test v@x.test"s, world_->payloads('R'));
    // Mail that cleanup's own system makes is mapped, but not copied.
    world_->flags = service::cleanup_flag::kNotice;
    send("", {"v@x.test"});
    CPPUNIT_ASSERT_EQUAL("w@x.test"s, world_->payloads('R'));
  }

 private:
  service::CleanupResult send(const std::string& sender, const std::vector<std::string>& recipients,
                              const std::vector<std::string>& content = {"Subject: x"}, bool local = true) {
    return world_->send(MessageWorld::message(sender, recipients, content, local));
  }
  std::unique_ptr<MessageWorld> world_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(MappingTest);

}  // namespace postern::cleanup
