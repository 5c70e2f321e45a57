# SPDX-License-Identifier: Apache-2.0
"""sendmail -N, -R, -V options, -bv verification report and -v delivery report."""
from harness.dsl import *

STEPS = [submit("Subject: s\n\nx\n", "-f", "carol@example.test", "-N", "success,failure", "-R", "hdrs", "-V", "env42", "u1@virt.test"), submit("Subject: s\n\nx\n", "-bv", "-f", "carol@example.test", "u1@virt.test", "nosuch@virt.test"),
         submit("Subject: s\n\nx\n", "-v", "-f", "carol@example.test", "alice@example.test", "nosuch@virt.test")]
