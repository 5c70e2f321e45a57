// SPDX-License-Identifier: Apache-2.0
#include "master/service.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <csignal>

#include "lib/config/master_cf.h"

namespace postern::master {

namespace {

using namespace std::chrono_literals;

constexpr Deadline kStart{std::chrono::hours(1)};
constexpr int exit_status(int code) { return code << 8; }

Settings settings() {
  Settings s;
  s.main.daemon_directory = "/libexec";
  s.main.default_process_limit = 100;
  s.main.default_session_limit = 10000;
  s.main.default_delivery_session_limit = 1000;
  s.main.proxywrite_service_name = "proxywrite";
  s.sessions_per_process = 8192;
  return s;
}

ServicePlan plan(std::string_view line, const Settings& s = settings()) {
  auto entry = config::parse_master_entry(line);
  CPPUNIT_ASSERT(entry.has_value());
  config::MasterCf master_cf;
  master_cf.entries.push_back(*entry);
  const auto made = make_plan(master_cf, s, [](const std::string&) { return true; });
  CPPUNIT_ASSERT(made.has_value());
  return made->services.front();
}

Service service(std::string_view line, bool public_address = false) {
  return {plan(line), {.throttle = 60s, .cores = 2, .public_address = public_address}};
}

bool says(const Effects& effects, std::string_view text) {
  return std::ranges::any_of(effects.lines, [text](const auto& l) { return l.second.contains(text); });
}

bool tells(const Effects& effects, pid_t pid, std::string_view packet) {
  return std::ranges::find(effects.tell, std::pair{pid, std::string(packet)}) != effects.tell.end();
}

}  // namespace

class ServiceTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ServiceTest);
  CPPUNIT_TEST(first_client_starts_one_worker);
  CPPUNIT_TEST(busy_workers_spread_over_the_cores);
  CPPUNIT_TEST(numeric_limit_is_sessions_in_processes_of_their_own);
  CPPUNIT_TEST(session_limit_is_shared_and_never_exceeded);
  CPPUNIT_TEST(retiring_workers_count_only_their_sessions);
  CPPUNIT_TEST(single_service_waits_for_the_old_process);
  CPPUNIT_TEST(single_service_goes_on_when_the_old_process_steps_aside);
  CPPUNIT_TEST(worker_that_dies_before_ready_throttles);
  CPPUNIT_TEST(idle_exits_back_off);
  CPPUNIT_TEST(used_worker_is_replaced_at_once);
  CPPUNIT_TEST(three_crashes_isolate_until_reload);
  CPPUNIT_TEST(poison_gets_a_process_of_its_own);
  CPPUNIT_TEST(suspect_that_behaves_is_absolved);
  CPPUNIT_TEST(worker_of_another_build_is_killed);
  CPPUNIT_TEST(renewal_keeps_the_old_until_the_new_is_ready);
  CPPUNIT_TEST(failed_renewal_keeps_the_old);
  CPPUNIT_TEST(first_worker_may_serve_with_what_it_could_load);
  CPPUNIT_TEST(changed_file_counts_once);
  CPPUNIT_TEST(reload_retires_and_ends_the_throttle);
  CPPUNIT_TEST(stress_at_the_limit);
  CPPUNIT_TEST(late_loop_is_stress);
  CPPUNIT_TEST(loopback_service_has_no_stress);
  CPPUNIT_TEST(removed_service_ends_silently);
  CPPUNIT_TEST_SUITE_END();

 public:
  void first_client_starts_one_worker() {
    auto s = service("25 inet n - n - - smtpd");
    CPPUNIT_ASSERT(s.wants_worker(kStart));
    s.started(11, kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));  // it has room from its start on
    s.report(11, "ready", kStart);
    s.report(11, "free 4000", kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
    s.report(11, "full 5000", kStart);
    CPPUNIT_ASSERT(s.wants_worker(kStart));
    s.report(11, "free 4999", kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
  }

  void busy_workers_spread_over_the_cores() {
    auto s = service("25 inet n - n - - smtpd");
    s.started(11, kStart);
    s.report(11, "ready", kStart);
    s.report(11, "busy", kStart);
    CPPUNIT_ASSERT(s.wants_worker(kStart));
    s.started(12, kStart);
    s.report(12, "busy", kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));  // one per core is enough while there is room
  }

  void numeric_limit_is_sessions_in_processes_of_their_own() {
    auto s = service("25 inet n - n - 2 smtpd");
    CPPUNIT_ASSERT_EQUAL(1, s.next_start(kStart).session_limit);
    s.started(11, kStart);
    s.report(11, "full 1", kStart);
    CPPUNIT_ASSERT(s.wants_worker(kStart));
    s.started(12, kStart);
    s.report(12, "full 1", kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));  // the third client waits
    s.ended(11, exit_status(0), kStart);
    CPPUNIT_ASSERT(s.wants_worker(kStart));
  }

  void session_limit_is_shared_and_never_exceeded() {
    auto s = service("smtp unix - - n - - smtp");  // deliveries: 1000 in total
    int total = 0;
    for (pid_t pid = 1; s.wants_worker(kStart); ++pid) {
      total += s.next_start(kStart).session_limit;
      s.started(pid, kStart);
      s.report(pid, "full 1", kStart);
    }
    CPPUNIT_ASSERT_EQUAL(1000, total);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, s.worker_count());
  }

  void retiring_workers_count_only_their_sessions() {
    auto s = service("25 inet n - n - - smtpd");
    for (const pid_t pid : {1, 2}) {
      s.started(pid, kStart);
      s.report(pid, "ready", kStart);
      s.report(pid, "free 3", kStart);
    }
    s.reload(plan("25 inet n - n - - smtpd"), {.throttle = 60s, .cores = 2});
    CPPUNIT_ASSERT(s.wants_worker(kStart));
    CPPUNIT_ASSERT_EQUAL(5000, s.next_start(kStart).session_limit);
    s.started(3, kStart);
    s.report(3, "full 5000", kStart);
    CPPUNIT_ASSERT_EQUAL(4994, s.next_start(kStart).session_limit);
  }

  void single_service_waits_for_the_old_process() {
    auto s = service("qmgr unix n - n 300 5 qmgr");
    CPPUNIT_ASSERT_EQUAL(0, s.next_start(kStart).session_limit);
    s.started(11, kStart);
    s.report(11, "ready", kStart);
    s.report(11, "free 1", kStart);
    const auto effects = s.reload(plan("qmgr unix n - n 300 1 qmgr"), {.throttle = 60s, .cores = 2});
    CPPUNIT_ASSERT(tells(effects, 11, "retire"));
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
    s.ended(11, exit_status(0), kStart);
    CPPUNIT_ASSERT(s.wants_worker(kStart));
  }

  void single_service_goes_on_when_the_old_process_steps_aside() {
    auto s = service("qmgr unix n - n 300 1 qmgr");
    s.started(11, kStart);
    s.report(11, "ready", kStart);
    s.report(11, "aside", kStart);  // not before it retires
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
    (void)s.reload(plan("qmgr unix n - n 300 1 qmgr"), {.throttle = 60s, .cores = 2});
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
    s.report(11, "aside", kStart);
    CPPUNIT_ASSERT(s.wants_worker(kStart));
    s.started(12, kStart);
    s.report(12, "ready", kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
    s.ended(11, exit_status(0), kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
  }

  void worker_that_dies_before_ready_throttles() {
    auto s = service("25 inet n - n - - smtpd");
    s.started(11, kStart);
    const auto effects = s.ended(11, exit_status(1), kStart);
    CPPUNIT_ASSERT(says(effects, "process /libexec/smtpd pid 11 exit status 1"));
    CPPUNIT_ASSERT(says(effects, "/libexec/smtpd: bad command startup -- throttling"));
    CPPUNIT_ASSERT(!s.wants_worker(kStart + 59s));
    CPPUNIT_ASSERT(s.pause_end(kStart) == kStart + 60s);
    CPPUNIT_ASSERT(s.wants_worker(kStart + 60s));
  }

  void idle_exits_back_off() {
    auto s = service("25 inet n - n - - smtpd");
    auto now = kStart;
    std::vector<Duration> pauses;
    for (pid_t pid = 1; pid <= 4; ++pid) {
      s.started(pid, now);
      s.report(pid, "ready", now);
      CPPUNIT_ASSERT(s.ended(pid, exit_status(0), now).lines.empty());
      CPPUNIT_ASSERT(!s.wants_worker(now));
      const auto end = s.pause_end(now);
      CPPUNIT_ASSERT(end.has_value());
      pauses.push_back(std::chrono::duration_cast<Duration>(*end - now));
      now = *end;
      CPPUNIT_ASSERT(s.wants_worker(now));
    }
    CPPUNIT_ASSERT(pauses == (std::vector<Duration>{100ms, 200ms, 400ms, 800ms}));
  }

  void used_worker_is_replaced_at_once() {
    auto s = service("local unix - n n - - local");
    s.started(1, kStart);
    s.report(1, "ready", kStart);
    s.report(1, "full 1", kStart);
    s.report(1, "free 0", kStart);
    s.ended(1, exit_status(0), kStart);
    CPPUNIT_ASSERT(s.wants_worker(kStart));
  }

  void three_crashes_isolate_until_reload() {
    auto s = service("25 inet n - n - - smtpd");
    Effects last;
    auto now = kStart;
    for (pid_t pid = 1; pid <= 3; ++pid) {
      s.started(pid, now);
      s.report(pid, "ready", now);
      s.report(pid, "free 1", now);
      last = s.ended(pid, SIGSEGV, now);
      CPPUNIT_ASSERT(says(last, "killed by signal 11"));
      now += 3min;
    }
    CPPUNIT_ASSERT(says(last, "one session per process until reload"));
    CPPUNIT_ASSERT_EQUAL(1, s.next_start(now).session_limit);
    s.started(4, now);
    s.report(4, "full 1", now);
    CPPUNIT_ASSERT(s.wants_worker(now));  // the next client gets the next process
    s.reload(plan("25 inet n - n - - smtpd"), {.throttle = 60s, .cores = 2});
    CPPUNIT_ASSERT(s.next_start(now).session_limit > 1);
  }

  // The service after `poison` was under way in two crashes; worker 3 runs.
  Service poisoned() {
    auto s = service("25 inet n - n - - smtpd");
    for (pid_t pid = 1; pid <= 2; ++pid) {
      s.started(pid, kStart);
      s.report(pid, "ready", kStart);
      s.report(pid, "free 500", kStart);
      s.ended(pid, SIGSEGV, kStart, {"poison", "other" + std::to_string(pid)});
    }
    return s;
  }

  void poison_gets_a_process_of_its_own() {
    auto s = poisoned();
    CPPUNIT_ASSERT(tells(s.started(3, kStart), 3, "isolate poison"));
    s.report(3, "ready", kStart);
    CPPUNIT_ASSERT(s.wants_alone());
    const auto start = s.alone_start(kStart);
    CPPUNIT_ASSERT(start.alone);
    CPPUNIT_ASSERT_EQUAL(1, start.session_limit);
    s.started_alone(4, "poison", kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));  // worker 3 has room; worker 4 is for nobody else
    s.report(4, "ready", kStart);
    // It crashes alone as often as it likes: the others keep sharing processes.
    for (int i = 0; i < 5; ++i) {
      CPPUNIT_ASSERT(!says(s.ended(4 + i, SIGSEGV, kStart + 1min), "one session per process"));
      s.started_alone(5 + i, "poison", kStart + 1min);
    }
    CPPUNIT_ASSERT(s.next_start(kStart + 1min).session_limit > 1);
    CPPUNIT_ASSERT(tells(s.started(99, kStart + 2min), 99, "isolate poison"));
    for (int i = 0; s.wants_alone(); ++i) s.started_alone(1000 + i, "poison", kStart);
    CPPUNIT_ASSERT(s.worker_count() <= 102);
  }

  void suspect_that_behaves_is_absolved() {
    auto s = poisoned();
    s.started(3, kStart);
    s.started_alone(4, "poison", kStart);
    CPPUNIT_ASSERT(tells(s.ended(4, exit_status(0), kStart + 1min), 3, "absolve poison"));
    CPPUNIT_ASSERT(s.started(5, kStart + 2min).tell.empty());
  }

  void worker_of_another_build_is_killed() {
    Service s(plan("25 inet n - n - - smtpd"), {.throttle = 60s, .cores = 2, .build_id = "A"});
    s.started(1, kStart);
    CPPUNIT_ASSERT(tells(s.report(1, "build A", kStart), 1, "welcome"));
    s.started(2, kStart);
    const auto effects = s.report(2, "build B", kStart);
    CPPUNIT_ASSERT(effects.kill == std::vector<pid_t>{2});
    CPPUNIT_ASSERT(effects.tell.empty());
    CPPUNIT_ASSERT(says(effects, "of another build (B) than this master (A)"));
    CPPUNIT_ASSERT(says(effects, "stop and start the mail system"));
    CPPUNIT_ASSERT(s.ended(2, SIGKILL, kStart).lines.empty());
    s.report(1, "full 1", kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart + 59s));
    CPPUNIT_ASSERT(s.wants_worker(kStart + 60s));
  }

  Service with_keys() {
    auto s = service("tlsproxy unix - - n - 0 tlsproxy");
    s.started(1, kStart);
    s.report(1, "file 5 77 1704 1000 /etc/key.pem", kStart);
    s.report(1, "watch-done", kStart);
    s.report(1, "ready", kStart);
    return s;
  }

  void renewal_keeps_the_old_until_the_new_is_ready() {
    auto s = with_keys();
    CPPUNIT_ASSERT(s.renew().tell.empty());
    CPPUNIT_ASSERT(s.wants_candidate(kStart));
    s.started(2, kStart);
    CPPUNIT_ASSERT(!s.wants_candidate(kStart));
    CPPUNIT_ASSERT(tells(s.report(2, "ready", kStart), 1, "retire"));
    s.ended(1, exit_status(0), kStart);
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
  }

  void failed_renewal_keeps_the_old() {
    auto s = with_keys();
    s.renew();
    s.started(2, kStart);
    const auto failed = s.report(2, "failed cannot load /etc/key.pem", kStart);
    CPPUNIT_ASSERT(says(failed, "cannot load /etc/key.pem"));
    CPPUNIT_ASSERT(tells(failed, 2, "retire"));
    CPPUNIT_ASSERT(s.report(2, "ready", kStart).tell.empty());  // said too late
    CPPUNIT_ASSERT(!says(s.ended(2, exit_status(1), kStart), "throttling"));
    CPPUNIT_ASSERT(!s.wants_candidate(kStart));
    CPPUNIT_ASSERT(!s.wants_worker(kStart));  // the old one serves
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, s.worker_count());
    // A candidate that dies without a word is a failure, too.
    s.renew();
    s.started(3, kStart);
    CPPUNIT_ASSERT(says(s.ended(3, SIGKILL, kStart), "ended before it was ready"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, s.worker_count());
    CPPUNIT_ASSERT(!s.wants_candidate(kStart));
  }

  void first_worker_may_serve_with_what_it_could_load() {
    auto s = service("tlsproxy unix - - n - 0 tlsproxy");
    s.started(1, kStart);
    const auto failed = s.report(1, "failed cannot load /etc/key.pem", kStart);
    CPPUNIT_ASSERT(says(failed, "service \"tlsproxy\" (private/tlsproxy): cannot load /etc/key.pem"));
    CPPUNIT_ASSERT(failed.tell.empty());
    s.report(1, "ready", kStart);
    s.report(1, "free 1", kStart);
    s.ended(1, exit_status(0), kStart + 1h);
    CPPUNIT_ASSERT(s.wants_worker(kStart + 1h));  // no throttle for that
  }

  void changed_file_counts_once() {
    auto s = with_keys();
    const FileStamp same{5, 77, 1704, 1000};
    const FileStamp changed{5, 78, 1704, 2000};
    CPPUNIT_ASSERT(!s.file_changed("/etc/key.pem", same));
    CPPUNIT_ASSERT(s.file_changed("/etc/key.pem", changed));
    CPPUNIT_ASSERT(!s.file_changed("/etc/key.pem", changed));
    CPPUNIT_ASSERT(!s.file_changed("/etc/other", changed));
  }

  void reload_retires_and_ends_the_throttle() {
    auto s = service("25 inet n - n - 5 smtpd");
    s.started(1, kStart);
    s.report(1, "ready", kStart);
    s.started(2, kStart);
    s.ended(2, exit_status(1), kStart);
    CPPUNIT_ASSERT(s.pause_end(kStart).has_value());
    const auto effects = s.reload(plan("25 inet n - n - 1 smtpd"), {.throttle = 60s, .cores = 2});
    CPPUNIT_ASSERT(tells(effects, 1, "retire"));
    CPPUNIT_ASSERT(!s.pause_end(kStart).has_value());
    CPPUNIT_ASSERT(!s.wants_worker(kStart));  // the new limit is 1, and one still runs
    s.ended(1, exit_status(0), kStart);
    CPPUNIT_ASSERT(s.wants_worker(kStart));
  }

  void stress_at_the_limit() {
    auto s = service("25 inet n - n - 2 smtpd", true);
    CPPUNIT_ASSERT(!s.next_start(kStart).stress);
    s.started(1, kStart);
    s.report(1, "full 1", kStart);
    CPPUNIT_ASSERT(s.next_start(kStart).stress);
    const auto effects = s.started(2, kStart);
    CPPUNIT_ASSERT(tells(effects, 1, "stress yes"));
    CPPUNIT_ASSERT(says(effects,
                        "service \"25\" (25) has reached its process limit \"2\": new clients may experience "
                        "noticeable delays"));
    s.ended(2, exit_status(0), kStart + 5s);
    CPPUNIT_ASSERT(s.started(3, kStart + 10s).lines.empty());  // one warning in 1000 s
    CPPUNIT_ASSERT(!s.started(4, kStart + 1001s).lines.empty());
  }

  void late_loop_is_stress() {
    auto s = service("25 inet n - n - - smtpd", true);
    s.started(1, kStart);
    s.report(1, "ready", kStart);
    CPPUNIT_ASSERT(s.report(1, "busy", kStart).tell.empty());  // much to do is no reason to treat clients badly
    CPPUNIT_ASSERT(tells(s.report(1, "late", kStart), 1, "stress yes"));
    CPPUNIT_ASSERT(s.wants_worker(kStart));
    CPPUNIT_ASSERT(tells(s.report(1, "calm", kStart), 1, "stress no"));
  }

  void loopback_service_has_no_stress() {
    auto s = service("127.0.0.1:2525 inet n - n - 2 smtpd");
    s.started(1, kStart);
    const auto effects = s.started(2, kStart);
    CPPUNIT_ASSERT(effects.lines.empty());
    CPPUNIT_ASSERT(effects.tell.empty());
    CPPUNIT_ASSERT(!s.next_start(kStart).knows_stress);
  }

  void removed_service_ends_silently() {
    auto s = service("25 inet n - n - - smtpd");
    s.started(1, kStart);
    CPPUNIT_ASSERT(s.remove().terminate == std::vector<pid_t>{1});
    CPPUNIT_ASSERT(s.ended(1, SIGTERM, kStart).lines.empty());
    CPPUNIT_ASSERT(!s.wants_worker(kStart));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ServiceTest);

}  // namespace postern::master
