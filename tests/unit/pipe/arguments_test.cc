// SPDX-License-Identifier: Apache-2.0
#include "pipe/arguments.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

namespace postern::pipe {

class ArgumentsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ArgumentsTest);
  CPPUNIT_TEST(once_for_each_recipient);
  CPPUNIT_TEST(of_the_message);
  CPPUNIT_TEST(parts_of_the_recipient);
  CPPUNIT_TEST(folding);
  CPPUNIT_TEST(quoting);
  CPPUNIT_TEST(no_sender);
  CPPUNIT_TEST(values_are_not_expanded);
  CPPUNIT_TEST(forms_of_a_macro);
  CPPUNIT_TEST(unknown_macro);
  CPPUNIT_TEST_SUITE_END();

  service::DeliveryRequest request_;
  Attributes attributes_;
  std::vector<std::size_t> recipients_{0};

  Result<std::vector<std::string>> result(std::vector<std::string> words) {
    attributes_.argv = std::move(words);
    return expand_arguments({attributes_, request_, "+"}, recipients_);
  }
  // The words, with '|' between them.
  std::string expanded(std::vector<std::string> words) { return text::join(result(std::move(words)).value(), "|"); }

 public:
  void setUp() override {
    request_ = {};
    attributes_ = {};
    recipients_ = {0};
    request_.sender = "s e@X.test";
    request_.recipients.resize(2);
    request_.recipients[0].original = "Orig@P.test";
    request_.recipients[0].address = "User+Ext@P.test";
    request_.recipients[1].address = "o b@p.test";
    request_.nexthop = "Hop";
  }
  void once_for_each_recipient() {
    recipients_ = {0, 1};
    CPPUNIT_ASSERT_EQUAL(std::string("x|<User+Ext@P.test>|<o b@p.test>|s e@X.test|end"),
                         expanded({"x", "<${recipient}>", "$sender", "end"}));
    CPPUNIT_ASSERT_EQUAL(std::string("User:Ext|o b:"), expanded({"$user:$extension"}));
    recipients_ = {1};
    CPPUNIT_ASSERT_EQUAL(std::string("o b@p.test"), expanded({"$recipient"}));
  }
  void of_the_message() {
    request_.queue_id = "4ABC";
    request_.data_size = 1234;
    request_.client_address = "192.0.2.1";
    request_.client_name = "c.test";
    request_.client_port = "99";
    request_.helo_name = "helo.test";
    request_.protocol_name = "ESMTP";
    request_.sasl_method = "PLAIN";
    request_.sasl_username = "joe";
    request_.sasl_sender = "sub";
    request_.envelope_id = "env1";
    CPPUNIT_ASSERT_EQUAL(std::string("4ABC 1234 Hop env1"), expanded({"$queue_id $size $nexthop $envid"}));
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1 c.test 99 helo.test ESMTP"),
                         expanded({"$client_address $client_hostname $client_port $client_helo $client_protocol"}));
    CPPUNIT_ASSERT_EQUAL(std::string("PLAIN joe sub"), expanded({"$sasl_method $sasl_username $sasl_sender"}));
  }
  void parts_of_the_recipient() {
    CPPUNIT_ASSERT_EQUAL(std::string("User|Ext|User+Ext|P.test|Orig@P.test"),
                         expanded({"$user", "$extension", "$mailbox", "$domain", "$original_recipient"}));
    recipients_ = {1};
    // What there is no value for is an empty word, not a missing one.
    CPPUNIT_ASSERT_EQUAL(std::string("|o b@p.test"), expanded({"$extension", "$original_recipient"}));
  }
  void folding() {
    attributes_.fold_domain = true;
    CPPUNIT_ASSERT_EQUAL(std::string("User+Ext@p.test p.test hop"), expanded({"$recipient $domain $nexthop"}));
    attributes_.fold_local = true;
    CPPUNIT_ASSERT_EQUAL(std::string("user+ext@p.test orig@p.test user ext user+ext"),
                         expanded({"$recipient $original_recipient $user $extension $mailbox"}));
    CPPUNIT_ASSERT_EQUAL(std::string("s e@X.test"), expanded({"$sender"}));
  }
  void quoting() {
    attributes_.quote = true;
    recipients_ = {1};
    CPPUNIT_ASSERT_EQUAL(std::string("\"s e\"@X.test|\"o b\"@p.test|o b|o b"),
                         expanded({"$sender", "$recipient", "$user", "$mailbox"}));
  }
  void no_sender() {
    request_.sender.clear();
    CPPUNIT_ASSERT_EQUAL(std::string("-f|MAILER-DAEMON"), expanded({"-f", "$sender"}));
    attributes_.null_sender.clear();
    attributes_.quote = true;
    CPPUNIT_ASSERT_EQUAL(std::string("-f|"), expanded({"-f", "${sender}"}));
  }
  void values_are_not_expanded() {
    request_.sender = "$size ${user}$$@x.test";
    CPPUNIT_ASSERT_EQUAL(std::string("$size ${user}$$@x.test $"), expanded({"$sender $$"}));
  }
  void forms_of_a_macro() {
    CPPUNIT_ASSERT_EQUAL(std::string("Hop Hop Hop"), expanded({"$nexthop ${nexthop} $(nexthop)"}));
    CPPUNIT_ASSERT_EQUAL(std::string("User+Ext|none"),
                         expanded({"$user${extension?+$extension}", "${sasl_method:none}"}));
  }
  void unknown_macro() {
    CPPUNIT_ASSERT_EQUAL(std::string("unknown macro name: \"nonesuch\""), result({"$nonesuch"}).error().text);
    CPPUNIT_ASSERT(!result({"${recipient"}).has_value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ArgumentsTest);

}  // namespace postern::pipe
