// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/request.h"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "commands/postconf/files.h"

namespace postern::postconf {
namespace {

Result<Request> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "postconf");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::optind = 0;  // getopt starts anew
  return parse_request(static_cast<int>(words.size()), argv.data());
}

std::string error(const std::vector<std::string>& words) {
  const auto request = parse(words);
  CPPUNIT_ASSERT_MESSAGE(words.front(), !request.has_value());
  return request.error().text;
}

class RequestTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RequestTest);
  CPPUNIT_TEST(targets_and_actions);
  CPPUNIT_TEST(settings_edit_without_e);
  CPPUNIT_TEST(options_that_exclude_each_other);
  CPPUNIT_TEST(missing_arguments);
  CPPUNIT_TEST(classes);
  CPPUNIT_TEST(overrides_are_plain_settings);
  CPPUNIT_TEST_SUITE_END();

  void targets_and_actions() {
    const auto request = parse({"-c", "/x", "-Pe", "a/unix/b=c"});
    CPPUNIT_ASSERT(request->target == Target::parameters && request->action == Action::edit);
    CPPUNIT_ASSERT_EQUAL(std::string("/x"), configuration_directory(*request));
    CPPUNIT_ASSERT(parse({"-MX", "a/unix"})->action == Action::exclude);
    CPPUNIT_ASSERT(parse({"-p"})->target == Target::main_cf);
    // What follows the first name is a name.
    CPPUNIT_ASSERT(!parse({"mynetworks", "-x"})->expand);
  }

  void settings_edit_without_e() {
    CPPUNIT_ASSERT(parse({"a=b"})->action == Action::edit);
    CPPUNIT_ASSERT(parse({"-F", "a/unix/chroot=y"})->target == Target::fields);
    CPPUNIT_ASSERT(parse({"a"})->action == Action::show);
  }

  void options_that_exclude_each_other() {
    CPPUNIT_ASSERT_EQUAL(std::string("specify one of -d -n"), error({"-nd"}));
    CPPUNIT_ASSERT_EQUAL(std::string("specify one of -M -P"), error({"-MP"}));
    CPPUNIT_ASSERT_EQUAL(std::string("specify one of -h -H"), error({"-hH"}));
    CPPUNIT_ASSERT_EQUAL(std::string("specify one of -e -X"), error({"-X", "a=b"}));
    CPPUNIT_ASSERT_EQUAL(std::string("with option -M, do not specify -d"), error({"-dM"}));
    CPPUNIT_ASSERT_EQUAL(std::string("with option -F, do not specify -#"), error({"-F#", "a/unix/chroot"}));
  }

  void missing_arguments() {
    CPPUNIT_ASSERT_EQUAL(std::string("-e requires name=value argument"), error({"-e"}));
    CPPUNIT_ASSERT_EQUAL(std::string("missing service argument"), error({"-eM"}));
    CPPUNIT_ASSERT_EQUAL(std::string("-e, -X, or -# accepts no multi-line input"), error({"-e", "a=b\nc"}));
  }

  void classes() {
    CPPUNIT_ASSERT((std::set{Class::service, Class::user}) == parse({"-C", "service,user"})->classes);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, parse({"-C", "all"})->classes.size());
    CPPUNIT_ASSERT_EQUAL(std::string("unknown -C option value \"foo\" in \"foo\""), error({"-C", "foo"}));
  }

  void overrides_are_plain_settings() {
    for (const auto& [setting, reason] : {std::pair{"x", "x: missing '=' after attribute name"},
                                          {"", ": missing attribute name"},
                                          {"{ a = b }", "{ a = b }: missing '=' after attribute name"}}) {
      const auto files = load_files(*parse({"-d", "-o", setting}));
      CPPUNIT_ASSERT(!files.has_value());
      CPPUNIT_ASSERT_EQUAL(std::string("invalid parameter override: ") + reason, files.error().text);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RequestTest);

}  // namespace
}  // namespace postern::postconf
