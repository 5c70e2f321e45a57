# SPDX-License-Identifier: Apache-2.0
"""Differential test harness: one scenario, two mail systems, one diff."""
