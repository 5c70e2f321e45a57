// SPDX-License-Identifier: Apache-2.0
#include "commands/sendmail/options.h"

#include <cppunit/extensions/HelperMacros.h>
#include <getopt.h>

#include "lib/base/text.h"

namespace postern::sendmail {
namespace {

Result<Options> parse(std::vector<std::string> words, std::string_view program = "sendmail") {
  words.insert(words.begin(), "sendmail");
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  opterr = 0;
  return parse_options(static_cast<int>(words.size()), pointers.data(), program);
}

class OptionsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OptionsTest);
  CPPUNIT_TEST(modes);
  CPPUNIT_TEST(queue_runs);
  CPPUNIT_TEST(submission);
  CPPUNIT_TEST(bad_ones_are_fatal);
  CPPUNIT_TEST(bad_dsn_options_are_ignored);
  CPPUNIT_TEST(old_options_mean_nothing);
  CPPUNIT_TEST_SUITE_END();

  void modes() {
    CPPUNIT_ASSERT(parse({}, "mailq")->mode == Mode::mailq);
    CPPUNIT_ASSERT(parse({}, "newaliases")->mode == Mode::newaliases);
    CPPUNIT_ASSERT(parse({"-bs"})->mode == Mode::smtp);
    CPPUNIT_ASSERT(parse({"-bv", "a"})->mode == Mode::verify);
    CPPUNIT_ASSERT(parse({"-I"})->mode == Mode::newaliases);
    CPPUNIT_ASSERT(parse({"-bh"})->mode == Mode::nothing);
    CPPUNIT_ASSERT(parse({"-bm", "a"})->mode == Mode::submit);
  }

  void queue_runs() {
    CPPUNIT_ASSERT(parse({"-q"})->mode == Mode::flush);
    CPPUNIT_ASSERT_EQUAL(std::string("ABC"), parse({"-qIABC"})->flush_id);
    CPPUNIT_ASSERT_EQUAL(std::string("d.test"), parse({"-qRd.test"})->flush_site);
    CPPUNIT_ASSERT(parse({"-q15m"})->mode == Mode::nothing);
  }

  void submission() {
    const auto o = parse({"-i", "-t", "-f", "a@b", "-F", "Full Name", "-Nsuccess,delay", "-R", "hdrs", "-V", "id1",
                          "-B8BITMIME", "-G", "-v", "-XV+=", "u1", "u2"});
    CPPUNIT_ASSERT(o.has_value());
    CPPUNIT_ASSERT(!o->dot_ends && o->extract && o->remote && o->verp && o->has_sender && o->has_full_name);
    CPPUNIT_ASSERT_EQUAL(std::string("a@b"), o->sender);
    CPPUNIT_ASSERT_EQUAL(10U, o->notify);
    CPPUNIT_ASSERT_EQUAL(2U, o->ret);
    CPPUNIT_ASSERT_EQUAL(std::string("id1"), o->envelope_id);
    CPPUNIT_ASSERT_EQUAL(std::string("8bit"), o->body_type);
    CPPUNIT_ASSERT_EQUAL(std::string("+="), o->verp_delimiters);
    CPPUNIT_ASSERT_EQUAL(1, o->verbose);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, o->arguments.size());
    CPPUNIT_ASSERT(!parse({"-oi", "u"})->dot_ends);
    CPPUNIT_ASSERT_EQUAL(std::string("hash:/x"), parse({"-oAhash:/x"})->alias_database);
    // An empty sender is not the same as none.
    CPPUNIT_ASSERT(parse({"-f", "", "u"})->has_sender);
  }

  void bad_ones_are_fatal() {
    CPPUNIT_ASSERT_EQUAL(std::string("unsupported: -bz"), parse({"-bz"}).error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("usage: sendmail [options]"), parse({"-Z"}).error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("-n option not supported"), parse({"-n"}).error().text);
    CPPUNIT_ASSERT(!parse({"-B", "9BIT"}));
    CPPUNIT_ASSERT_EQUAL(std::string("unsupported: -X/"), parse({"-X", "/log"}).error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("specify: -qIqueueid"), parse({"-qI"}).error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("specify: -qRsitename"), parse({"-qR"}).error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("-qS is not implemented"), parse({"-qSx"}).error().text);
  }

  void bad_dsn_options_are_ignored() {
    const auto o = parse({"-Nsuccess,sometimes", "-Rhalf", "u"});
    CPPUNIT_ASSERT_EQUAL(std::string("unknown DSN NOTIFY command value \"sometimes\" in \"success,sometimes\"|"
                                     "bad -N option value -- ignored|bad -R option value -- ignored"),
                         text::join(o->warnings, "|"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, parse({"-Nnever,success", "u"})->warnings.size());
    CPPUNIT_ASSERT_EQUAL(0U, o->notify);
  }

  void old_options_mean_nothing() {
    const auto o = parse({"-Am", "-h", "5", "-Lx", "-m", "-om", "-o7", "-pSMTP", "-U", "-OFoo=bar", "u"});
    CPPUNIT_ASSERT(o.has_value() && o->mode == Mode::submit && !o->verp);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, o->arguments.size());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OptionsTest);

}  // namespace
}  // namespace postern::sendmail
