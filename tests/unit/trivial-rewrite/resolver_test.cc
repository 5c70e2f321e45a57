// SPDX-License-Identifier: Apache-2.0
// Class, transport and next hop of recipients, with tables that stand in main.cf itself.
#include "trivial-rewrite/resolver.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/config/config.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::trivial_rewrite {

namespace {

namespace flag = service::resolve_flag;

async::Task<> ask(const Resolver* resolver, std::string sender, std::string address, service::ResolveReply* out) {
  service::ResolveReply reply = co_await resolver->resolve(std::move(sender), std::move(address));
  *out = std::move(reply);
}

}  // namespace

class ResolverTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ResolverTest);
  CPPUNIT_TEST(classes);
  CPPUNIT_TEST(own_addresses_are_local);
  CPPUNIT_TEST(relayhost_and_parameters_with_next_hops);
  CPPUNIT_TEST(transport_table_forms);
  CPPUNIT_TEST(routed_addresses);
  CPPUNIT_TEST(bad_addresses);
  CPPUNIT_TEST(sender_dependent_routes);
  CPPUNIT_TEST(table_that_fails_means_try_again);
  CPPUNIT_TEST(domain_in_two_classes_is_warned_about);
  CPPUNIT_TEST(relocated_users);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    registry_ = {};
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.loop = &loop_;
    main_cf_ =
        "myhostname = mx.example.test\nmydomain = example.test\nmydestination = example.test, local.test\n"
        "virtual_alias_domains = alias.test\nvirtual_mailbox_domains = inline:{box.test=x}\n"
        "relay_domains = relay.test\n";
  }

  void classes() {
    expect("user@local.test", "local:mx.example.test user@local.test", flag::kLocal);
    expect("user@LOCAL.Test", "local:mx.example.test user@LOCAL.Test", flag::kLocal);
    expect("user", "local:mx.example.test user@mx.example.test", flag::kDefault, true);
    expect("user@alias.test", "error:5.1.1 User unknown in virtual alias table user@alias.test", flag::kAlias);
    expect("user@box.test", "virtual:box.test user@box.test", flag::kVirtual);
    expect("user@relay.test", "relay:relay.test user@relay.test", flag::kRelay);
    expect("user@sub.relay.test", "relay:sub.relay.test user@sub.relay.test", flag::kRelay);
    expect("user@Far.test", "smtp:far.test user@Far.test", flag::kDefault);
    expect("user@far.test.", "smtp:far.test user@far.test", flag::kDefault);
  }

  void own_addresses_are_local() {
    expect("user@[192.0.2.7]", "local:mx.example.test user@[192.0.2.7]", flag::kLocal);
    expect("user@[ipv6:2001:db8::7]", "local:mx.example.test user@[ipv6:2001:db8::7]", flag::kLocal);
    expect("user@[192.0.2.8]", "smtp:[192.0.2.8] user@[192.0.2.8]", flag::kDefault);
  }

  void relayhost_and_parameters_with_next_hops() {
    main_cf_ += "relayhost = [gate.test]:587\nrelay_transport = lmtp:unix:/run/x\nlocal_transport = lmtp:inside\n";
    expect("user@far.test", "smtp:[gate.test]:587 user@far.test", flag::kDefault);
    expect("user@relay.test", "lmtp:unix:/run/x user@relay.test", flag::kRelay);
    expect("user@local.test", "lmtp:inside user@local.test", flag::kLocal);
  }

  void transport_table_forms() {
    main_cf_ +=
        "relayhost = [gate.test]\ntransport_maps = inline:{ {one@far.test = slow:[a.test]:26} {far.test = slow:} "
        "{hop.test = :[b.test]} {none.test = :} {gone.test = error:5.1.1 no longer here} {.sub.test = smtp:c.test} "
        "{box.test = pipe:x} {alias.test = smtp:d.test} }\n";
    expect("one@far.test", "slow:[a.test]:26 one@far.test", flag::kDefault);
    expect("two@far.test", "slow:far.test two@far.test", flag::kDefault);
    expect("x@hop.test", "smtp:[b.test] x@hop.test", flag::kDefault);
    expect("x@none.test", "smtp:[gate.test] x@none.test", flag::kDefault);
    expect("x@gone.test", "error:5.1.1 no longer here x@gone.test", flag::kDefault);
    expect("x@a.b.sub.test", "smtp:c.test x@a.b.sub.test", flag::kDefault);
    expect("x@box.test", "pipe:x x@box.test", flag::kVirtual);
  }

  void routed_addresses() {
    expect("user%far.test@local.test", "smtp:far.test user@far.test", flag::kDefault);
    expect("user%box.test%local.test@local.test", "virtual:box.test user@box.test", flag::kVirtual);
    expect("user%x.test@far.test", "smtp:far.test user%x.test@far.test", flag::kDefault | flag::kRouted);
    expect("a@far.test@local.test", "smtp:far.test a@far.test", flag::kDefault);
    main_cf_ += "allow_percent_hack = no\n";
    expect("user%far.test@local.test", "local:mx.example.test user%far.test@local.test", flag::kLocal);
  }

  void bad_addresses() {
    for (const char* address : {"-x@far.test", "x@far..test", "x@192.0.2.1", "x@[]", "x@", "x@a b.test"}) {
      CPPUNIT_ASSERT_MESSAGE(address, (resolve("", address).flags & flag::kError) != 0);
    }
    main_cf_ += "allow_min_user = yes\nresolve_numeric_domain = yes\nresolve_null_domain = yes\n";
    for (const char* address : {"-x@far.test", "x@192.0.2.1", "x@"}) {
      CPPUNIT_ASSERT_MESSAGE(address, (resolve("", address).flags & flag::kError) == 0);
    }
    expect("x@192.0.2.1", "smtp:[192.0.2.1] x@[192.0.2.1]", flag::kDefault);
    expect("x@192.0.2.7", "local:mx.example.test x@[192.0.2.7]", flag::kLocal);
  }

  void sender_dependent_routes() {
    main_cf_ +=
        "sender_dependent_relayhost_maps = inline:{ {a@x.test = [r1.test]} {@y.test = [r2.test]} {<> = [r3.test]} }\n"
        "sender_dependent_default_transport_maps = inline:{ {b@x.test = other:} {c@x.test = DUNNO} }\n";
    const auto hop = [this](const char* sender) { return resolve(sender, "u@far.test").nexthop; };
    CPPUNIT_ASSERT_EQUAL("[r1.test]"s, hop("a@x.test"));
    CPPUNIT_ASSERT_EQUAL("[r2.test]"s, hop("any@y.test"));
    CPPUNIT_ASSERT_EQUAL("[r3.test]"s, hop(""));
    CPPUNIT_ASSERT_EQUAL("far.test"s, hop("c@x.test"));
    CPPUNIT_ASSERT_EQUAL("other"s, resolve("b@x.test", "u@far.test").transport);
    CPPUNIT_ASSERT_EQUAL("smtp"s, resolve("c@x.test", "u@far.test").transport);
  }

  void table_that_fails_means_try_again() {
    main_cf_ += "transport_maps = fail:broken\n";
    const test::LogLines lines;
    CPPUNIT_ASSERT((resolve("", "u@far.test").flags & flag::kFail) != 0);
    main_cf_ += "transport_maps =\nrelay_domains = fail:broken\n";
    CPPUNIT_ASSERT((resolve("", "u@far.test").flags & flag::kFail) != 0);
    CPPUNIT_ASSERT((resolve("", "u@local.test").flags & flag::kFail) == 0);
  }

  void domain_in_two_classes_is_warned_about() {
    main_cf_ += "virtual_alias_domains = local.test\n";
    const test::LogLines lines;
    expect("user@local.test", "local:mx.example.test user@local.test", flag::kLocal);
    CPPUNIT_ASSERT(lines.has("do not list domain local.test in BOTH mydestination and virtual_alias_domains"));
  }

  void relocated_users() {
    main_cf_ +=
        "myorigin = local.test\nrecipient_delimiter = +\nrelocated_maps = inline:{ {ann=ann@new.test} "
        "{@box.test=the moon} }\ntransport_maps = inline:{box.test=smtp:x}\n";
    expect("ann+x@local.test", "error:5.1.6 User has moved to ann@new.test ann+x@local.test", flag::kLocal);
    expect("any@box.test", "error:5.1.6 User has moved to the moon any@box.test", flag::kVirtual);
    expect("ann@far.test", "smtp:far.test ann@far.test", flag::kDefault);
    main_cf_ += "relocated_prefix_enable = no\nrelocated_maps = inline:{ {ann=5.1.6 Gone} }\n";
    expect("ann@local.test", "error:5.1.6 Gone ann@local.test", flag::kLocal);
    main_cf_ += "relocated_maps = fail:x\n";
    CPPUNIT_ASSERT((resolve("", "bob@local.test").flags & flag::kFail) != 0);
  }

 private:
  service::ResolveReply resolve(const std::string& sender, const std::string& address) {
    const auto params = Params::load(*config::Config::from_text(main_cf_));
    CPPUNIT_ASSERT(params.has_value());
    const RouteParameters routes{params->local_transport,
                                 params->virtual_transport,
                                 params->relay_transport,
                                 params->default_transport,
                                 params->relayhost,
                                 params->transport_maps,
                                 params->sender_dependent_relayhost_maps,
                                 params->sender_dependent_default_transport_maps};
    const Resolver resolver(*params, routes, context_, {"192.0.2.7", "2001:db8::7"});
    service::ResolveReply out;
    test::run(loop_, ask(&resolver, sender, address, &out));
    return out;
  }
  // "transport:nexthop recipient"; a host that is ours only by name may be of any class.
  void expect(const std::string& address, const std::string& route, std::int64_t flags, bool any_class = false) {
    const auto reply = resolve("s@x.test", address);
    if (any_class) return CPPUNIT_ASSERT(reply.recipient.ends_with("@mx.example.test"));
    CPPUNIT_ASSERT_EQUAL(route, reply.transport + ":" + reply.nexthop + " " + reply.recipient);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(address, flags, reply.flags);
  }

  async::Loop loop_;
  table::Registry registry_;
  table::Context context_;
  std::string main_cf_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ResolverTest);

}  // namespace postern::trivial_rewrite
