#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A modem of two channels, its families, its wrong starts, and IPv6 over it."""

import socket
import unittest

import runner
import usock
from harness import eventually
from modem_support import ModemCase

LOOK = {"signal_interval": "1"}
SIGNAL_UNKNOWN = -32768


class ChannelCase(ModemCase):
    keys = LOOK

    def commands(self):
        """What the modem has been told so far."""
        return [line.partition("> ")[2] for line in self.daemon.log().splitlines()
                if "usocket-modem: > " in line]

    def wait_level(self, name, level):
        eventually(lambda: getattr(self.link(), name) == level, 20, f"{name} {level}")


class Multiplexed(ChannelCase):
    def test_signal_is_read_while_packets_pass(self):
        self.wait_up()
        self.passes_data()
        self.modem.do("signal -61 -82 -7 3")
        # +CSQ has steps of 2 dB, +CESQ of 1 dB and half a dB.
        self.wait_level("rsrp_dbm", -82)
        self.assertEqual((self.link().rssi_dbm, self.link().rsrq_db), (-61, -7))
        self.passes_data()

    def test_bytes_arrive_as_they_were_sent(self):
        self.wait_up()
        data = bytes(i * 7 & 0xff for i in range(200000))
        s, peer = self.connected()
        peer.sendall(data)
        self.assertEqual(s.recv_exactly(len(data)), data)

    def test_registration_is_heard_unasked(self):
        self.wait_up()
        self.modem.do("announce +CEREG: 5,\"2B3C\",\"02D4E5F6\",7")
        eventually(lambda: self.link().area_code == 0x2b3c, 10, "the new area")

    def test_network_that_deactivates_the_context_is_heard(self):
        self.wait_up()
        restarts = self.link().restarts
        self.modem.do("announce +CGEV: NW PDN DEACT 1")
        eventually(lambda: self.is_up() and self.link().restarts > restarts, 20, "up again")
        self.assertIn("the network has deactivated the PDP context", self.daemon.log())
        self.passes_data()

    def test_another_context_is_none_of_ours(self):
        self.wait_up()
        self.modem.do("announce +CGEV: NW PDN DEACT 2")
        self.modem.do("signal -61 -82 -7 3")
        self.wait_level("rsrp_dbm", -82)
        self.assertEqual(self.link().restarts, 0)

    def test_sim_that_is_taken_out_is_told_of(self):
        self.wait_up()
        self.modem.do("sim out")
        self.wait_down("no SIM")
        self.modem.do("sim ready")


class WithoutMultiplexer(ChannelCase):
    options = ("--no-cmux",)

    def test_link_comes_up_and_says_what_it_lacks(self):
        self.wait_up()
        self.passes_data()
        self.assertIn("no AT commands while a call is up", self.daemon.log())


class MultiplexerOff(ChannelCase):
    keys = {"cmux": "no"}

    def test_is_not_asked_for(self):
        self.wait_up()
        self.passes_data()
        self.assertFalse([c for c in self.commands() if "CMUX" in c])


class MultiplexerNeeded(ChannelCase):
    options = ("--no-cmux",)
    keys = {"cmux": "yes"}

    def test_link_fails_and_says_why(self):
        self.wait_cause("set cmux = no")


class MultiplexerSilent(ChannelCase):
    """It does not answer AT+CMUX: nobody knows whether it multiplexes then."""

    def prepare(self):
        self.modem.do("fault AT+CMUX silence always")

    def test_is_done_without(self):
        self.wait_up(60)
        self.passes_data()


class TwoPorts(ChannelCase):
    options = ("--ports", "2", "--no-cmux")

    @property
    def keys(self):
        return {**LOOK, "at_device": self.modem.device + ".2"}

    def test_second_one_takes_commands_while_packets_pass(self):
        self.wait_up()
        self.passes_data()
        self.modem.do("signal -61 -82 -7 3")
        self.wait_level("rsrp_dbm", -82)
        self.assertFalse([c for c in self.commands() if "CMUX" in c])


class FamilyCase(ChannelCase):
    """One of each: its PIN, its account and its signal."""

    family = None
    keys = {**LOOK, "pin": "1234", "user": "ada", "password": "love-lace", "auth": "chap"}
    pin_tries = account = "?"
    sinr = SIGNAL_UNKNOWN

    @property
    def options(self):
        return ("--family", self.family, "--pin", "1234", "--auth", "chap", "--user", "ada",
                "--password", "love-lace")

    def takes_its_commands(self):
        self.wait_up()
        self.passes_data()
        commands = self.commands()
        self.assertIn(self.pin_tries, commands)
        self.assertIn(self.account, commands)
        self.assertNotIn("love-lace", self.daemon.log())
        self.modem.do("signal -61 -82 -7 3")
        self.wait_level("rsrp_dbm", -82)
        self.wait_level("sinr_db", self.sinr)


class Generic(FamilyCase):
    family = "generic"
    pin_tries, account = 'AT+CPINR="SIM PIN"', "AT+CGAUTH=****"

    def test_takes_its_commands(self):
        self.takes_its_commands()


class Quectel(FamilyCase):
    family = "quectel"
    pin_tries, account, sinr = 'AT+QPINC="SC"', "AT+QICSGP=****", 3

    def test_takes_its_commands(self):
        self.takes_its_commands()


class Simcom(FamilyCase):
    family = "simcom"
    pin_tries, account, sinr = "AT+SPIC", "AT+CGAUTH=****", 3

    def test_takes_its_commands(self):
        self.takes_its_commands()


class Telit(FamilyCase):
    family = "telit"
    pin_tries, account = "AT#PCT", "AT#PDPAUTH=****"

    def test_takes_its_commands(self):
        self.takes_its_commands()


class Ublox(FamilyCase):
    family = "ublox"
    pin_tries, account = "AT+UPINCNT", "AT+UAUTHREQ=****"

    def test_takes_its_commands(self):
        self.takes_its_commands()


class StartCase(ChannelCase):
    def is_found(self):
        self.wait_up(60)
        self.passes_data()


class LeftMultiplexing(StartCase):
    options = ("--start", "cmux")

    def test_is_closed_down_and_comes_up(self):
        self.is_found()


class OtherSpeed(StartCase):
    options = ("--start", "baud", "--baud", "9600")

    def test_is_told_ours(self):
        self.is_found()
        self.assertIn("the modem's speed is 9600, it is told to use 115200", self.daemon.log())
        self.assertIn("AT+IPR=115200", self.commands())


class EchoOff(StartCase):
    options = ("--start", "echo-off")

    def test_makes_no_difference(self):
        self.is_found()


class Garbage(StartCase):
    options = ("--start", "garbage")

    def test_is_waited_out(self):
        self.is_found()


class ChattyModem(StartCase):
    options = ("--chatter", "5", "--family", "quectel")

    def test_answers_are_told_from_what_comes_between(self):
        self.is_found()
        link = self.link()
        self.assertEqual((link.operator_name, link.model), (b"Sim Mobile", b"EC25"))


class IPv6(ChannelCase):
    def server6(self):
        """A kernel listener, and its address as the stack has it."""
        s = self.keep(socket.socket(socket.AF_INET6))
        s.settimeout(10)
        s.bind(("::1", 0))
        s.listen()
        return s, ("fec0::2", s.getsockname()[1])

    def passes_data6(self):
        listener, address = self.server6()
        s = self.keep(usock.Sock(socket.AF_INET6, socket.SOCK_STREAM))
        s.connect_timeout(address, 20000)
        peer, _ = listener.accept()
        self.keep(peer)
        s.send(b"question")
        self.assertEqual(peer.recv(100), b"question")
        return s, peer

    def wait_address6(self):
        eventually(lambda: self.link().n_addresses6 > 0, 20, "an IPv6 address")


class BothFamilies(IPv6):
    def test_come_up_together(self):
        self.wait_up()
        self.wait_address6()
        self.passes_data()
        self.passes_data6()

    def test_connections_of_both_outlive_a_redial(self):
        self.wait_up()
        self.wait_address6()
        s4, peer4 = self.passes_data()
        s6, peer6 = self.passes_data6()
        restarts = self.link().restarts
        self.modem.do("carrier")
        eventually(lambda: self.is_up() and self.link().restarts > restarts, 20, "up again")
        for s, peer in ((s4, peer4), (s6, peer6)):
            s.send(b"still here")
            self.assertEqual(peer.recv(100), b"still here")


class OnlyIPv6(IPv6):
    """The network has nothing else, and grants it when both are asked for."""

    options = ("--pdp", "ipv6")

    def test_link_comes_up(self):
        self.wait_up()
        self.assertEqual(self.link().address4.family, socket.AF_UNSPEC)
        self.passes_data6()


class OnlyIPv6Asked(IPv6):
    keys = {**LOOK, "pdp_type": "ipv6"}

    def test_no_ipv4_address_is_taken(self):
        self.wait_up()
        self.assertEqual(self.link().address4.family, socket.AF_UNSPEC)
        self.passes_data6()


class OnlyIPv4(IPv6):
    options = ("--pdp", "ip")

    def test_link_comes_up(self):
        self.wait_up()
        self.passes_data()
        self.assertEqual(self.link().n_addresses6, 0)


class StrictNetwork(IPv6):
    """It refuses calls that ask for more than it has."""

    options = ("--pdp", "ipv6", "--strict-pdp")

    def types(self):
        return [c.split('"')[1] for c in self.commands() if c.startswith("AT+CGDCONT=")]

    def test_what_it_has_is_asked_for_and_remembered(self):
        self.wait_up(60)
        self.passes_data6()
        self.assertEqual(self.types(), ["IPV4V6", "IPV6"])
        restarts = self.link().restarts
        self.modem.do("carrier")
        eventually(lambda: self.is_up() and self.link().restarts > restarts, 20, "up again")
        self.assertEqual(self.types()[2:], ["IPV6"])


if __name__ == "__main__":
    runner.main()
