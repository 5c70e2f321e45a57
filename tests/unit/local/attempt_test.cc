// SPDX-License-Identifier: Apache-2.0
#include "local/attempt.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <algorithm>

#include "lib/mail/dsn.h"
#include "tests/unit/local/house.h"

namespace postern::local {

namespace {

bool has(const std::vector<std::string>& records, const std::string& record) {
  return std::ranges::find(records, record) != records.end();
}

}  // namespace

class AttemptTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AttemptTest);
  CPPUNIT_TEST(mailbox_of_a_user);
  CPPUNIT_TEST(extension_is_not_part_of_the_user);
  CPPUNIT_TEST(maildir_of_a_user);
  CPPUNIT_TEST(unknown_user_bounces);
  CPPUNIT_TEST(postmaster_never_bounces);
  CPPUNIT_TEST(delivered_to_ends_a_loop);
  CPPUNIT_TEST(alias_of_users_and_others);
  CPPUNIT_TEST(alias_that_names_itself_means_the_user);
  CPPUNIT_TEST(alias_loop_ends);
  CPPUNIT_TEST(alias_with_owner_becomes_new_mail);
  CPPUNIT_TEST(null_sender_stays_null);
  CPPUNIT_TEST(success_is_told_of_the_alias_alone);
  CPPUNIT_TEST(members_get_one_copy);
  CPPUNIT_TEST(extensions_go_on_where_told);
  CPPUNIT_TEST(one_failing_member_keeps_the_recipient);
  CPPUNIT_TEST(include_file);
  CPPUNIT_TEST(missing_include_file);
  CPPUNIT_TEST(alias_to_a_file);
  CPPUNIT_TEST(executable_file_is_refused);
  CPPUNIT_TEST(file_that_cannot_be);
  CPPUNIT_TEST(files_and_commands_can_be_forbidden);
  CPPUNIT_TEST(alias_to_a_command);
  CPPUNIT_TEST(command_sees_censored_values);
  CPPUNIT_TEST(command_that_fails);
  CPPUNIT_TEST(forward_file);
  CPPUNIT_TEST(forward_file_of_the_extension);
  CPPUNIT_TEST(writable_forward_file_is_ignored);
  CPPUNIT_TEST(mailbox_command_wins_over_mailbox);
  CPPUNIT_TEST(mailbox_transport);
  CPPUNIT_TEST(unreachable_transport_defers);
  CPPUNIT_TEST(luser_relay);
  CPPUNIT_TEST(refused_resubmission_is_not_lost);
  CPPUNIT_TEST(probe_delivers_nothing);
  CPPUNIT_TEST(foreign_uid_without_root);
  CPPUNIT_TEST_SUITE_END();

 public:
  void mailbox_of_a_user() {
    House house;
    house.deliver(house.me() + "@example.test");
    const std::string box = house.file("spool/" + house.me());
    CPPUNIT_ASSERT(box.starts_with("From sender@away.test  "));
    CPPUNIT_ASSERT(box.find("\nReturn-Path: <sender@away.test>\nX-Original-To: " + house.me() +
                            "@example.test\nDelivered-To: " + house.me() + "@example.test\nSubject: x\n\nbody\n\n") !=
                   std::string::npos);
    CPPUNIT_ASSERT(house.logged("status=sent (delivered to mailbox)"));
    CPPUNIT_ASSERT_EQUAL(std::string("D"), house.marks());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, house.undelivered);
  }
  void extension_is_not_part_of_the_user() {
    House house("frozen_delivered_to = no\n");
    house.deliver(house.me() + "+ext@example.test");
    CPPUNIT_ASSERT(house.file("spool/" + house.me()).find("Delivered-To: " + house.me() + "+ext@example.test") !=
                   std::string::npos);
  }
  void maildir_of_a_user() {
    House house("mail_spool_directory = spool/\nprepend_delivered_header = forward\n");
    house.deliver(house.me() + "@example.test");
    CPPUNIT_ASSERT(house.logged("(delivered to maildir)"));
    CPPUNIT_ASSERT_EQUAL(std::string("(none)"), house.file("spool/" + house.me()));
  }
  void unknown_user_bounces() {
    House house;
    house.deliver("Nobody-Here@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=5.1.1, status=bounced (unknown user: \"nobody-here\")"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, house.reports.size());
    CPPUNIT_ASSERT_EQUAL(std::string("D"), house.marks());
  }
  void postmaster_never_bounces() {
    House house;
    house.deliver("postmaster@example.test");
    CPPUNIT_ASSERT(house.logged("required alias not found: postmaster"));
    CPPUNIT_ASSERT(house.logged("status=sent (discarded)"));
    CPPUNIT_ASSERT(house.reports.empty());
  }
  void delivered_to_ends_a_loop() {
    House house;
    house.content = "Received: x\nDelivered-To: " + house.me() + "@EXAMPLE.test\n\nbody\n";
    house.deliver(house.me() + "@example.test");
    CPPUNIT_ASSERT(
        house.logged("dsn=5.4.6, status=bounced (mail forwarding loop for " + house.me() + "@example.test)"));
    // In the body it is only text.
    House other;
    other.content = "Subject: x\n\nDelivered-To: " + other.me() + "@example.test\n";
    other.deliver(other.me() + "@example.test");
    CPPUNIT_ASSERT(other.logged("status=sent"));
  }
  void alias_of_users_and_others() {
    House house("", {"team=nobodyhere, u@away.test, v@away.test"});
    house.deliver("Team@example.test");
    CPPUNIT_ASSERT(house.logged("to=<nobodyhere@example.test>, orig_to=<Team@example.test>, relay=local"));
    CPPUNIT_ASSERT(house.logged("to=<Team@example.test>, relay=local"));
    CPPUNIT_ASSERT(house.logged("status=sent (forwarded as NEWID)"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, house.resubmitted.size());
    const auto& mail = house.resubmitted[0];
    CPPUNIT_ASSERT(has(mail, "Ssender@away.test"));
    CPPUNIT_ASSERT(has(mail, "OTeam@example.test"));
    CPPUNIT_ASSERT(has(mail, "Ru@away.test"));
    CPPUNIT_ASSERT(has(mail, "Rv@away.test"));
    CPPUNIT_ASSERT(has(mail, "NReceived: by mx.example.test (Test)"));
    CPPUNIT_ASSERT(has(mail, "NDelivered-To: Team@example.test"));
    CPPUNIT_ASSERT(has(mail, "Nbody"));
    CPPUNIT_ASSERT_EQUAL(std::string("E"), mail.back());
  }
  void alias_that_names_itself_means_the_user() {
    House house("", {"self=self"});
    house.deliver("self@example.test");
    CPPUNIT_ASSERT(house.logged("unknown user: \"self\""));
  }
  void alias_loop_ends() {
    House house("", {"a=b", "b=a"});
    house.deliver("a@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=5.4.6, status=bounced (alias database loop for b)"));
  }
  void alias_with_owner_becomes_new_mail() {
    House house("", {"list=someone, u@away.test", "owner-list=boss"});
    house.deliver("list@example.test");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, house.resubmitted.size());
    const auto& mail = house.resubmitted[0];
    CPPUNIT_ASSERT(has(mail, "Sowner-list@example.test"));
    CPPUNIT_ASSERT(has(mail, "Rsomeone@example.test"));
    CPPUNIT_ASSERT(has(mail, "Osomeone@example.test"));
    CPPUNIT_ASSERT(has(mail, "Ru@away.test"));
    House expanding("expand_owner_alias = yes\n", {"list=u@away.test", "owner-list=boss@hq.test"});
    expanding.deliver("list@example.test");
    CPPUNIT_ASSERT(has(expanding.resubmitted.at(0), "Sboss@hq.test"));
  }
  void null_sender_stays_null() {
    House house("", {"list=u@away.test", "owner-list=boss"});
    house.deliver("list@example.test", "");
    CPPUNIT_ASSERT(has(house.resubmitted.at(0), "S"));
  }
  void success_is_told_of_the_alias_alone() {
    House house("", {"team=u@away.test"});
    house.deliver("team@example.test", "sender@away.test", 1, mail::notify::kSuccess);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, house.reports.size());
    CPPUNIT_ASSERT_EQUAL(std::string("trace team@example.test expanded 2.0.0 alias expanded"), house.reports[0]);
    CPPUNIT_ASSERT(has(house.resubmitted.at(0), "Anotify_flags=1"));
  }
  void members_get_one_copy() {
    House house("", {"all=team, u@away.test", "team=U@away.test, u@away.test"});
    house.deliver("all@example.test");
    CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{1}, std::ranges::count_if(house.resubmitted.at(0), [](const auto& r) {
                           return r.starts_with("R") || r.starts_with("r");
                         }));
  }
  void extensions_go_on_where_told() {
    House house("propagate_unmatched_extensions = alias\n", {"team=u@away.test"});
    house.deliver("team+ext@example.test");
    CPPUNIT_ASSERT(has(house.resubmitted.at(0), "Ru+ext@away.test"));
    House plain("", {"team=u@away.test"});
    plain.deliver("team+ext@example.test");
    CPPUNIT_ASSERT(has(plain.resubmitted.at(0), "Ru@away.test"));
  }
  void one_failing_member_keeps_the_recipient() {
    House house("", {"team=\"|exit 75\", \"|exit 0\""});
    house.deliver("team@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=4.3.0, status=deferred (temporary failure)"));
    CPPUNIT_ASSERT(house.logged("status=sent (delivered to command: exit 0)"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, house.undelivered);
    CPPUNIT_ASSERT_EQUAL(std::string("R"), house.marks());
  }
  void include_file() {
    House house("", {"inc=:include:/nowhere"});
    House real("", {"inc=:include:" + house.directory() + "/members"});
    house.write("members", "# who\nu@away.test\nsomeone (a comment)\n");
    real.deliver("inc@example.test");
    CPPUNIT_ASSERT(has(real.resubmitted.at(0), "Ru@away.test"));
    CPPUNIT_ASSERT(has(real.resubmitted.at(0), "Rsomeone@example.test"));
  }
  void missing_include_file() {
    House house("", {"inc=:include:/no/such/file", "relative=:include:file"});
    house.deliver("inc@example.test");
    CPPUNIT_ASSERT(house.logged("unable to lookup :include: file /no/such/file: No such file or directory"));
    CPPUNIT_ASSERT(house.logged("dsn=5.3.5, status=bounced (mail system configuration error)"));
    house.deliver("relative@example.test");
    CPPUNIT_ASSERT(house.logged(":include:file uses a relative path"));
  }
  void alias_to_a_file() {
    House scratch;
    House house("", {"file=" + scratch.directory() + "/box", "null=/dev/null"});
    house.deliver("file@example.test");
    CPPUNIT_ASSERT(house.logged("(delivered to file: " + scratch.directory() + "/box)"));
    CPPUNIT_ASSERT(scratch.file("box").ends_with("\n\nbody\n\n"));
    house.deliver("null@example.test");
    CPPUNIT_ASSERT(house.logged("(delivered to file: /dev/null)"));
  }
  void executable_file_is_refused() {
    House scratch;
    House house("", {"file=" + scratch.directory() + "/tool"});
    scratch.write("tool", "#!/bin/sh\n", 0755);
    house.deliver("file@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=5.7.1, status=bounced (cannot append message to file " + scratch.directory() +
                                "/tool: file is executable)"));
    CPPUNIT_ASSERT_EQUAL(std::string("#!/bin/sh\n"), scratch.file("tool"));
  }
  void files_and_commands_can_be_forbidden() {
    House house("allow_mail_to_commands = forward\nallow_mail_to_files =\n", {"c=|touch made", "f=/dev/null"});
    house.deliver("c@example.test");
    house.deliver("f@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=5.7.1, status=bounced (mail to command is restricted)"));
    CPPUNIT_ASSERT(house.logged("dsn=5.7.1, status=bounced (mail to file is restricted)"));
    CPPUNIT_ASSERT_EQUAL(std::string("(none)"), house.file("made"));
  }
  void alias_to_a_command() {
    House house("", {"c=\"|cat > made; echo chatter\""});
    house.content = "Subject: x\n\nFrom here\n";
    house.deliver("c+ext@example.test");
    CPPUNIT_ASSERT(house.logged("(delivered to command: cat > made; echo chatter)"));
    CPPUNIT_ASSERT(house.file("made").starts_with("From sender@away.test  "));
    CPPUNIT_ASSERT(house.file("made").ends_with("\n\nFrom here\n"));
  }
  void command_sees_censored_values() {
    House house("export_environment = TZ=UTC\n", {"c=\"|env > made\""});
    house.deliver("c+e$(x)@example.test", "a`b`@away.test");
    const std::string env = "\n" + house.file("made");
    for (const char* line :
         {"\nLOCAL=c+e__x_\n", "\nEXTENSION=e__x_\n", "\nSENDER=a_b_@away.test\n", "\nUSER=c\n",
          "\nDOMAIN=example.test\n", "\nTZ=UTC\n", "\nCLIENT_ADDRESS=192.0.2.1\n", "\nPATH=/usr/bin:/bin\n"}) {
      CPPUNIT_ASSERT_MESSAGE(line, env.find(line) != std::string::npos);
    }
    CPPUNIT_ASSERT(env.find("\nHOME=") == std::string::npos);
  }
  void command_that_fails() {
    House house("", {"c=\"|echo no such person; exit 67\""});
    house.deliver("c@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=5.1.1, status=bounced (user unknown. Command output: no such person )"));
  }
  void forward_file() {
    House house;
    house.write("forward", "# mine\n\\" + house.me() + ", u@away.test, \"|cat > " + house.directory() + "/made\"\n");
    house.deliver(house.me() + "@example.test");
    CPPUNIT_ASSERT(house.logged("(delivered to mailbox)"));
    CPPUNIT_ASSERT(house.logged("(forwarded as NEWID)"));
    CPPUNIT_ASSERT(has(house.resubmitted.at(0), "Ru@away.test"));
    CPPUNIT_ASSERT(house.file("made").find("Subject: x") != std::string::npos);
    // Another user of this host gets new mail; the user's own name means the mailbox.
    house.write("forward", "somebodyelse, " + house.me() + "\n");
    house.deliver(house.me() + "@example.test");
    CPPUNIT_ASSERT(has(house.resubmitted.at(1), "Rsomebodyelse@example.test"));
    CPPUNIT_ASSERT(!has(house.resubmitted.at(1), "R" + house.me() + "@example.test"));
  }
  void forward_file_of_the_extension() {
    House house;
    house.write("forward", "u@away.test\n");
    house.write("forward+x", "x@away.test\n");
    house.deliver(house.me() + "+x@example.test");
    CPPUNIT_ASSERT(has(house.resubmitted.at(0), "Rx@away.test"));
    house.deliver(house.me() + "+y@example.test");
    CPPUNIT_ASSERT(has(house.resubmitted.at(1), "Ru@away.test"));
  }
  void writable_forward_file_is_ignored() {
    House house;
    house.write("forward", "u@away.test\n", 0666);
    house.deliver(house.me() + "@example.test");
    CPPUNIT_ASSERT(house.logged("warning: file " + house.directory() + "/forward is world writable"));
    CPPUNIT_ASSERT(house.logged("(delivered to mailbox)"));
    CPPUNIT_ASSERT(house.resubmitted.empty());
  }
  void mailbox_command_wins_over_mailbox() {
    House house("mailbox_command = cat > made\nallow_mail_to_commands =\nprepend_delivered_header =\n");
    house.deliver(house.me() + "@example.test");
    CPPUNIT_ASSERT(house.logged("(delivered to command: cat > made)"));
    CPPUNIT_ASSERT(house.file("made").find("Subject: x") != std::string::npos);
    CPPUNIT_ASSERT(house.file("made").find("Delivered-To:") == std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("(none)"), house.file("spool/" + house.me()));
    House elsewhere("mailbox_command = pwd; exit 75\ncommand_execution_directory = /usr/${user?share}\n");
    elsewhere.deliver(elsewhere.me() + "@example.test");
    CPPUNIT_ASSERT(elsewhere.logged("status=deferred (temporary failure. Command output: /usr/share )"));
  }
  void mailbox_transport() {
    House house("mailbox_transport = other:next\nfallback_transport = other:busy\n");
    house.deliver(house.me() + "@example.test");
    CPPUNIT_ASSERT(house.logged("passing <" + house.me() + "@example.test> to transport=other"));
    CPPUNIT_ASSERT_EQUAL(std::string("next"), house.passed.at(0).nexthop);
    CPPUNIT_ASSERT_EQUAL(std::string("D"), house.marks());
    House busy("fallback_transport = other:busy\n");
    busy.deliver("nobodyhere@example.test");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, busy.passed.size());
    CPPUNIT_ASSERT_EQUAL(std::string("R"), busy.marks());
  }
  void unreachable_transport_defers() {
    House house("mailbox_transport_maps = inline:{ {nobodyhere=gone} }\n");
    house.deliver("nobodyhere@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=4.3.0, status=deferred (mail transport unavailable)"));
    CPPUNIT_ASSERT_EQUAL(std::string("R"), house.marks());
  }
  void luser_relay() {
    House house("luser_relay = box+$local@away.test\n");
    house.deliver("nobodyhere+x@example.test");
    CPPUNIT_ASSERT(has(house.resubmitted.at(0), "Rbox+nobodyhere+x@away.test"));
  }
  void refused_resubmission_is_not_lost() {
    House house("", {"team=u@away.test"});
    house.verdict.status = service::CleanupStatus::write;
    house.deliver("team@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=4.3.0, status=deferred (unable to forward message)"));
    CPPUNIT_ASSERT_EQUAL(std::string("R"), house.marks());
    house.verdict.status = service::CleanupStatus::hops;
    house.deliver("team@example.test");
    CPPUNIT_ASSERT(house.logged("dsn=5.4.6, status=bounced"));
  }
  void file_that_cannot_be() {
    House house("", {"f=/no/such/directory/file"});
    house.deliver("f@example.test");
    CPPUNIT_ASSERT(
        house.logged("dsn=5.2.0, status=bounced (cannot append message to file /no/such/directory/file: "
                     "cannot create file exclusively: No such file or directory)"));
  }
  void probe_delivers_nothing() {
    House house("", {"team=u@away.test"});
    const auto flags = service::delivery_flag::kUserVerify;
    house.deliver(house.me() + "@example.test", "sender@away.test", flags);
    house.deliver("team@example.test", "sender@away.test", flags);
    house.deliver("nobodyhere@example.test", "sender@away.test", flags);
    CPPUNIT_ASSERT(house.logged("status=deliverable (delivers to mailbox)"));
    CPPUNIT_ASSERT(house.logged("to=<u@away.test>, relay=local"));
    CPPUNIT_ASSERT(house.logged("status=deliverable (forwards to u@away.test)"));
    CPPUNIT_ASSERT(house.logged("status=undeliverable (unknown user: \"nobodyhere\")"));
    CPPUNIT_ASSERT_EQUAL(std::string("(none)"), house.file("spool/" + house.me()));
    CPPUNIT_ASSERT(house.resubmitted.empty());
  }
  void foreign_uid_without_root() {
    if (::geteuid() == 0) return;
    House house;
    house.deliver("root@example.test");
    CPPUNIT_ASSERT(house.logged("status=deferred (this mail system does not run as root"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AttemptTest);

}  // namespace postern::local
