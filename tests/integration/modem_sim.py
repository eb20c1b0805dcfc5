#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The modem simulator itself, spoken to over its serial port without the daemon:
what tests of the driver rely on. And the example that uses it."""

import os
import subprocess
import termios
import time
import unittest

import harness
import modem_host
import runner
import usock
from modem_support import Modem, ModemCase

PINGS = range(1, 101)


class SimCase(unittest.TestCase):
    """A simulated modem and the host's end of its port for each test."""

    options = ()

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        if not os.path.exists(harness.program("modem-sim")):
            raise unittest.SkipTest("the simulator needs usocket-slirp (--disable-slirp?)")

    def setUp(self):
        self.modem, self.port = self.start(*self.options)

    def start(self, *options):
        modem = Modem(*options)
        self.addCleanup(modem.close)
        return modem, self.open(modem.device)

    def open(self, path):
        port = modem_host.Port(path)
        self.addCleanup(port.close)
        return port

    def expect(self, command, *lines):
        """The command's answer is these lines."""
        self.assertEqual(self.port.ask(command), list(lines), command)


class Line(SimCase):
    def counts(self, modem):
        """The control socket's counts: those of sent and of received packets apart."""
        words = modem.tell("status").split()
        begin, middle = words.index("sent"), words.index("received")
        pairs = [dict(zip(part[::2], map(int, part[1::2])))
                 for part in (words[:begin], words[begin:middle], words[middle:])]
        return pairs

    def pinged(self, *options, size=56):
        """(numbers of the replies, counts of sent, of received packets)"""
        modem, port = self.start(*options)
        replies = modem_host.dial(port).ping(PINGS, size=size)
        return (replies, *self.counts(modem)[1:])

    def test_without_options_nothing_is_lost(self):
        replies, sent, received = self.pinged()
        self.assertEqual(replies, list(PINGS))
        self.assertEqual((sent["sent"], received["received"]), (len(PINGS), len(PINGS)))

    def test_loss_is_counted_and_the_same_with_the_same_seed(self):
        first = self.pinged("--loss", "10", "--seed", "7")
        replies, sent, received = first
        self.assertGreater(sent["lost"], 0)
        self.assertGreater(received["lost"], 0)
        self.assertEqual(len(replies), len(PINGS) - sent["lost"] - received["lost"])
        self.assertEqual(self.pinged("--loss", "10", "--seed", "7")[0], replies)
        self.assertNotEqual(self.pinged("--loss", "10", "--seed", "8")[0], replies)

    def test_reordering_loses_nothing(self):
        replies, sent, received = self.pinged("--reorder", "10")
        self.assertEqual(sorted(replies), list(PINGS))
        self.assertNotEqual(replies, list(PINGS))
        self.assertGreater(sent["reordered"] + received["reordered"], 0)

    def test_delay_takes_its_time_each_way_and_keeps_the_order(self):
        begin = time.monotonic()
        replies, _, _ = self.pinged("--delay", "150")
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)
        self.assertEqual(replies, list(PINGS))

    def test_rate_is_not_exceeded(self):
        modem, port = self.start("--rate", "64000")
        begin = time.monotonic()
        modem_host.dial(port).ping(PINGS[:10])
        took = time.monotonic() - begin
        line = self.counts(modem)[0]
        self.assertGreater(line["out"], 1000)
        self.assertGreaterEqual(took, line["out"] * 8 / 64000 - 0.02)

    def test_queue_is_bounded_and_drops_what_comes_last(self):
        replies, _, received = self.pinged("--rate", "256000", "--queue", "4000", "--delay", "1000",
                                           size=1000)
        self.assertGreater(received["dropped"], 0)
        self.assertEqual(len(replies), len(PINGS) - received["dropped"])
        self.assertEqual(replies[:3], list(PINGS)[:3])


class Families(SimCase):
    """What each family calls itself, and the commands that only it has."""

    PIN = ("--pin", "1234", "--tries", "2")

    def family(self, name, *options):
        self.modem, self.port = self.start("--family", name, *options)
        self.assertEqual(self.port.ask("ATE0")[-1], "OK")

    def test_generic(self):
        self.family("generic", *self.PIN)
        self.expect("AT+CPINR=\"SIM PIN\"", "+CPINR: SIM PIN,2,3", "OK")
        self.expect("AT+CCID", "+CCID: 8988211000000123456", "OK")
        self.expect("AT+CGAUTH=1,2,\"ada\",\"secret\"", "OK")
        self.expect("AT+QPINC=\"SC\"", "ERROR")

    def test_quectel(self):
        self.family("quectel", *self.PIN)
        self.expect("ATI", "Quectel", "EC25", "Revision: EC25EFAR06A11M4G", "OK")
        self.expect("AT+CGMI", "Quectel", "OK")
        self.expect("AT+QPINC=\"SC\"", '+QPINC: "SC",2,10', "OK")
        self.expect("AT+QPINC?", '+QPINC: "SC",2,10', '+QPINC: "P2",3,10', "OK")
        self.expect("AT+QCSQ", '+QCSQ: "NOSERVICE"', "OK")
        self.expect("AT+QNWINFO", "+QNWINFO: No Service", "OK")
        self.expect("AT+CPIN=1234", "OK")
        self.expect("AT+QCSQ", '+QCSQ: "LTE",-73,-91,165,-10', "OK")
        self.expect("AT+QNWINFO", '+QNWINFO: "FDD LTE","00101","LTE BAND 3",1300', "OK")
        self.expect("AT+QCCID", "+QCCID: 8988211000000123456", "OK")
        self.expect("AT+QICSGP=1,3,\"internet\",\"ada\",\"secret\",1", "OK")
        self.expect("AT+QICSGP=1", '+QICSGP: 3,"internet","ada","secret",1', "OK")
        self.expect("AT+CGDCONT?", '+CGDCONT: 1,"IPV4V6","internet","0.0.0.0",0,0', "OK")
        self.expect("AT+CPINR", "ERROR")

    def test_simcom(self):
        self.family("simcom", *self.PIN)
        self.expect("AT+CGMM", "SIMCOM_SIM7600E", "OK")
        self.expect("AT+SPIC", "+SPIC: 2,10,0,10", "OK")
        self.expect("AT+CPSI?", "+CPSI: NO SERVICE,Online", "OK")
        self.expect("AT+CPIN=1234", "OK")
        self.expect("AT+CPSI?", "+CPSI: LTE,Online,001-01,0x1A2B,29611493,131,EUTRAN-BAND3,"
                    "1300,5,5,-100,-910,-730,13", "OK")
        self.expect("AT+CICCID", "+ICCID: 8988211000000123456", "OK")
        self.expect("AT+CGAUTH=1,1,\"secret\",\"ada\"", "OK")

    def test_telit(self):
        self.family("telit", *self.PIN)
        self.expect("ATI", "332", "OK")
        self.expect("AT#PCT", "#PCT: 2", "OK")
        self.expect("AT+CPIN=1234", "OK")
        self.expect("AT#RFSTS", '#RFSTS: "001 01",1300,-91,-73,-10,1A2B,255,,128,3,1,01C3D4E5,'
                    '"001010123456789","Sim Mobile",3,3', "OK")
        self.expect("AT#CCID", "#CCID: 8988211000000123456", "OK")
        self.expect("AT#PDPAUTH=1,1,\"ada\",\"secret\"", "OK")
        self.expect("AT#SGACTAUTH=2", "OK")

    def test_ublox(self):
        self.family("ublox", *self.PIN)
        self.expect("AT+UPINCNT", "+UPINCNT: 2,3,10,10", "OK")
        self.expect("AT+CPIN=1234", "OK")
        self.expect("AT+CCID", "+CCID: 8988211000000123456", "OK")
        self.expect("AT+UAUTHREQ=1,1,\"ada\",\"secret\"", "OK")
        self.expect("AT+UCGED=2", "OK")
        answer = self.port.ask("AT+UCGED?")
        self.assertEqual(answer[:2], ["+UCGED: 2", "6,4,001,01"])
        # RSRP and RSRQ as indices, SINR in dB.
        self.assertEqual(answer[2].split(",")[10:13], ["50", "20", "13.00"])

    def greeting(self, reset):
        self.port.ask(reset)
        lines = []
        while (line := self.port.read_line(1)) is not None:
            lines.append(line)
        return lines

    def test_each_resets_and_greets_in_its_own_way(self):
        for family, reset, lines in (
                ("generic", "AT+CFUN=1,1", ["RDY"]),
                ("quectel", "AT+CFUN=1,1", ["RDY", "+CFUN: 1", "+CPIN: SIM PIN", "+QUSIM: 1",
                                            "+QIND: SMS DONE", "+QIND: PB DONE"]),
                ("simcom", "AT+CRESET", ["RDY", "+CPIN: SIM PIN", "SMS DONE", "PB DONE"]),
                ("telit", "AT#REBOOT", []),
                ("ublox", "AT+CFUN=16", [])):
            with self.subTest(family):
                self.family(family, *self.PIN)
                self.assertEqual(self.greeting(reset), lines)
                self.assertEqual(self.modem.counts()[1], 1)

    def test_chatter_comes_between_answers_and_on_its_own(self):
        self.family("quectel", "--chatter", "50")
        line = self.port.read_line()
        self.assertRegex(line, r"^\+(QIND|CTZV): ")
        answers = [self.port.ask("AT") for _ in range(50)]
        self.assertTrue(all(answer[-1] == "OK" for answer in answers))
        self.assertTrue(any(len(answer) > 1 for answer in answers))


class Commands(SimCase):
    """What all modems have: TS 27.007, V.250."""

    def setUp(self):
        super().setUp()
        self.port.ask("ATE0")

    def test_commands_in_one_line_end_at_the_first_that_fails(self):
        self.expect("ATE0V1+CSQ;+CPIN?", "+CSQ: 20,99", "+CPIN: READY", "OK")
        self.expect("AT+CSQ;+NONSENSE;+CPIN?", "+CSQ: 20,99", "ERROR")

    def test_errors_are_told_as_asked_for(self):
        self.modem.tell("sim out")
        self.assertEqual(self.port.read_line(), "+CPIN: NOT INSERTED")
        self.expect("AT+CPIN?", "ERROR")
        self.expect("AT+CMEE=1;+CPIN?", "+CME ERROR: 10")
        self.expect("AT+CMEE=2;+CPIN?", "+CME ERROR: SIM not inserted")

    def test_registration_is_told_when_asked_for(self):
        self.expect("AT+CEREG?", "+CEREG: 0,1", "OK")
        self.expect("AT+CEREG=2;+CEREG?", '+CEREG: 2,1,"1A2B","01C3D4E5",7', "OK")
        self.modem.tell("registration denied")
        self.assertEqual(self.port.read_line(), "+CEREG: 3")
        self.modem.tell("registration roaming")
        self.assertEqual(self.port.read_line(), '+CEREG: 5,"1A2B","01C3D4E5",7')
        self.expect("AT+COPS?", '+COPS: 0,0,"Sim Mobile",7', "OK")
        self.expect("AT+COPS=3,2;+COPS?", '+COPS: 0,2,"00101",7', "OK")

    def test_radio_off_ends_registration_and_the_call(self):
        self.expect("AT+CFUN=4;+CREG?;+CFUN?", "+CREG: 0,0", "+CFUN: 4", "OK")
        self.expect("AT+CSQ", "+CSQ: 99,99", "OK")
        self.expect("ATD*99#", "NO CARRIER")
        self.expect("AT+CFUN=1;+CREG?", "+CREG: 0,1", "OK")

    def test_contexts_are_stored_and_activated(self):
        self.expect("AT+CGDCONT=2,\"IPV4V6\",\"iot\"", "OK")
        self.expect("AT+CGDCONT?", '+CGDCONT: 1,"IP","","0.0.0.0",0,0',
                    '+CGDCONT: 2,"IPV4V6","iot","0.0.0.0",0,0', "OK")
        self.expect("AT+CGEREP=1;+CGACT=1,2", "+CGEV: ME PDN ACT 2", "OK")
        self.expect("AT+CGACT?", "+CGACT: 1,0", "+CGACT: 2,1", "OK")
        self.expect("AT+CGPADDR=2", '+CGPADDR: 2,"10.0.2.15"', "OK")
        self.expect("AT+CGATT=0;+CGATT?", "+CGEV: ME DETACH 2", "+CGATT: 0", "OK")
        self.expect("AT+CGACT=1,2", "ERROR")
        self.expect("AT+CGDCONT=1,\"PPP\",\"x\"", "ERROR")


class Granted(SimCase):
    """The network has IPv4 only, and refuses who asks for both."""

    options = ("--pdp", "ip", "--strict-pdp", "--apn", "internet")

    def test_reason_is_told_in_words(self):
        self.port.ask("ATE0")
        for definition, cause in (("\"IPV4V6\",\"internet\"", "PDP type IPv4 only allowed"),
                                  ("\"IPV6\",\"internet\"", "PDP type IPv4 only allowed"),
                                  ("\"IP\",\"other\"", "Missing or unknown APN")):
            self.expect(f"AT+CGDCONT=1,{definition}", "OK")
            self.expect("ATD*99***1#", "NO CARRIER")
            self.expect("AT+CMEE=1;+CGACT=1,1", "+CME ERROR: 148")
            self.expect("AT+CEER", f"+CEER: {cause}", "OK")
        self.expect("AT+CGDCONT=1,\"IP\",\"internet\"", "OK")
        modem_host.dial(self.port)

    def test_changes_while_it_runs(self):
        self.modem.tell("pdp ipv6")
        self.port.ask("AT+CGDCONT=1,\"IP\",\"internet\"")
        self.assertEqual(self.port.ask("ATD*99#")[-1], "NO CARRIER")
        self.assertIn("+CEER: PDP type IPv6 only allowed", self.port.ask("AT+CEER"))


class Router(SimCase):
    """IPv6: the network tells its prefix and name server."""

    options = ("--prefix", "fd09::")

    def test_advertises_when_asked(self):
        self.port.ask("AT+CGDCONT=1,\"IPV6\",\"internet\"")
        ppp = modem_host.dial(self.port, modem_host.IPV6CP)
        ppp.send(modem_host.IP6, modem_host.router_solicitation())
        packet = ppp.wait_for(modem_host.IP6, 40, modem_host.ROUTER_ADVERTISEMENT)
        self.assertEqual(modem_host.icmp6_checksum(packet), 0)
        self.assertEqual((packet[7], packet[8:24].hex()), (255, "fe80" + "0" * 27 + "2"))
        options = packet[56:]
        found = {}
        while options:
            found[options[0]] = options[:options[1] * 8]
            options = options[options[1] * 8:]
        prefix, mtu, dns = found[3], found[5], found[25]
        # 64 bits, autonomous, not on the link.
        self.assertEqual((prefix[2], prefix[3], prefix[16:].hex()), (64, 0x40, "fd09" + "0" * 28))
        self.assertEqual(int.from_bytes(mtu[4:8], "big"), 1500)
        self.assertEqual(dns[8:].hex(), "fd09" + "0" * 27 + "3")

    def test_is_not_there_for_ipv4(self):
        ppp = modem_host.dial(self.port)
        ppp.request(modem_host.IPV6CP)
        rejection = ppp.wait_for(modem_host.LCP, 0, modem_host.PROTOCOL_REJECT)
        self.assertEqual(rejection[4:6], b"\x80\x57")


class Faults(SimCase):
    def setUp(self):
        super().setUp()
        self.port.ask("ATE0")

    def test_waits_for_its_command_and_happens_as_often_as_told(self):
        self.modem.tell("fault AT+CREG? error 2")
        self.expect("AT+CSQ", "+CSQ: 20,99", "OK")
        self.expect("AT+CREG?", "ERROR")
        self.expect("AT+CREG?", "ERROR")
        self.expect("AT+CREG?", "+CREG: 0,1", "OK")

    def test_clear_ends_those_for_ever(self):
        self.modem.tell("fault AT error always")
        for _ in range(5):
            self.expect("AT", "ERROR")
        self.modem.tell("fault clear")
        self.expect("AT", "OK")

    def test_errors_with_a_code_and_lost_carrier(self):
        self.port.ask("AT+CMEE=1")
        self.modem.tell("fault AT+CPIN cme:14")
        self.expect("AT+CPIN?", "+CME ERROR: 14")
        self.modem.tell("fault ATD carrier")
        self.expect("ATD*99#", "NO CARRIER")

    def test_silence_is_for_one_command_and_hanging_until_a_reset(self):
        self.modem.tell("fault AT+CSQ silence")
        self.assertEqual(self.port.ask("AT+CSQ", 0.3), [])
        self.expect("AT", "OK")
        self.modem.tell("fault AT+CSQ hang")
        self.assertEqual(self.port.ask("AT+CSQ", 0.3), [])
        self.assertEqual(self.port.ask("AT", 0.3), [])
        self.assertEqual(self.port.ask("AT+CFUN=1,1"), ["OK"])
        self.assertEqual(self.port.read_line(), "RDY")

    def test_late_answer_comes_late(self):
        self.modem.tell("fault AT+CSQ late:500")
        begin = time.monotonic()
        self.expect("AT+CSQ", "+CSQ: 20,99", "OK")
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)

    def test_garbage_is_no_answer(self):
        self.modem.tell("fault AT+CSQ garbage")
        self.port.write(b"AT+CSQ\r")
        noise = self.port.read()
        self.assertTrue(noise)
        self.assertNotIn(b"CSQ", noise)

    def test_reset_and_power(self):
        self.modem.tell("fault AT+COPS reset")
        self.port.write(b"AT+COPS?\r")
        self.assertEqual(self.port.read_line(), "RDY")
        self.modem.tell("fault AT+COPS power")
        self.port.ask("ATE0")
        self.assertEqual(self.port.ask("AT+COPS?", 0.3), [])
        self.assertEqual(self.port.ask("AT+CFUN=1,1", 0.3), [])
        self.modem.tell("power cycle")
        self.assertEqual(self.port.read_line(), "RDY")

    def test_unplugged_at_a_command_and_back(self):
        self.modem.tell("fault AT+COPS unplug:300")
        self.port.write(b"AT+COPS?\r")
        harness.eventually(lambda: not os.path.exists(self.modem.device), 10, "gone")
        harness.eventually(lambda: os.path.exists(self.modem.device), 10, "back")
        port = self.open(self.modem.device)
        self.assertEqual(port.read_line(), "RDY")

    def test_call_is_lost_with_the_sim(self):
        modem_host.dial(self.port)
        self.modem.tell("sim out")
        harness.eventually(lambda: b"NO CARRIER" in self.port.read(), 10, "NO CARRIER")

    def test_packets_are_dropped_while_ppp_stays(self):
        ppp = modem_host.dial(self.port)
        self.modem.tell("drop on")
        self.assertEqual(ppp.ping([1, 2, 3], quiet_s=0.5), [])
        self.modem.tell("drop off")
        self.assertEqual(ppp.ping([4, 5, 6]), [4, 5, 6])

    def test_ppp_is_mute_or_terminated(self):
        ppp = modem_host.dial(self.port)
        self.modem.tell("ppp off")
        ppp.send_control(modem_host.LCP, modem_host.ECHO_REQUEST, 7, bytes(4))
        self.assertEqual(list(ppp.frames(0.5)), [])
        self.modem.tell("ppp on")
        self.modem.tell("terminate")
        ppp.wait_for(modem_host.LCP, 0, modem_host.TERM_REQUEST)

    def test_ppp_is_negotiated_anew(self):
        ppp = modem_host.dial(self.port)
        self.modem.tell("address 10.0.2.16")
        self.modem.tell("renegotiate")
        # The network asks first; what was agreed on is forgotten.
        again = modem_host.Ppp(self.port).connect()
        self.assertEqual((list(ppp.address), list(again.address)),
                         ([10, 0, 2, 15], [10, 0, 2, 16]))
        self.assertEqual(again.ping([1, 2]), [1, 2])

    def test_context_is_deactivated_by_the_network(self):
        self.port.ask("AT+CGEREP=1")
        mux = modem_host.Cmux(self.port)
        self.port.ask("AT+CMUX=0")
        mux.open(0)
        data, control = mux.open(1), mux.open(2)
        modem_host.dial(data)
        self.modem.tell("detach")
        lines = [control.read_line(), control.read_line()]
        self.assertEqual(lines, ["+CGEV: ME PDN ACT 1", "+CGEV: NW PDN DEACT 1"])

    def test_noise_and_lines_come_when_told(self):
        self.modem.tell("announce +CUSD: 1")
        self.assertEqual(self.port.read_line(), "+CUSD: 1")
        self.modem.tell("noise 100")
        self.assertEqual(len(self.port.receive(10)), 100)

    def test_signal_and_technology_are_as_told(self):
        self.modem.tell("signal -101 -120 -15 -3")
        self.modem.tell("technology 9")
        self.expect("AT+CSQ;+CESQ", "+CSQ: 6,99", "+CESQ: 99,99,255,255,10,21", "OK")
        self.expect("AT+COPS?", '+COPS: 0,0,"Sim Mobile",9', "OK")

    def test_unknown_command_is_an_error(self):
        for command in ("nonsense", "sim nowhere", "fault AT", "plug maybe", "pdp x25"):
            with self.assertRaisesRegex(ValueError, "there is no|it is"):
                self.modem.tell(command)

    def test_unknown_option_is_told(self):
        for options, told in ((["--nonsense"], "there is no option --nonsense"),
                              (["--rate", "fast"], 'it is --rate BITS_PER_S, not "fast"'),
                              (["--start", "data,nowhere"], "it is --start")):
            done = subprocess.run([harness.program("modem-sim"), *options, "tty"],
                                  env=harness.child_env(), capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(told, done.stderr)


class OnUsb(SimCase):
    """A modem whose device goes away when it is reset."""

    options = ("--usb", "--ports", "2")

    def test_reset_takes_all_ports_away_for_a_while(self):
        paths = (self.modem.device, self.modem.device + ".2")
        self.port.write(b"AT+CFUN=1,1\r")
        harness.eventually(lambda: not any(map(os.path.exists, paths)), 10, "gone")
        harness.eventually(lambda: all(map(os.path.exists, paths)), 10, "back")
        port = self.open(self.modem.device)
        self.assertEqual(port.read_line(), "RDY")
        self.assertEqual(port.ask("AT")[-1], "OK")
        self.assertEqual(self.modem.counts()[1], 1)


class Multiplexed(SimCase):
    """AT+CMUX: several channels over one line."""

    def open_mux(self, command="AT+CMUX=0"):
        self.assertEqual(self.port.ask(command), ["OK"])
        mux = modem_host.Cmux(self.port)
        mux.open(0)
        return mux

    def test_channels_have_dialogues_of_their_own(self):
        mux = self.open_mux()
        first, second = mux.open(1), mux.open(2)
        self.assertEqual(first.ask("ATE0"), ["OK"])
        self.assertEqual(second.ask("AT+CMEE=1"), ["OK"])
        self.modem.tell("sim out")
        for channel, error in ((first, "ERROR"), (second, "+CME ERROR: 10")):
            self.assertEqual(channel.read_line(), "+CPIN: NOT INSERTED")
            self.assertEqual(channel.ask("AT+CPIN?"), [error])
        first.write(b"AT\r")
        self.assertEqual(first.read(), b"\r\nOK\r\n")

    def test_commands_are_answered_while_a_call_is_up(self):
        mux = self.open_mux()
        data, control = mux.open(1), mux.open(2)
        ppp = modem_host.dial(data)
        self.assertEqual(ppp.ping(range(1, 21)), list(range(1, 21)))
        self.assertEqual(control.ask("AT+CSQ"), ["+CSQ: 20,99", "OK"])
        self.assertEqual(ppp.ping(range(21, 41)), list(range(21, 41)))
        self.assertEqual(control.ask("ATD*99#"), ["NO CARRIER"])
        self.modem.tell("carrier")
        harness.eventually(lambda: b"NO CARRIER" in data.read(), 10, "NO CARRIER")
        self.assertEqual(data.ask("AT")[-1], "OK")

    def test_call_ends_with_its_channel(self):
        mux = self.open_mux()
        modem_host.dial(mux.open(1))
        mux.close(1)
        modem_host.dial(mux.open(1))
        self.assertEqual(self.modem.counts()[0], 2)

    def test_both_ways_out_lead_back_to_commands(self):
        mux = self.open_mux()
        mux.open(1)
        self.port.write(b"AT\r")
        self.assertNotIn(b"OK", self.port.receive(0.3))
        mux.close_down()
        self.assertEqual(self.port.ask("AT")[-1], "OK")
        mux = self.open_mux()
        mux.close(0)
        self.assertEqual(self.port.ask("AT"), ["OK"])

    def test_frames_are_as_long_as_was_agreed(self):
        mux = self.open_mux("AT+CMUX=0,0,5,16")
        channel = mux.open(1)
        raw = []
        take = mux.take
        mux.take = lambda dlci, control, info: (raw.append(len(info)), take(dlci, control, info))
        self.assertEqual(channel.ask("AT+CGDCONT?")[-1], "OK")
        self.assertEqual(max(raw), 16)

    def test_other_options_than_basic_are_refused(self):
        self.port.ask("AT+CMEE=1")
        self.expect("AT+CMUX=1", "+CME ERROR: 4")
        self.expect("AT+CMUX?", "+CMUX: 0,0,5,31,10,3,30,10,2", "OK")

    def test_can_be_missing(self):
        self.modem, self.port = self.start("--no-cmux")
        self.expect("AT+CMUX=0", "ERROR")
        self.expect("AT+CMUX?", "ERROR")

    def test_second_port_is_a_channel_as_well(self):
        self.modem, self.port = self.start("--ports", "2")
        ppp = modem_host.dial(self.port)
        second = self.open(self.modem.device + ".2")
        self.assertEqual(second.ask("AT+CSQ"), ["+CSQ: 20,99", "OK"])
        self.assertEqual(ppp.ping([1, 2, 3]), [1, 2, 3])
        self.modem.tell("plug off")
        self.assertFalse(os.path.exists(self.modem.device + ".2"))


class Started(SimCase):
    """Left so by somebody else."""

    def started(self, state):
        return self.start("--start", state)

    def test_in_a_call(self):
        _, port = self.started("data")
        self.assertEqual(port.ask("AT", 0.3), [])
        time.sleep(1)
        port.write(b"+++")
        self.assertEqual(port.read_line(), "OK")
        self.assertEqual(port.ask("AT"), ["OK"])

    def test_multiplexing(self):
        _, port = self.started("cmux")
        self.assertEqual(port.ask("AT", 0.3), [])
        mux = modem_host.Cmux(port)
        mux.channels[1] = modem_host.Channel(mux, 1)
        self.assertEqual(mux.channels[1].ask("AT"), ["OK"])
        mux.close_down()
        self.assertEqual(port.ask("AT")[-1], "OK")

    def test_at_another_speed(self):
        _, port = self.started("baud")
        port.write(b"AT\r")
        self.assertNotIn(b"OK", port.read(0.3))
        port.set_speed(termios.B9600)
        # What the modem has heard so far takes the first command with it.
        self.assertNotIn("OK", port.ask("AT", 0.5))
        self.assertEqual(port.ask("AT")[-1], "OK")

    def test_without_echo(self):
        _, port = self.started("echo-off")
        port.write(b"AT\r")
        self.assertEqual(port.read(), b"\r\nOK\r\n")

    def test_with_garbage(self):
        _, port = self.started("garbage")
        # What was left of another command takes the first one with it.
        self.assertNotIn("OK", port.ask("AT", 0.5))
        self.assertEqual(port.ask("AT")[-1], "OK")

    def test_silent_and_without_echo(self):
        _, port = self.started("silent,echo-off")
        self.assertEqual(port.ask("AT", 0.3), [])
        self.assertEqual(port.ask("AT+CFUN=1,1"), ["OK"])
        self.assertEqual(port.read_line(), "RDY")

    def test_dead_until_its_power_is_switched(self):
        modem, port = self.started("dead")
        self.assertEqual(port.ask("AT+CFUN=1,1", 0.3), [])
        done = subprocess.run([harness.program("modem-sim"), "--tell", modem.path, "power",
                               "cycle"], env=harness.child_env(), capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(port.read_line(), "RDY")
        self.assertEqual(port.ask("AT"), ["OK"])


class Example(ModemCase):
    """examples/modem-sim.conf is as good as it says."""

    def setUp(self):
        self.modem = Modem()
        self.addCleanup(self.modem.close)
        path = os.path.join(os.environ["USOCKETD_SRCDIR"], "examples", "modem-sim.conf")
        with open(path) as f:
            text = f.read()
        self.assertIn("/tmp/modem-sim.tty", text)
        self.daemon = harness.Daemon("")
        self.addCleanup(self.daemon.close)
        text = text.replace("/tmp/modem-sim.tty", self.modem.device)
        self.daemon.write_config(text.replace("/tmp/modem-sim.sock", self.daemon.socket))
        self.daemon.start()
        usock.set_socket_path(self.daemon.socket)

    def test_link_comes_up_and_passes_data(self):
        self.wait_up()
        self.passes_data()


if __name__ == "__main__":
    runner.main()
