#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The modem driver against a PPP server that nobody here has written:
slirp-fullbolt, behind the simulated modem's dial command."""

import os
import shutil
import unittest

import harness
import modem_support
import runner


class PeerCase(modem_support.ModemCase):
    options = ("--peer", "slirp")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not shutil.which("slirp-fullbolt"):
            raise unittest.SkipTest("slirp-fullbolt is missing: Debian's package slirp")


class Peer(PeerCase):
    def test_gives_an_address_and_name_servers(self):
        self.wait_up(30)
        self.assertIn(modem_support.GUEST, self.link().cause.decode())

    def test_bytes_arrive_as_they_were_sent(self):
        self.wait_up(30)
        data = os.urandom(100000)
        s, peer = self.connected()
        answering = harness.Call(peer.sendall, data)
        self.assertEqual(s.recv_exactly(len(data)), data)
        answering.result()
        sending = harness.Call(s.send, data)
        got = b""
        while len(got) < len(data):
            got += peer.recv(1 << 16)
        self.assertEqual((got, sending.result()), (data, len(data)))

    def test_link_comes_back_when_it_dies(self):
        self.wait_up(30)
        self.passes_data()
        restarts = self.link().restarts
        self.modem.tell("carrier")
        harness.eventually(lambda: self.is_up() and self.link().restarts > restarts, 30,
                           "up again")
        self.passes_data()


class PeerPap(PeerCase):
    options = (*PeerCase.options, "--auth", "pap", "--user", "ada", "--password", "love-lace")
    keys = {"user": "ada", "password": "love-lace"}

    def test_user_and_password_are_accepted(self):
        self.wait_up(30)
        self.passes_data()


class PeerChap(PeerPap):
    options = (*PeerCase.options, "--auth", "chap", "--user", "ada", "--password", "love-lace")


class PeerWrongPassword(PeerCase):
    options = PeerChap.options
    keys = {"user": "ada", "password": "wrong", "auth": "chap"}

    def test_is_refused(self):
        self.wait_cause("refuses user and password", 30)


if __name__ == "__main__":
    runner.main()
