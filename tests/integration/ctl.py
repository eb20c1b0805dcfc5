#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usocketctl, with the real daemon."""

import ctypes
import json
import os
import socket
import subprocess
import sys
import unittest

import harness
import runner
import usock

HOSTS = "10.0.2.2 peer.test\nfec0::2 both.test\n10.0.2.2 both.test\n"

OK, FAILED, USAGE, UNREACHABLE, DENIED = range(5)

SOCKET_KEYS = set(
    "id type protocol family state state_number local remote pid uid program closed "
    "receive_queue send_queue bytes_received bytes_sent bytes_acked rtt_us retransmissions "
    "drops error link age_ms".split())
LINK_KEYS = set(
    "name index driver state default default4 default6 metric rank cause reason step refused "
    "retry_ms redials modem since_ms mtu restarts address gateway addresses6 gateway6 nat64 "
    "dns packets_received bytes_received packets_sent bytes_sent send_drops drops "
    "operator radio rssi_dbm rsrp_dbm rsrq_db sinr_db".split())
STATUS_KEYS = set(
    "version lwip_version pid uptime_ms protocol sessions sessions_max "
    "sessions_without_queue sockets sockets_max requests malformed clients_dropped lookups "
    "cache_entries cache_hits cache_misses syn_dropped dns".split())


class _CtlCase(harness.StackCase):
    @classmethod
    def make_link(cls):
        if not os.path.exists(harness.program("usocketctl")):
            raise unittest.SkipTest("built without usocketctl")
        hosts = os.path.join(harness.temporary_folder(), "hosts")
        with open(hosts, "w") as f:
            f.write(HOSTS)
        return {"resolver": {"hosts": hosts, "timeout": 2, "servers": "127.0.0.1"},
                "link net0": {"driver": "slirp"}}

    @classmethod
    def link_is_up(cls):
        if os.path.exists(harness.program("usocket-slirp")):
            super().link_is_up()

    def ctl(self, *args, expected=OK, **env):
        env.setdefault("USOCKETD_SOCKET", self.daemon.socket)
        done = subprocess.run([harness.program("usocketctl"), *map(str, args)],
                              env=harness.child_env(**env), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        if expected == OK:
            self.assertEqual(done.stderr, "")
        else:
            self.assertEqual(done.stdout, "")
            self.assertTrue(done.stderr.endswith("\n"))
        return done.stdout if expected == OK else done.stderr

    def json(self, *args):
        return json.loads(self.ctl(*args, "--json"))

    def pair(self):
        listener = self.tcp()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = self.tcp()
        client.connect(listener.getsockname())
        return listener, client, self.keep(listener.accept()[0])

    def record(self, s):
        """The JSON object of one of our sockets."""
        found = [r for r in self.json("sockets", "-a")["sockets"] if int(r["id"], 16) == s.id()]
        self.assertEqual(len(found), 1)
        return found[0]


class Sockets(_CtlCase):
    def test_columns_are_those_of_ss(self):
        listener, client, server = self.pair()
        lines = self.ctl("sockets", "-an").splitlines()
        self.assertEqual(lines[0].split(), "Netid State Recv-Q Send-Q Local Address:Port "
                                           "Peer Address:Port Process".split())
        self.assertEqual(len({line.index('"') for line in lines[1:]}), 1)
        row = next(line.split() for line in lines if "LISTEN" in line)
        self.assertEqual(row[4:6], ["127.0.0.1:%d" % listener.getsockname()[1], "0.0.0.0:*"])
        self.assertEqual(row[6], f'"python3",pid={os.getpid()},uid={os.getuid()}')

    def test_names_who_has_the_transfer(self):
        _, client, server = self.pair()
        before = self.record(client)["bytes_sent"]
        client.sendall_timeout(b"x" * 10000, 5000)
        server.recv_exactly(10000)
        record = self.eventually(
            lambda: next((r for r in [self.record(client)] if r["bytes_acked"] == 10000), None))
        self.assertEqual(record["bytes_sent"] - before, 10000)
        self.assertEqual((record["state"], record["state_number"]), ("ESTABLISHED", 4))
        self.assertEqual((record["pid"], record["uid"]), (os.getpid(), os.getuid()))
        self.assertEqual(record["program"], self.program_name())
        self.assertEqual(record["remote"], {"address": "127.0.0.1",
                                            "port": server.getsockname()[1]})

    def test_members_are_as_documented(self):
        self.pair()
        self.keep(usock.Sock(socket.AF_INET6, socket.SOCK_DGRAM))
        for record in self.json("sockets", "-a")["sockets"]:
            self.assertEqual(set(record), SOCKET_KEYS)

    def test_filters(self):
        self.pair()
        self.udp()
        connected = self.udp()
        connected.connect(("127.0.0.1", 9))
        self.keep(usock.Sock(socket.AF_INET6, socket.SOCK_STREAM)).listen()

        def states(*args):
            return sorted((r["type"], r["state"]) for r in self.json("sockets", *args)["sockets"])
        tcp = [("tcp", "ESTABLISHED")] * 2
        self.assertEqual(states(), tcp + [("udp", "CONNECTED")])
        self.assertEqual(states("-t"), tcp)
        self.assertEqual(states("-l"), [("tcp", "LISTEN")] * 2 + [("udp", "UNCONNECTED")])
        self.assertEqual(len(states("-a")), 6)
        self.assertEqual(states("-tl", "-6"), [("tcp", "LISTEN")])
        self.assertEqual(states("-w"), [])
        self.assertEqual(len(states("-a", "--pid", os.getpid())), 6)
        self.assertEqual(states("-a", "--pid", 1), [])
        self.assertEqual(len(states("-a", "--program", self.program_name())), 6)
        self.assertEqual(states("-a", "--program", "other"), [])

    def program_name(self):
        return os.path.basename(sys.orig_argv[0])

    def test_program_with_an_evil_name(self):
        """What the daemon lets pass, usocketctl's own unit test has the rest."""
        def work():
            name = ctypes.c_char_p.in_dll(ctypes.CDLL(None), "program_invocation_short_name")
            name.value = b"\x1b[31m\xffx\x07"
            usock.Sock().listen()
            return self.ctl("sockets", "-ln"), self.json("sockets", "-l")["sockets"]
        text, records = harness.in_child(work)
        self.assertIn("[31m", text)
        self.assertTrue(text.replace("\n", "").isprintable())
        self.assertIn("[31m", records[0]["program"])

    def test_services_have_names_unless_numeric(self):
        s = self.udp()
        s.bind(("127.0.0.1", 5353))
        name = socket.getservbyport(5353, "udp")
        self.assertIn(f"127.0.0.1:{name} ", self.ctl("sockets", "-ul"))
        self.assertIn("127.0.0.1:5353 ", self.ctl("sockets", "-uln"))

    def test_nothing_to_show(self):
        self.assertEqual(len(self.ctl("sockets").splitlines()), 1)
        self.assertEqual(self.ctl("sockets", "-H"), "")
        self.assertEqual(self.json("sockets"), {"sockets": []})

    def test_more_columns(self):
        self.pair()
        header, *rows = self.ctl("sockets", "-ien").splitlines()
        for title in "Sent Acked Received RTT Retrans Drops Link Age Error Id".split():
            self.assertIn(f" {title} ", header)
        self.assertEqual(len(rows), 2)


class Daemon(_CtlCase):
    def test_status(self):
        text = self.ctl("status")
        self.assertIn(f"pid {self.daemon.pid}, up ", text.splitlines()[0])
        status = self.json("status")
        self.assertEqual(set(status), STATUS_KEYS)
        self.assertEqual(status["pid"], self.daemon.pid)
        self.assertEqual(status["protocol"]["in_use"], 1)
        self.assertEqual(status["dns"], ["127.0.0.1"])
        self.assertIn("    dns        127.0.0.1\n", text)
        self.assertGreaterEqual(status["sessions"], 1)

    def test_status_counts_sockets(self):
        before = self.json("status")["sockets"]
        self.pair()
        self.assertEqual(self.json("status")["sockets"], before + 3)

    def test_link(self):
        link, = self.json("link")["links"]
        self.assertEqual(set(link), LINK_KEYS)
        self.assertEqual((link["name"], link["driver"]), ("net0", "slirp"))
        self.assertIsNone(link["rssi_dbm"])
        self.assertEqual(len(link["drops"]), 9)

    def test_link_up(self):
        if not os.path.exists(harness.program("usocket-slirp")):
            self.skipTest("built without the slirp driver")
        link, = self.json("link")["links"]
        self.assertEqual((link["address"], link["gateway"]), ("10.0.2.15/24", "10.0.2.2"))
        text = self.ctl("link")
        self.assertRegex(text, r"(?i)^net0: up for \d+ s, default\n")
        self.assertIn("    address    10.0.2.15/24, gateway 10.0.2.2\n", text)
        self.assertNotIn("signal", text)

    def test_resolve(self):
        self.assertEqual(self.ctl("resolve", "peer.test"), "10.0.2.2\n")
        self.assertEqual(sorted(self.ctl("resolve", "both.test").split()),
                         ["10.0.2.2", "fec0::2"])
        self.assertEqual(self.ctl("resolve", "both.test", "-4"), "10.0.2.2\n")
        self.assertEqual(self.ctl("resolve", "-6", "both.test"), "fec0::2\n")
        self.assertEqual(self.ctl("resolve", "192.0.2.1"), "192.0.2.1\n")
        answer = self.json("resolve", "peer.test")
        self.assertEqual((answer["name"], answer["addresses"]), ("peer.test", ["10.0.2.2"]))
        self.assertEqual(set(answer), {"name", "canonical", "addresses"})

    def test_resolve_fails(self):
        text = self.ctl("resolve", "peer.test", "-6", expected=FAILED)
        self.assertTrue(text.startswith("usocketctl: peer.test: "), text)
        self.ctl("resolve", "x" * 300, expected=FAILED)
        self.assertIn("\\x1b", self.ctl("resolve", "\x1b[2J", expected=FAILED))


class Monitor(_CtlCase):
    def monitor(self, *args):
        process = subprocess.Popen(
            [harness.program("usocketctl"), "monitor", *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket))

        def end():
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
        self.addCleanup(end)
        return process

    def test_a_line_for_each_event_until_the_daemon_ends(self):
        process = self.monitor()
        name = usock.lib.link_state_name(usock.links()[0].state).decode()
        self.assertTrue(process.stdout.readline().startswith(f"net0: {name}"))
        self.daemon.stop()
        rest, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, UNREACHABLE, errors)
        self.assertIn("cannot reach usocketd", errors)
        for line in rest.splitlines():
            self.assertTrue(line.startswith("net0: "), line)
        self.start_daemon()

    def test_json_has_an_object_a_line(self):
        process = self.monitor("--json")
        event = json.loads(process.stdout.readline())
        self.assertEqual(set(event), {"name", "index", "state", "reason", "refused", "cause"})
        self.assertEqual((event["name"], event["index"]), ("net0", 0))

    def test_ends_when_nobody_reads(self):
        process = self.monitor()
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(20), OK)


class Troubles(_CtlCase):
    def test_no_daemon(self):
        for command in ("status",), ("sockets",), ("link",), ("monitor",), ("resolve", "x"):
            for more in (), ("--json",):
                text = self.ctl(*command, *more, "--socket", "/nowhere/x.sock",
                                expected=UNREACHABLE)
                self.assertIn("cannot reach usocketd at /nowhere/x.sock: No such file", text)
                self.assertIn("Start it with", text)

    def test_socket_option_goes_before_the_environment(self):
        self.ctl("--socket", self.daemon.socket, "status", USOCKETD_SOCKET="/nowhere")
        self.ctl("status", expected=UNREACHABLE, USOCKETD_SOCKET="/nowhere")
        self.ctl("--socket", "/" + "x" * 200, "status", expected=USAGE)

    def test_nobody_listens(self):
        path = os.path.join(harness.temporary_folder(), "dead.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(path)
        text = self.ctl("-s", path, "status", expected=UNREACHABLE)
        self.assertIn("Connection refused", text)

    def test_not_permitted(self):
        harness.need_other_users()

        def work():
            return self.ctl("status", expected=DENIED)
        os.chmod(self.daemon.socket, 0o600)
        try:
            text = harness.in_child(work, uid=harness.OTHER_UID)
        finally:
            os.chmod(self.daemon.socket, 0o666)
        self.assertIn("not permitted to use usocketd at " + self.daemon.socket, text)

    def test_usage(self):
        for args in (), ("nonsense",), ("status", "-t"), ("resolve",), ("sockets", "--pid", "x"):
            text = self.ctl(*args, expected=USAGE)
            self.assertTrue(text.startswith("usocketctl: "), text)
            self.assertIn("Try 'usocketctl --help'.", text)

    def test_help_and_version_need_no_daemon(self):
        for args in ("--help",), ("-h",), ("sockets", "--help"), ("resolve", "-h"):
            self.assertTrue(self.ctl(*args, USOCKETD_SOCKET="/nowhere").startswith("usage: "))
        self.assertRegex(self.ctl("--version"), r"^usocketctl \d")

    def test_output_that_cannot_be_written(self):
        for args in ("status",), ("sockets",), ("link", "--json"), ("monitor",):
            with open("/dev/full", "w") as full:
                done = subprocess.run([harness.program("usocketctl"), *args],
                                      env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket),
                                      stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, FAILED)
            self.assertIn("cannot write", done.stderr)

    def test_while_sockets_come_and_go(self):
        """Records that change under the reader are whole or left out."""
        def churn():
            while True:
                s = usock.Sock()
                s.listen()
                s.close()
        children = [harness.Child(churn) for _ in range(2)]
        try:
            for _ in range(30):
                for record in self.json("sockets", "-a")["sockets"]:
                    self.assertEqual(set(record), SOCKET_KEYS)
                    self.assertIn(record["state"], ("LISTEN", "CLOSED"), record)
                    self.assertNotEqual(record["pid"], 0)
        finally:
            for child in children:
                child.kill()


if __name__ == "__main__":
    runner.main(sys.modules[__name__])
