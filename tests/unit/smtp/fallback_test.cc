// SPDX-License-Identifier: Apache-2.0
#include "smtp/fallback.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/files.h"
#include "lib/config/config.h"
#include "lib/mail/queue_file.h"
#include "lib/mail/tls_failure.h"

namespace postern::smtp_client {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSecond = 1'000'000;

class FallbackTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(FallbackTest);
  CPPUNIT_TEST(second_failure_after_the_delay);
  CPPUNIT_TEST(time_runs_from_the_first_failure);
  CPPUNIT_TEST(age_counts_only_by_default);
  CPPUNIT_TEST(never_where_tls_is_wanted);
  CPPUNIT_TEST(probes_are_tried_at_once_and_leave_no_trace);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string pattern = "/tmp/fallback.XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    CPPUNIT_ASSERT(files::make_directory(directory_ + "/active", 0700).has_value());
    const auto record = [](char type, std::string_view payload) { return mail::encode_record(type, payload); };
    const std::string rest = record('T', "1 1") + record('S', "s@a.test") + record('R', "r@b.test") + record('M', "");
    const mail::SizeRecord size{.content_size = 0,
                                .data_offset = static_cast<std::int64_t>(mail::kSizePayload + 2 + rest.size()),
                                .recipients = 1,
                                .qmgr_flags = 0,
                                .logged_size = 0,
                                .send_options = 0};
    const std::string file = record('C', mail::format_size(size)) + rest + record('X', "") + record('E', "");
    CPPUNIT_ASSERT(files::write_atomic(directory_ + "/active/ID1", file, 0700).has_value());
    request_.queue_id = "ID1";
    request_.recipients.resize(1);
    request_.arrival_us = request_.active_us = service::now_us();
  }

  void tearDown() override {
    ::unlink((directory_ + "/active/ID1").c_str());
    ::rmdir((directory_ + "/active").c_str());
    ::rmdir(directory_.c_str());
  }

 private:
  std::unique_ptr<service::Delivery> delivery() {
    auto out = std::make_unique<service::Delivery>(request_, reporter_, service::AgentOptions{});
    CPPUNIT_ASSERT(out->open(directory_).has_value());
    return out;
  }

  static Params params(const std::string& main_cf) {
    return *Params::load(*config::Config::from_text("myhostname = me.example.test\n" + main_cf), false);
  }

  void second_failure_after_the_delay() {
    const Params p = params("smtp_tls_fallback_delay = 10s");
    const Fallback fallback(p);
    const auto d = delivery();
    CPPUNIT_ASSERT(!fallback.allowed(*d, {"b.test", tls::Level::may}));
    // The first one was eleven seconds ago, and with another destination now.
    CPPUNIT_ASSERT(mail::add_tls_failure(d->fd(), "b.test", service::now_us() - 11 * kSecond));
    CPPUNIT_ASSERT(fallback.allowed(*d, {"b.test", tls::Level::may}));
    CPPUNIT_ASSERT(!fallback.allowed(*d, {"c.test", tls::Level::may}));
    // The attempt in the clear was made and failed: the usual back-off decides.
    CPPUNIT_ASSERT_EQUAL(std::int64_t(0), fallback.remember(*d, {"b.test", tls::Level::may}));
  }

  void time_runs_from_the_first_failure() {
    const Params p = params("smtp_tls_fallback_delay = 1h");
    const Fallback fallback(p);
    const auto d = delivery();
    const std::int64_t before = service::now_us();
    const std::int64_t again = fallback.remember(*d, {"b.test", tls::Level::may});
    CPPUNIT_ASSERT(again >= before + 3600 * kSecond && again <= service::now_us() + 3600 * kSecond);
    CPPUNIT_ASSERT_EQUAL(again, fallback.remember(*d, {"b.test", tls::Level::may}));
    CPPUNIT_ASSERT(!fallback.allowed(*d, {"b.test", tls::Level::may}));
  }

  void age_counts_only_by_default() {
    request_.arrival_us -= 301 * kSecond;
    const auto d = delivery();
    const Params as_postfix = params("");
    CPPUNIT_ASSERT(as_postfix.smtp_tls_fallback_delay == 300s);
    CPPUNIT_ASSERT(Fallback(as_postfix).allowed(*d, {"b.test", tls::Level::may}));
    const Params own = params("smtp_tls_fallback_delay = 299s");
    CPPUNIT_ASSERT(!Fallback(own).allowed(*d, {"b.test", tls::Level::may}));
  }

  void never_where_tls_is_wanted() {
    const Params p = params("smtp_tls_fallback_delay = 1s");
    const Fallback fallback(p);
    const auto d = delivery();
    CPPUNIT_ASSERT(mail::add_tls_failure(d->fd(), "b.test", 1));
    for (const tls::Level level : {tls::Level::encrypt, tls::Level::dane, tls::Level::dane_only, tls::Level::half_dane,
                                   tls::Level::fingerprint, tls::Level::verify, tls::Level::secure}) {
      CPPUNIT_ASSERT(!fallback.allowed(*d, {"b.test", level}));
      CPPUNIT_ASSERT_EQUAL(std::int64_t(0), fallback.remember(*d, {"c.test", level}));
    }
    CPPUNIT_ASSERT(fallback.allowed(*d, {"b.test", tls::Level::may}));
    // REQUIRETLS, as a queue file of Postfix may have it.
    request_.send_options = 32;
    const auto required = delivery();
    CPPUNIT_ASSERT(!fallback.allowed(*required, {"b.test", tls::Level::may}));
    CPPUNIT_ASSERT_EQUAL(std::int64_t(0), fallback.remember(*required, {"c.test", tls::Level::may}));
  }

  void probes_are_tried_at_once_and_leave_no_trace() {
    request_.flags = service::delivery_flag::kProbe;
    const Params p = params("smtp_tls_fallback_delay = 1h");
    const auto d = delivery();
    CPPUNIT_ASSERT(Fallback(p).allowed(*d, {"b.test", tls::Level::may}));
    CPPUNIT_ASSERT_EQUAL(std::int64_t(0), Fallback(p).remember(*d, {"b.test", tls::Level::may}));
    const auto found = mail::find_tls_failure(d->fd(), "b.test");
    CPPUNIT_ASSERT(found && !*found);
  }

  std::string directory_;
  async::Loop loop_;
  service::Reporter reporter_{loop_};
  service::DeliveryRequest request_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(FallbackTest);

}  // namespace
}  // namespace postern::smtp_client
