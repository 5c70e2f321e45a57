// SPDX-License-Identifier: Apache-2.0
#include "smtpd/switch.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>

#include "lib/base/fd.h"
#include "lib/dns/native.h"

namespace postern::smtpd {
namespace {

SwitchOffer offer() {
  SwitchOffer out;
  out.service = "smtp";
  out.address = "2001:db8::1";
  out.port = "40000";
  out.name = "client.example.net";
  out.reverse_name = "other.example.net";
  out.name_status = static_cast<std::int64_t>(dns::NameStatus::forged);
  out.greeted = true;
  out.helo = "client.example.net";
  out.errors = 3;
  out.tls.established = true;
  out.tls.protocol = "TLSv1.3";
  out.tls.peer_cn = "client";
  return out;
}

class SwitchTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SwitchTest);
  CPPUNIT_TEST(what_is_offered_arrives);
  CPPUNIT_TEST(strange_offers_are_errors);
  CPPUNIT_TEST(sockets_are_told_apart);
  CPPUNIT_TEST(early_input_may_hold_anything);
  CPPUNIT_TEST_SUITE_END();

  void what_is_offered_arrives() {
    const auto there = decode_offer(ipc::encode(offer()));
    CPPUNIT_ASSERT(there.has_value());
    CPPUNIT_ASSERT_EQUAL(ipc::encode(offer()), ipc::encode(*there));
    CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.3"), there->tls.protocol);
    CPPUNIT_ASSERT_EQUAL(3U, there->errors);
  }

  void strange_offers_are_errors() {
    SwitchOffer other = offer();
    other.version = kSwitchVersion + 1;
    CPPUNIT_ASSERT(!decode_offer(ipc::encode(other)));
    other = offer();
    other.protocol = "delivery_request_protocol";
    CPPUNIT_ASSERT(!decode_offer(ipc::encode(other)));
    for (const std::int64_t status : {-1, 4, 1000}) {
      other = offer();
      other.name_status = status;
      CPPUNIT_ASSERT(!decode_offer(ipc::encode(other)));
      other = offer();
      other.reverse_status = status;
      CPPUNIT_ASSERT(!decode_offer(ipc::encode(other)));
    }
    const std::string whole = ipc::encode(offer());
    CPPUNIT_ASSERT(!decode_offer(whole.substr(0, whole.size() / 2)));
    CPPUNIT_ASSERT(!decode_offer(""));
  }

  void sockets_are_told_apart() {
    const auto packets = socket_pair(SOCK_SEQPACKET);
    const auto stream = socket_pair(SOCK_STREAM);
    CPPUNIT_ASSERT(packets && is_switch_connection(packets->first.get()));
    CPPUNIT_ASSERT(stream && !is_switch_connection(stream->first.get()));
    CPPUNIT_ASSERT(!is_switch_connection(-1));
  }

  void early_input_may_hold_anything() {
    const SwitchTake take{ipc::Bytes{std::string("EHLO a\r\n\0\xff", 10)}};
    const auto there = ipc::decode<SwitchTake>(ipc::encode(take));
    CPPUNIT_ASSERT(there && there->input.data == take.input.data);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SwitchTest);

}  // namespace
}  // namespace postern::smtpd
