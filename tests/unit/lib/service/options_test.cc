// SPDX-License-Identifier: Apache-2.0
#include "lib/service/options.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::service {

class OptionsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OptionsTest);
  CPPUNIT_TEST(what_master_says);
  CPPUNIT_TEST(service_is_the_program_unless_named);
  CPPUNIT_TEST(arguments_follow_the_options);
  CPPUNIT_TEST(mistakes_are_named);
  CPPUNIT_TEST_SUITE_END();

 public:
  void what_master_says() {
    const auto o = parse({"-n", "127.0.0.1:2525", "-t", "inet", "-u", "-c", "-s", "2", "-L", "20", "-o", "a=b", "-o",
                          "{ c = d }", "-m", "5", "-v", "-v"});
    CPPUNIT_ASSERT(o.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1:2525"), o->service_name);
    CPPUNIT_ASSERT_EQUAL(std::string("inet"), o->transport);
    CPPUNIT_ASSERT(o->unprivileged && o->chroot && !o->debugger && !o->stand_alone);
    CPPUNIT_ASSERT_EQUAL(2, o->sockets);
    CPPUNIT_ASSERT_EQUAL(std::size_t{20}, o->session_limit);
    CPPUNIT_ASSERT_EQUAL(2, o->verbosity);
    CPPUNIT_ASSERT((o->overrides == std::vector<std::string>{"a=b", "{ c = d }", "max_use=5"}));
  }

  void service_is_the_program_unless_named() {
    CPPUNIT_ASSERT_EQUAL(std::string("smtpd"), parse({"-l"})->service_name);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, parse({"-l"})->session_limit);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, parse({})->session_limit);
  }

  void arguments_follow_the_options() {
    const auto o = parse({"-u", "flags=R", "-x", "argv=/bin/cat"});
    CPPUNIT_ASSERT((o->arguments == std::vector<std::string>{"flags=R", "-x", "argv=/bin/cat"}));
  }

  void mistakes_are_named() {
    CPPUNIT_ASSERT_EQUAL(std::string("unknown option: -Q"), parse({"-Q"}).error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("bad -s option value: x"), parse({"-s", "x"}).error().text);
    CPPUNIT_ASSERT(!parse({"-L", "-1"}));
    CPPUNIT_ASSERT(!parse({"-n"}));
  }

 private:
  static Result<WorkerOptions> parse(std::vector<std::string> words) {
    words.insert(words.begin(), "smtpd");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return parse_worker_options(static_cast<int>(words.size()), argv.data(), "smtpd");
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OptionsTest);

}  // namespace postern::service
