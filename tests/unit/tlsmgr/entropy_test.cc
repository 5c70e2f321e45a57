// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/entropy.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/lib/openssl/pki.h"

namespace postern::tlsmgr {
namespace {

class EntropyTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EntropyTest);
  CPPUNIT_TEST(sources);
  CPPUNIT_TEST(exchange_file_changes_each_time);
  CPPUNIT_TEST(a_symbolic_link_is_not_followed);
  CPPUNIT_TEST_SUITE_END();

  void sources() {
    Entropy device;
    CPPUNIT_ASSERT(device.open_source("dev:/dev/urandom", 32).has_value());
    CPPUNIT_ASSERT(device.reseed().has_value());
    Entropy file;
    CPPUNIT_ASSERT(file.open_source(directory_.write("seed", "some bytes"), 32).has_value());
    CPPUNIT_ASSERT(file.reseed().has_value() && file.reseed().has_value());
    Entropy bad;
    CPPUNIT_ASSERT(!bad.open_source("egd:/var/run/egd", 32).has_value());
    CPPUNIT_ASSERT(!bad.open_source("dev:/dev/absent", 32).has_value());
    CPPUNIT_ASSERT(bad.open_source("", 32).has_value() && bad.reseed().has_value());
  }

  void exchange_file_changes_each_time() {
    const std::string path = directory_.path() + "/prng_exch";
    Entropy entropy;
    CPPUNIT_ASSERT(entropy.open_exchange(path).has_value());
    CPPUNIT_ASSERT(entropy.exchange().has_value());
    const auto first = files::read(path);
    CPPUNIT_ASSERT(entropy.exchange().has_value());
    const auto second = files::read(path);
    CPPUNIT_ASSERT(first && second);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1024}, first->size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1024}, second->size());
    CPPUNIT_ASSERT(*first != *second);
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat(path.c_str(), &st));
    CPPUNIT_ASSERT_EQUAL(0600U, st.st_mode & 07777U);
  }

  void a_symbolic_link_is_not_followed() {
    const std::string victim = directory_.write("victim", "precious");
    const std::string link = directory_.path() + "/prng_exch";
    CPPUNIT_ASSERT_EQUAL(0, ::symlink(victim.c_str(), link.c_str()));
    Entropy entropy;
    CPPUNIT_ASSERT(!entropy.open_exchange(link).has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("precious"), *files::read(victim));
  }

  openssl::test::Directory directory_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(EntropyTest);

}  // namespace
}  // namespace postern::tlsmgr
