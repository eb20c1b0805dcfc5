#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Threads on one socket and on many; run under TSan as well."""

import sys

import harness
import loads
import runner
import usock
from runner import deadline


@deadline(90)
class Threads(loads.Loading, harness.StackCase):
    """All inside the stack: any link will do, and no rights are needed."""

    @classmethod
    def make_link(cls):
        harness.need_slirp()
        return {"link net0": {"driver": "slirp"}}

    def run_case(self, name):
        before = self.statistics()
        client = self.load("threads", only=name, others=usock.status().sessions)
        self.assertEqual(client.wait(), [f"ok {name}"])
        self.comes_back_to(before)

    def test_first_use_by_all_at_once(self):
        self.run_case("first_use")

    def test_two_threads_on_one_socket(self):
        self.run_case("one_socket")

    def test_many_threads_on_many_sockets(self):
        self.run_case("many_sockets")

    def test_requests_of_all_kinds(self):
        self.run_case("churn")

    def test_close_wakes_recv(self):
        self.run_case("close_wakes_recv")

    def test_close_wakes_accept(self):
        self.run_case("close_wakes_accept")

    def test_close_wakes_recvfrom(self):
        self.run_case("close_wakes_recvfrom")

    def test_close_wakes_send(self):
        self.run_case("close_wakes_send")

    def test_close_wakes_connect(self):
        self.run_case("close_wakes_connect")


if __name__ == "__main__":
    runner.main(sys.modules[__name__])
