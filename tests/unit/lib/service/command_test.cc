// SPDX-License-Identifier: Apache-2.0
#include "lib/service/command.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "lib/base/log.h"

namespace postern::service {

using namespace std::chrono_literals;

namespace {

async::Task<> run_into(async::Loop* loop, Command command, CommandInput input,
                       std::optional<Result<CommandResult>>* out) {
  *out = co_await run_command(*loop, std::move(command), std::move(input));
}

// A text, as one piece of input.
CommandInput text_input(std::string text) {
  return [text = std::move(text), given = false](std::string& out) mutable -> Result<bool> {
    if (given) return false;
    given = true;
    out += text;
    return true;
  };
}

}  // namespace

class CommandTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CommandTest);
  CPPUNIT_TEST(input_and_output);
  CPPUNIT_TEST(large_input_that_is_not_read);
  CPPUNIT_TEST(large_output_is_cut);
  CPPUNIT_TEST(environment_is_exactly_what_was_given);
  CPPUNIT_TEST(words_are_executed_without_a_shell);
  CPPUNIT_TEST(the_shell_that_was_named);
  CPPUNIT_TEST(no_descriptor_leaks);
  CPPUNIT_TEST(what_cannot_be_executed);
  CPPUNIT_TEST(another_root_directory);
  CPPUNIT_TEST(attached_to_a_connection);
  CPPUNIT_TEST(time_limit_kills_the_whole_group);
  CPPUNIT_TEST(background_children_are_not_waited_for);
  CPPUNIT_TEST(unreadable_input_is_an_error);
  CPPUNIT_TEST(file_size_limit);
  CPPUNIT_TEST(another_user_without_root);
  CPPUNIT_TEST(another_user_with_root);
  CPPUNIT_TEST(shell_syntax);
  CPPUNIT_TEST(verdicts);
  CPPUNIT_TEST(own_status);
  CPPUNIT_TEST(output_text);
  CPPUNIT_TEST(exported);
  CPPUNIT_TEST_SUITE_END();

  async::Loop loop_;

  static Command line(std::string text) {
    Command command;
    command.line = std::move(text);
    command.uid = ::geteuid();
    command.gid = ::getegid();
    command.time_limit = 20s;
    return command;
  }
  Result<CommandResult> run(Command command, CommandInput input = text_input("")) {
    std::optional<Result<CommandResult>> out;
    const auto id = loop_.spawn(run_into(&loop_, std::move(command), std::move(input), &out));
    while (loop_.running(id)) loop_.run_once();
    return std::move(*out);
  }
  std::string output(const std::string& text) { return run(line(text)).value().output; }
  Outcome verdict(const std::string& text) { return command_outcome(run(line(text)).value(), text); }

 public:
  // As in every service.
  void setUp() override { std::signal(SIGPIPE, SIG_IGN); }

  void input_and_output() {
    const auto result = run(line("cat; echo error >&2"), text_input("one\ntwo\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("one\ntwo\nerror\n"), result.value().output);
    CPPUNIT_ASSERT_EQUAL(0, result->wait_status);
  }
  void large_input_that_is_not_read() {
    const auto result = run(line("exit 0"), text_input(std::string(4 << 20, 'x')));
    CPPUNIT_ASSERT_EQUAL(0, result.value().wait_status);
    const auto counted = run(line("wc -c"), text_input(std::string(4 << 20, 'x')));
    CPPUNIT_ASSERT_EQUAL(std::string("4194304\n"), counted.value().output);
  }
  void large_output_is_cut() { CPPUNIT_ASSERT_EQUAL(std::size_t{2000}, output("yes | head -c 1000000").size()); }
  void environment_is_exactly_what_was_given() {
    ::setenv("SECRET_OF_THE_PARENT", "x", 1);
    Command command = line("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort");
    command.environment = {"B=2", "A=1 '"};
    CPPUNIT_ASSERT_EQUAL(std::string("A=1 '\nB=2\nPATH=/usr/bin:/bin\n"), run(std::move(command)).value().output);
    ::unsetenv("SECRET_OF_THE_PARENT");
  }
  void words_are_executed_without_a_shell() {
    Command command;
    command.arguments = {"echo", "$HOME; ls", "b"};
    command.uid = ::geteuid();
    command.gid = ::getegid();
    CPPUNIT_ASSERT_EQUAL(std::string("$HOME; ls b\n"), run(std::move(command)).value().output);
    // A file may be there tomorrow; a word that PATH does not know is the shell's to refuse.
    const auto missing = run(line("/no/such/program argument")).value();
    CPPUNIT_ASSERT_EQUAL(EX_TEMPFAIL, WEXITSTATUS(missing.wait_status));
    CPPUNIT_ASSERT_EQUAL(std::string("fatal: execvp /no/such/program: No such file or directory\n"), missing.output);
    const auto unknown = run(line("no-such-program argument")).value();
    CPPUNIT_ASSERT_EQUAL(127, WEXITSTATUS(unknown.wait_status));
    CPPUNIT_ASSERT(unknown.output.starts_with("sh: "));
  }
  void the_shell_that_was_named() {
    Command command = line("plain words");
    command.shell = "/bin/echo -n shell:";
    CPPUNIT_ASSERT_EQUAL(std::string("shell: plain words"), run(std::move(command)).value().output);
  }
  void no_descriptor_leaks() { CPPUNIT_ASSERT_EQUAL(std::string("0\n1\n2\n3\n"), output("ls /proc/self/fd | cat")); }
  void what_cannot_be_executed() {
    std::string logged;
    log::set_sink([&](log::Level, std::string_view said) { logged += said; });
    Command command = line("");
    command.arguments = {"/no/such/program"};
    command.complaint = "start: ";
    command.speaker = "agent: fatal: ";
    const auto missing = run(std::move(command)).value();
    Command elsewhere = line("true");
    elsewhere.directory = "/no/such/directory";
    const auto lost = run(std::move(elsewhere)).value();
    log::set_sink({});
    CPPUNIT_ASSERT_EQUAL(75, WEXITSTATUS(missing.wait_status));
    CPPUNIT_ASSERT_EQUAL(std::string("agent: fatal: start: execvp /no/such/program: No such file or directory\n"),
                         missing.output);
    CPPUNIT_ASSERT_EQUAL(75, WEXITSTATUS(lost.wait_status));
    CPPUNIT_ASSERT_EQUAL(std::string(), lost.output);
    CPPUNIT_ASSERT(logged.find("fatal: start: execvp /no/such/program") != std::string::npos);
    CPPUNIT_ASSERT(logged.find("cannot change directory to \"/no/such/directory\"") != std::string::npos);
  }
  void another_root_directory() {
    log::set_sink([](log::Level, std::string_view) {});
    Command command = line("");
    command.arguments = {"/bin/sh", "-c", "pwd"};
    command.chroot = "/proc/self/fd";
    const auto result = run(std::move(command)).value();
    log::set_sink({});
    // There is no shell; without root there is no way in either.
    CPPUNIT_ASSERT_EQUAL(75, WEXITSTATUS(result.wait_status));
  }
  async::Task<> attach_into(Command command, Fd connection, std::optional<Result<CommandResult>>* out) {
    *out = co_await run_attached(loop_, std::move(command), std::move(connection));
  }
  void attached_to_a_connection() {
    auto pair = socket_pair(SOCK_STREAM).value();
    CPPUNIT_ASSERT(set_nonblocking(pair.second.get()).has_value());
    CPPUNIT_ASSERT(::write(pair.first.get(), "hello\n", 6) == 6);
    std::optional<Result<CommandResult>> out;
    const auto id =
        loop_.spawn(attach_into(line("read a; echo got $a; echo error >&2; exit 3"), std::move(pair.second), &out));
    while (loop_.running(id)) loop_.run_once();
    CPPUNIT_ASSERT_EQUAL(3, WEXITSTATUS(out->value().wait_status));
    std::string answer(100, 0);
    std::size_t have = 0;
    for (ssize_t n = 1; n > 0; have += static_cast<std::size_t>(n)) {
      n = ::read(pair.first.get(), answer.data() + have, answer.size() - have);
      CPPUNIT_ASSERT(n >= 0);
    }
    CPPUNIT_ASSERT_EQUAL(std::string("got hello\nerror\n"), answer.substr(0, have));
  }
  void time_limit_kills_the_whole_group() {
    Command command = line("sleep 1000 & sleep 1000; echo done");
    command.time_limit = 300ms;
    const auto start = Clock::now();
    const auto result = run(std::move(command));
    CPPUNIT_ASSERT(result.value().timed_out);
    CPPUNIT_ASSERT(Clock::now() - start < 5s);
    const Outcome outcome = command_outcome(*result, "c");
    CPPUNIT_ASSERT_EQUAL(std::string("5.3.0 Command time limit exceeded: \"c\""), outcome.status + " " + outcome.text);
  }
  void background_children_are_not_waited_for() {
    const auto start = Clock::now();
    CPPUNIT_ASSERT_EQUAL(std::string("here\n"), output("sleep 5 & echo here"));
    CPPUNIT_ASSERT(Clock::now() - start < 4s);
  }
  void unreadable_input_is_an_error() {
    const auto result = run(line("cat"), [](std::string&) -> Result<bool> { return fail("damaged"); });
    CPPUNIT_ASSERT(!result);
    CPPUNIT_ASSERT_EQUAL(std::string("damaged"), result.error().text);
  }
  void file_size_limit() {
    std::string name = "/tmp/command-test-XXXXXX";
    const int fd = ::mkstemp(name.data());
    Command command = line("head -c 5000 /dev/zero > " + name);
    command.file_size_limit = 1000;
    CPPUNIT_ASSERT(run(std::move(command)).value().wait_status != 0);
    CPPUNIT_ASSERT(::lseek(fd, 0, SEEK_END) <= 1000);
    ::close(fd);
    ::unlink(name.c_str());
  }
  void another_user_without_root() {
    if (::geteuid() == 0) return;
    Command command = line("id");
    command.uid = 0;
    const auto result = run(std::move(command));
    CPPUNIT_ASSERT(!result);
    CPPUNIT_ASSERT(result.error().text.find("does not run as root") != std::string::npos);
  }
  void another_user_with_root() {
    if (::geteuid() != 0) return;
    Command command = line("id -u; id -G");
    command.uid = 54321;
    command.gid = 54322;
    CPPUNIT_ASSERT_EQUAL(std::string("54321\n54322\n"), run(std::move(command)).value().output);
  }
  void shell_syntax() {
    for (const char* text : {"a | b", "a > b", "echo $x", "a; b", "exit 75", "cd /", "a \"b c\"", "~/x", "", "a*"}) {
      CPPUNIT_ASSERT_MESSAGE(text, needs_shell(text));
    }
    for (const char* text : {"/usr/bin/procmail", "procmail -a b", "a --b,d@e"}) {
      CPPUNIT_ASSERT_MESSAGE(text, !needs_shell(text));
    }
  }
  void verdicts() {
    CPPUNIT_ASSERT_EQUAL(std::string("2.0.0"), verdict("echo chatter").status);
    const Outcome unknown = verdict("echo no such person; exit 67");
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.1"), unknown.status);
    CPPUNIT_ASSERT_EQUAL(std::string("user unknown. Command output: no such person "), unknown.text);
    CPPUNIT_ASSERT_EQUAL(std::string("x-unix;no such person"), unknown.diag_type + ";" + unknown.diag_text);
    CPPUNIT_ASSERT_EQUAL(std::string("4.3.0temporary failure"), verdict("exit 75").status + verdict("exit 75").text);
    CPPUNIT_ASSERT_EQUAL(std::string("4.3.0"), verdict("exit 71").status);
    CPPUNIT_ASSERT_EQUAL(std::string("5.3.5"), verdict("exit 78").status);
    const Outcome other = verdict("exit 1");
    CPPUNIT_ASSERT_EQUAL(std::string("5.3.0Command died with status 1: \"exit 1\""), other.status + other.text);
    const Outcome killed = verdict("kill -9 $$");
    CPPUNIT_ASSERT_EQUAL(std::string("4.3.0Command died with signal 9: \"kill -9 $$\""), killed.status + killed.text);
  }
  void own_status() {
    const Outcome own = verdict("echo 4.2.9 custom; exit 1");
    CPPUNIT_ASSERT_EQUAL(std::string("4.2.9|custom |custom"), own.status + "|" + own.text + "|" + own.diag_text);
    CPPUNIT_ASSERT_EQUAL(std::string("5.3.0"), verdict("echo 2.0.0 fine; exit 1").status);
  }
  void output_text() {
    CPPUNIT_ASSERT_EQUAL(std::string("a b ?"), command_output_text("a\nb\t\x01"));
    CPPUNIT_ASSERT_EQUAL(std::string("a_b_"), censor("a;b`", "ab"));
  }
  void exported() {
    ::setenv("COMMAND_TEST", "value", 1);
    const auto list = exported_environment("COMMAND_TEST NOT_THERE_AT_ALL A=b { C = d e }");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, list.size());
    CPPUNIT_ASSERT_EQUAL(std::string("COMMAND_TEST=value A=b C=d e"), list[0] + " " + list[1] + " " + list[2]);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CommandTest);

}  // namespace postern::service
