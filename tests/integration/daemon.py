#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon as a process: command line, configuration, signals, systemd's
protocols, life without queues, clients that mean it ill."""

import ctypes
import errno
import fcntl
import mmap
import os
import re
import resource
import select
import signal
import socket
import stat
import subprocess
import sys
import time

import harness
import rawclient
import rows_connect
import rows_data
import rows_dgram
import rows_open
import rows_state
import runner
import usock

from harness import OTHER_UID, Case, Daemon, in_child
from rawclient import (BAD_SOCKET, GET_OPTION, GET_STATUS, HELLO, INVALID, MALFORMED, OK,
                       QUEUES, SET_OPTION, SOCKET_ATTACH, SOCKET_BIND, SOCKET_CONNECT,
                       SOCKET_DISCONNECT, SOCKET_LISTEN, TOO_MANY, UNKNOWN_REQUEST, VERSION,
                       Queue, RawClient, of_socket)

# With the link that is made if none is configured a test would start a helper.
QUIET_LINK = "[link net0]\ndriver = tun\ndevice = quiet0\naddress = 10.7.0.2/24\n"


class DaemonCase(Case):
    """Each test starts what daemons it needs."""

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        harness.private_network()

    def setUp(self):
        # Runs after all other cleanups.
        self.addCleanup(self.check_nothing_is_left)

    def check_nothing_is_left(self):
        self.assertEqual(harness.find_leftovers(harness.temporary_folder()), [])

    def daemon(self, config=None, **options):
        if config is None:
            config = {}
        if isinstance(config, dict):
            config.setdefault("link net0", {"driver": "tun", "device": "quiet0",
                                            "address": "10.7.0.2/24"})
        daemon = Daemon(config, **options)
        self.addCleanup(daemon.close)
        return daemon

    def run_daemon(self, *args, env=None):
        return subprocess.run([harness.program("usocketd"), *args], text=True, timeout=20,
                              env=harness.child_env(**(env or {})), stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)

    def folder(self):
        return harness.tempfile.mkdtemp(dir=harness.temporary_folder())

    def file(self, text, folder=None, name="test.conf"):
        path = os.path.join(folder or self.folder(), name)
        with open(path, "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        return path

    def use(self, daemon):
        usock.set_socket_path(daemon.socket)


# ---- command line and configuration ---------------------------------------------

class CommandLine(DaemonCase):
    def test_help(self):
        for option in ("--help", "-h"):
            done = self.run_daemon(option)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for word in ("usage: usocketd", "--config", "--check-config", "--log-level"):
                self.assertIn(word, done.stdout)

    def test_version(self):
        done = self.run_daemon("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^usocketd \d+\.\d+")

    def test_wrong_usage_2(self):
        for args in (("--nonsense",), ("-x",), ("--config",), ("surplus",),
                     ("--log-level", "loud"), ("--log-level",)):
            done = self.run_daemon(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertTrue(done.stderr, args)
            self.assertEqual(done.stdout, "", args)


class CheckConfig(DaemonCase):
    def check(self, text, **kwargs):
        path = self.file(text, **kwargs)
        done = self.run_daemon("--check-config", "--config", path)
        self.assertEqual(done.stdout == "", done.returncode != 0)
        return done.returncode, done.stderr.replace(path, "FILE"), path

    def complaints(self, text):
        """Checks that it is refused; returns {line: message}."""
        code, log, _ = self.check(text)
        self.assertEqual(code, 1, log)
        found = re.findall(r"^<3>FILE:(\d+): (.*)$", log, re.M)
        return {int(line): message for line, message in found}

    def test_good_0(self):
        code, log, _ = self.check("# a comment\n[daemon]\nsocket_mode = 0660\n"
                                  "; another\n\n[tcp]\nlinger = 5\n[link net0]\n"
                                  "driver = slirp\nforward = tcp:127.0.0.1:2222:22\n")
        self.assertEqual((code, log), (0, ""))

    def test_empty_0(self):
        self.assertEqual(self.check("")[:2], (0, ""))

    def test_missing_file_1(self):
        done = self.run_daemon("--check-config", "--config", "/nonexistent/x.conf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/x.conf: No such file", done.stderr)

    def test_wrong_values_are_all_told_with_file_and_line(self):
        wrong = {
            2: "sockets_max = 15", 3: "log_level = loud", 4: "queues = maybe",
            5: "socket = relative/path", 6: "socket_mode = 999", 7: "socket_group = nosuchgroup",
            9: "sessions = 0", 10: "sockets_per_user = x", 11: "queued_per_user = 1Z",
            12: "raw_group = -1", 14: "connect_timeout = 601", 15: "linger = 1.5",
            17: "receive_buffer = 1K", 19: "servers = 1.2.3", 20: "timeout =", 21: "hosts = x",
        }
        text = {1: "[daemon]", 8: "[limits]", 13: "[tcp]", 16: "[udp]", 18: "[resolver]"}
        lines = {**wrong, **text}
        found = self.complaints("\n".join(lines[i] for i in sorted(lines)) + "\n")
        self.assertEqual(sorted(found), sorted(wrong))
        for line, message in found.items():
            key, _, value = wrong[line].partition(" =")
            self.assertTrue(message.startswith(f"{key} ="), message)
            self.assertIn(value.strip(), message)

    def test_broken_lines(self):
        found = self.complaints("[daemon\nno equals sign\n[tcp]\nlinger = 5\nlinger = 6\n"
                                "[tcp]\n" + "[" + "x" * 60 + "]\n" + "queues = " + "y" * 400 +
                                "\n")
        self.assertEqual(sorted(found), [1, 2, 5, 6, 7, 8])

    def test_key_outside_a_section(self):
        self.assertEqual(list(self.complaints("queues = no\n")), [1])

    def test_nul_byte(self):
        self.assertEqual(list(self.complaints(b"[daemon]\nqueues = n\0o\n")), [2])

    def test_unknown_keys_and_sections_are_warned_of(self):
        code, log, _ = self.check("[daemon]\ncolour = red\n[nonsense]\nx = y\n[link net0]\n"
                                  "driver = slirp\nspeed = 9\n")
        self.assertEqual(code, 0)
        self.assertEqual([int(n) for n in re.findall(r"^<4>FILE:(\d+): ", log, re.M)], [2, 3, 7])

    def test_wrong_links(self):
        found = self.complaints("[link UPPER]\ndriver = slirp\n[link a]\ndriver = pigeon\n"
                                "[link b]\nmtu = 1500\n[link c]\ndriver = slirp\n"
                                "mtu = 1000\nforward = tcp:80\n[link d]\ndriver = tun\n"
                                "address = 10.0.0.300/24\naddress6 = 10.0.0.1\n")
        self.assertEqual(sorted(found), [1, 4, 6, 9, 10, 13, 14])

    def test_incomplete_links(self):
        code, log, _ = self.check("[link t]\ndriver = tun\ndevice = t0\n")
        self.assertEqual(code, 1)
        self.assertRegex(log, r"<3>FILE:1: \[link t\]: .*address")

    def test_too_many_links(self):
        text = "".join(f"[link l{i}]\ndriver = slirp\n" for i in range(9))
        code, log, _ = self.check(text)
        self.assertEqual(code, 1)
        self.assertIn("FILE:17: more than 8 links", log)

    def test_drop_ins_are_read_in_order_of_name(self):
        path = self.file("[daemon]\nlog_level = error\n")
        os.mkdir(path + ".d")
        self.file("[daemon]\nlog_level = wrong\n", path + ".d", "20-second.conf")
        self.file("[tcp]\nlinger = 0\n", path + ".d", "10-first.conf")
        self.file("rubbish", path + ".d", "ignored.txt")
        self.file("rubbish", path + ".d", ".hidden.conf")
        done = self.run_daemon("--check-config", "--config", path)
        self.assertEqual(done.returncode, 1)
        found = re.findall(r"^<3>.*\.d/(\S+): ", done.stderr, re.M)
        self.assertEqual(found, ["10-first.conf:2", "20-second.conf:2"])

    def test_drop_ins_override(self):
        path = self.file("[limits]\nsessions = 5\n")
        os.mkdir(path + ".d")
        self.file("[limits]\nsessions = 7\n", path + ".d", "a.conf")
        with open(path) as f:
            daemon = self.daemon(f.read())
        os.rename(path + ".d", daemon.config + ".d")
        with open(daemon.config, "a") as f:
            f.write(f"[daemon]\nsocket = {daemon.socket}\n" + QUIET_LINK)
        daemon.start()
        self.use(daemon)
        self.assertEqual(usock.status().sessions_max, 7)
        daemon.stop()


class Start(DaemonCase):
    def fails_to_start(self, daemon, *words):
        daemon.launch()
        self.assertEqual(daemon.wait(), 1)
        daemon.check(1, expected=1)
        for word in words:
            self.assertIn(word, daemon.log())

    def test_wrong_configuration_1(self):
        self.fails_to_start(self.daemon("[tcp]\nlinger = 0\n"), "usocketd.conf:2: linger = 0")

    def test_ready_and_path(self):
        daemon = self.daemon().start()
        mode = os.stat(daemon.socket).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o666)
        self.eventually(lambda: re.search(r"<5>usocketd \S+ is ready", daemon.log()))
        self.assertIn("STATUS=Serving clients", daemon.messages)
        daemon.stop()
        self.assertFalse(os.path.exists(daemon.socket))
        self.assertFalse(os.path.exists(daemon.socket + ".lock"))

    def test_mode_and_group(self):
        group = 64007 if harness.is_real_root() else os.getgid()
        daemon = self.daemon({"daemon": {"socket_mode": "0620", "socket_group": group}}).start()
        found = os.stat(daemon.socket)
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_gid), (0o620, group))
        daemon.stop()

    def test_folder_is_made(self):
        path = os.path.join(self.folder(), "below", "usocketd.sock")
        daemon = self.daemon({"daemon": {"socket": path}}).start()
        self.assertTrue(os.path.exists(path))
        daemon.stop()

    def test_stale_socket_is_replaced(self):
        daemon = self.daemon().start()
        daemon.kill()
        self.assertTrue(os.path.exists(daemon.socket))
        daemon.start()
        self.use(daemon)
        usock.open_session()
        daemon.stop()

    def test_second_daemon_is_refused_by_name(self):
        first = self.daemon().start()
        second = self.daemon({"daemon": {"socket": first.socket}}, name="second")
        self.fails_to_start(second, f"another usocketd (pid {first.pid}) is serving "
                                    f"{first.socket}")
        self.use(first)
        usock.open_session()
        first.stop()

    def test_file_in_the_way_is_left_alone(self):
        path = self.file("precious")
        daemon = self.daemon({"daemon": {"socket": path}})
        self.fails_to_start(daemon, f"{path} is in the way")
        with open(path) as f:
            self.assertEqual(f.read(), "precious")

    def test_folder_that_cannot_be_made_1(self):
        path = os.path.join(self.file("file"), "sub", "usocketd.sock")
        self.fails_to_start(self.daemon({"daemon": {"socket": path}}), "cannot make the folder")

    def test_of_many_started_at_once_one_serves(self):
        path = os.path.join(self.folder(), "usocketd.sock")
        daemons = [self.daemon({"daemon": {"socket": path}}, name=f"d{i}").launch()
                   for i in range(5)]
        self.eventually(lambda: sum(d.is_running() for d in daemons) == 1, 10)
        winner, = [d for d in daemons if d.is_running()]
        winner.wait_for_message("READY=1", 10)
        for loser in daemons:
            if loser is not winner:
                loser.check(loser.wait(), expected=1)
                loser.process = None
        usock.set_socket_path(path)
        self.assertEqual(usock.status().daemon_pid, winner.pid)
        winner.stop()

    def test_client_may_be_refused_by_the_path(self):
        harness.need_other_users()
        daemon = self.daemon({"daemon": {"socket_mode": "0600"}}).start()
        self.use(daemon)
        with self.fails(errno.EACCES):
            in_child(usock.open_session, uid=OTHER_UID)
        daemon.stop()

    def test_log_level_of_the_command_line_wins(self):
        daemon = self.daemon({"daemon": {"log_level": "debug"}}, args=["--log-level", "error"])
        daemon.start()
        self.use(daemon)
        self.keep(usock.Sock())
        daemon.stop()
        self.assertEqual(daemon.log(), "")

    def test_not_below_a_terminal_lines_have_priorities(self):
        daemon = self.daemon().start()
        daemon.stop()
        self.assertTrue(all(re.match(r"<[3-7]>", line) for line in daemon.log().splitlines()))

    def test_on_a_terminal_lines_have_the_name(self):
        ours, theirs = os.openpty()
        daemon = self.daemon()
        process = subprocess.Popen([harness.program("usocketd"), "--config", daemon.config],
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                                   env=harness.child_env(**daemon.env))
        daemon.process = process
        daemon.wait_for_message("READY=1", 20)
        process.terminate()
        self.assertEqual(process.wait(10), 0)
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 65536):
                text += part
        except OSError:
            pass
        os.close(ours)
        lines = text.decode().splitlines()
        self.assertTrue(lines)
        self.assertTrue(all("usocketd" in line and not line.startswith("<") for line in lines),
                        lines)


# ---- signals and systemd ----------------------------------------------------------

class Signals(DaemonCase):
    def test_sigterm_and_sigint_end_it_in_good_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.daemon().start()
            self.use(daemon)
            s = self.keep(usock.Sock())
            daemon.signal(number)
            daemon.wait_for_message("STOPPING=1", 10)
            daemon.check(daemon.wait())
            self.assertFalse(os.path.exists(daemon.socket))
            self.assertEqual(s.state(), 0)

    def reload(self, daemon):
        daemon.messages.clear()
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_message("RELOADING=1", 10)
        daemon.wait_for_message("READY=1", 10)

    def test_sighup_takes_limits_and_level_over(self):
        daemon = self.daemon({"limits": {"sockets_per_session": 2}}).start()
        self.use(daemon)
        kept = [self.keep(usock.Sock()) for _ in range(2)]
        with self.fails(errno.EMFILE):
            usock.Sock()
        daemon.write_config({"daemon": {"log_level": "error"},
                             "limits": {"sockets_per_session": 3},
                             "link net0": {"driver": "tun", "device": "quiet0",
                                           "address": "10.7.0.2/24"}})
        self.reload(daemon)
        self.keep(usock.Sock())
        with self.fails(errno.EMFILE):
            usock.Sock()
        size = daemon.log_size()
        kept[0].close()
        self.eventually(lambda: usock.status().sockets == 2)
        self.keep(usock.Sock())
        self.assertEqual(daemon.log_size(), size)
        daemon.stop()

    def test_sighup_with_errors_changes_nothing(self):
        daemon = self.daemon({"limits": {"sockets_per_session": 2}}).start()
        daemon.write_config("[limits]\nsockets_per_session = 9\n[tcp]\nlinger = 0\n")
        self.reload(daemon)
        self.assertIn("usocketd.conf:4: linger = 0", daemon.log())
        self.use(daemon)
        for _ in range(2):
            self.keep(usock.Sock())
        with self.fails(errno.EMFILE):
            usock.Sock()
        daemon.stop()

    def test_sighup_many_times(self):
        daemon = self.daemon().start()
        self.reload(daemon)
        fds = daemon.fds()
        for _ in range(20):
            self.reload(daemon)
        self.eventually(lambda: daemon.fds() <= fds)
        daemon.stop()

    def test_sigpipe_and_sigusr_do_not_matter_to_clients(self):
        daemon = self.daemon().start()
        self.use(daemon)
        daemon.signal(signal.SIGPIPE)
        usock.status()
        daemon.stop()


class Supervisor(DaemonCase):
    def test_watchdog_is_fed(self):
        daemon = self.daemon(env={"WATCHDOG_USEC": "400000"}).start()

        def one():
            daemon.messages.clear()
            daemon.wait_for_message("WATCHDOG=1", 5)
        one()
        # Twice within the time that systemd allows.
        self.assert_takes(0, one, within=0.3)
        daemon.stop()

    def test_a_loop_that_hangs_feeds_nobody(self):
        daemon = self.daemon(env={"WATCHDOG_USEC": "200000"}).start()
        daemon.wait_for_message("WATCHDOG=1", 5)
        daemon.signal(signal.SIGSTOP)
        time.sleep(0.3)
        while select.select([daemon.notify], [], [], 0)[0]:
            daemon.notify.recv(4096)
        self.assertEqual(select.select([daemon.notify], [], [], 0.5)[0], [])
        daemon.signal(signal.SIGCONT)
        daemon.wait_for_message("WATCHDOG=1", 5)
        daemon.stop()

    def activated(self, listener, n=1, **options):
        """A daemon that is handed @listener the way systemd does it."""
        code = ("import os, sys\n"
                "os.dup2(int(sys.argv[1]), 3)\n"
                f"os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='{n}')\n"
                "os.execv(sys.argv[2], sys.argv[2:])\n")
        fd = fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 10)
        self.addCleanup(os.close, fd)
        return self.daemon(prefix=[sys.executable, "-c", code, str(fd)], pass_fds=[fd],
                           **options)

    def listener(self, kind=socket.SOCK_SEQPACKET):
        s = self.keep(socket.socket(socket.AF_UNIX, kind))
        path = os.path.join(self.folder(), "activated.sock")
        s.bind(path)
        if kind != socket.SOCK_DGRAM:
            s.listen()
        return s, path

    def test_socket_activation(self):
        listener, path = self.listener()
        # Whoever comes first waits in the backlog.
        early = self.keep(RawClient(path))
        early.send(early.request_bytes(HELLO, rawclient.hello()))
        daemon = self.activated(listener).start()
        self.assertEqual(early.receive().status, OK)
        self.assertFalse(os.path.exists(daemon.socket))
        usock.set_socket_path(path)
        self.assertEqual(usock.status().daemon_pid, daemon.pid)
        self.keep(usock.Sock())
        daemon.stop()
        # The path is systemd's: the next daemon is handed it again.
        self.assertTrue(os.path.exists(path))
        again = self.activated(listener, name="again").start()
        self.assertEqual(usock.status().daemon_pid, again.pid)
        again.stop()

    def test_what_is_no_such_socket_is_refused(self):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            listener, _ = self.listener(kind)
            daemon = self.activated(listener)
            daemon.launch()
            daemon.check(daemon.wait(), expected=1)
            self.assertIn("LISTEN_FDS", daemon.log())

    def test_several_sockets_are_refused(self):
        listener, _ = self.listener()
        daemon = self.activated(listener, n=2)
        daemon.launch()
        daemon.check(daemon.wait(), expected=1)


# ---- life without queues ------------------------------------------------------------

class NoQueues(DaemonCase):
    def use_it(self):
        """A little of everything; returns what it has seen."""
        listener = usock.Sock()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        a = usock.Sock()
        a.connect(listener.getsockname())
        b, _ = listener.accept_timeout(5000)
        a.send(b"without queues")
        return b.recv_exactly(14), a.state(), usock.getaddrinfo("127.0.0.1", "80")[0].address

    def check(self, daemon):
        self.use(daemon)
        expected = b"without queues", 4, ("127.0.0.1", 80)
        self.assertEqual(self.use_it(), expected)
        self.assertEqual(usock.status().sessions_without_queue, 1)
        for _ in range(5):
            self.assertEqual(in_child(self.use_it), expected)
        self.eventually(lambda: usock.status().sessions == 1)

    def test_configured(self):
        daemon = self.daemon({"daemon": {"queues": "no"}}).start()
        self.check(daemon)
        client = self.keep(RawClient(daemon.socket))
        reply = client.hello(capabilities=QUEUES)
        self.assertEqual(len(reply.fds), 1)
        self.assertEqual(reply.body[3].get(4, 0) & QUEUES, 0)
        daemon.stop()

    def test_not_granted_by_the_system(self):
        harness.need_other_users()

        def no_queues():
            resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
        daemon = self.daemon(uid=OTHER_UID, preexec=no_queues).start()
        self.check(daemon)
        lines = [x for x in daemon.log().splitlines() if "no message queues" in x]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], "^<4>.*RLIMIT_MSGQUEUE")
        daemon.stop()

    def test_granted_to_some(self):
        harness.need_other_users()

        def few_queues():
            resource.setrlimit(resource.RLIMIT_MSGQUEUE, (40000, 40000))
        # The kernel counts by user: nobody else may be this one.
        uid = OTHER_UID + 1000 + os.getpid() % 10000
        daemon = self.daemon(uid=uid, preexec=few_queues).start()
        clients = [self.keep(RawClient(daemon.socket)) for _ in range(12)]
        granted = [len(c.hello(capabilities=QUEUES).fds) == 3 for c in clients]
        self.assertTrue(granted[0])
        self.assertFalse(granted[-1])
        self.assertEqual(granted, sorted(granted, reverse=True))
        self.use(daemon)
        self.assertEqual(usock.status().sessions_without_queue, granted.count(False) + 1)
        # What is given back is granted again.
        clients[0].close()
        self.eventually(lambda: usock.status().sessions == 12)
        late = self.keep(RawClient(daemon.socket))
        self.assertEqual(len(late.hello(capabilities=QUEUES).fds), 3)
        daemon.stop()


class _WithoutQueues:
    config = {"daemon": {"queues": "no"}}

    def tearDown(self):
        status = usock.status()
        self.assertEqual(status.sessions_without_queue, status.sessions)
        super().tearDown()


class NoQueuesConnect(_WithoutQueues, rows_connect.Connect):
    pass


class NoQueuesAccept(_WithoutQueues, rows_open.Accept):
    pass


class NoQueuesReceive(_WithoutQueues, rows_data.Receive):
    pass


class NoQueuesDatagrams(_WithoutQueues, rows_dgram.Datagrams):
    pass


class NoQueuesHolders(_WithoutQueues, rows_state.Holders):
    pass


class NoQueuesOptions(_WithoutQueues, rows_state.Options):
    pass


# ---- hostile clients ------------------------------------------------------------------

class Hostile(DaemonCase):
    """One daemon for all; a good client must not notice anything."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.served = Daemon({"link net0": {"driver": "tun", "device": "quiet0",
                                           "address": "10.7.0.2/24"}})
        cls.addClassCleanup(cls.served.close)
        cls.served.start()
        usock.set_socket_path(cls.served.socket)

    @classmethod
    def tearDownClass(cls):
        cls.served.stop()

    def setUp(self):
        self.good = self.keep(usock.Sock())
        self.eventually(lambda: usock.status().sessions == 1)
        self.before = usock.status()
        self.fds = self.served.fds()

    def tearDown(self):
        self.doCleanups()
        self.assertTrue(self.served.is_running())
        self.eventually(lambda: usock.status().sessions == 1)
        self.eventually(lambda: self.served.fds() <= self.fds)

    def client(self, **kwargs):
        client = self.keep(RawClient(self.served.socket, **kwargs))
        return client

    def greeted(self, **kwargs):
        client = self.client()
        self.reply = client.hello(**kwargs)
        self.assertEqual(self.reply.status, OK)
        return client

    def dropped(self):
        return usock.status().clients_dropped - self.before.clients_dropped

    def good_client_works(self):
        self.good.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        with usock.Sock() as s:
            s.bind(("127.0.0.1", 0))

    # -- before the hello

    def test_garbage_is_dropped(self):
        for raw in (b"\xff" * 40, b"\x0a\xff", b"GET / HTTP/1.0\r\n\r\n", bytes(512),
                    b"\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"):
            client = self.client()
            client.send(raw)
            self.assertTrue(client.is_dropped(), raw)
        self.assertEqual(self.dropped(), 5)
        self.assertGreaterEqual(usock.status().malformed - self.before.malformed, 4)
        self.good_client_works()

    def test_random_bytes_are_survived(self):
        import random
        seeded = random.Random(1)
        for _ in range(300):
            client = self.client()
            client.send(seeded.randbytes(seeded.randrange(1, 512)))
            client.close()
        self.good_client_works()

    def test_no_hello_is_dropped_after_2_s(self):
        clients = [self.client() for _ in range(20)]
        start = time.monotonic()
        self.good_client_works()
        for client in clients:
            self.assertTrue(client.is_dropped(10))
        self.assertGreater(time.monotonic() - start, 1.9)
        self.assertEqual(self.dropped(), 20)

    def test_something_before_the_hello_is_dropped(self):
        client = self.client()
        client.send(client.request_bytes(GET_STATUS))
        self.assertTrue(client.is_dropped())
        self.assertEqual(self.dropped(), 1)

    def test_hang_up_at_any_point(self):
        whole = self.client().request_bytes(HELLO, rawclient.hello())
        for n in range(1, len(whole), 3):
            client = self.client()
            client.send(whole[:n])
            client.close()
        for _ in range(20):
            self.client().close()
        self.good_client_works()

    def test_message_longer_than_the_limit_is_dropped(self):
        for size in (513, 4096, 60000):
            client = self.greeted()
            client.send(bytes(size))
            self.assertTrue(client.is_dropped(), size)

    def test_versions_without_one_in_common(self):
        for low, high in ((2, 9), (0, 0), (99, 100)):
            client = self.client()
            reply = client.hello(version_min=low, version_max=high)
            self.assertEqual(reply.status, VERSION)
            offered = reply.body[3]
            self.assertEqual((offered[2], offered[3]), (1, 1))
            self.assertEqual(reply.fds, [])
            self.assertTrue(client.is_dropped())

    def test_newer_client_gets_what_is_in_common(self):
        client = self.client()
        reply = client.hello(version_min=1, version_max=50)
        self.assertEqual((reply.status, reply.body[3][1]), (OK, 1))

    def test_program_name_is_made_printable(self):
        self.greeted(program=b"evil\x1b[31m\nname")
        client = self.greeted(program=b"\xff\xfe")
        number, _ = client.new_socket()
        self.assertIn(number, [i.id for i in usock.sockets()])
        for info in usock.sockets():
            self.assertNotRegex(info.program, rb"[\x00-\x1f\x7f\xff]")

    # -- descriptors

    def test_descriptors_nobody_asked_for_are_closed_at_once(self):
        client = self.client()
        null = [os.open("/dev/null", os.O_RDONLY) for _ in range(253)]
        client.send(client.request_bytes(HELLO, rawclient.hello()), null)
        self.assertEqual(client.receive().status, OK)
        for _ in range(3):
            client.send(client.request_bytes(GET_STATUS), null)
            self.assertEqual(client.receive().status, OK)
        # The session's own is the only one more.
        self.assertLessEqual(self.served.fds(), self.fds + 1)
        for fd in null:
            os.close(fd)

    def test_descriptors_with_garbage_are_closed(self):
        null = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
        for raw in (b"\xff" * 20, bytes(600)):
            client = self.greeted()
            client.send(raw, null)
            self.assertTrue(client.is_dropped())
        for fd in null:
            os.close(fd)

    def test_surplus_descriptors_with_an_attach_are_closed(self):
        client = self.greeted()
        _, fd = client.new_socket()
        reply = client.ask(SOCKET_ATTACH, b"", [fd] * 10)
        self.assertEqual(reply.status, OK)
        self.assertLessEqual(self.served.fds(), self.fds + 2)

    # -- replies that are not read

    def test_client_that_does_not_read_is_dropped(self):
        client = self.greeted()
        client.socket.settimeout(0.5)
        try:
            for _ in range(100000):
                client.send(client.request_bytes(GET_STATUS))
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.good_client_works()
        self.eventually(lambda: self.dropped() == 1)
        self.assertIn("does not read its replies", self.served.log())

    def test_client_that_does_not_read_its_queue_is_dropped(self):
        client = self.greeted(capabilities=QUEUES)
        requests = Queue(self.reply.fds[1])
        n = 0
        while self.dropped() == 0 and n < 100:
            if requests.send(client.request_bytes(GET_STATUS)):
                n += 1
            else:
                time.sleep(0.001)
        self.assertTrue(client.is_dropped())
        self.assertTrue(8 <= n <= 24, n)
        self.good_client_works()

    def test_garbage_on_the_queue_is_dropped(self):
        client = self.greeted(capabilities=QUEUES)
        Queue(self.reply.fds[1]).send(b"\xff" * 30)
        self.assertTrue(client.is_dropped())

    def test_queue_has_the_promised_size(self):
        client = self.greeted(capabilities=QUEUES)
        requests, replies = Queue(self.reply.fds[1]), Queue(self.reply.fds[2])
        for raw in (b"x" * 513, b"x" * 8192):
            with self.fails(errno.EMSGSIZE):
                requests.send(raw)
        self.assertTrue(requests.send(client.request_bytes(GET_STATUS)))
        self.assertEqual(replies.receive().status, OK)
        # Each end is for one direction.
        with self.fails(errno.EBADF):
            replies.send(b"x")
        with self.fails(errno.EBADF):
            rawclient._libc.mq_receive(requests.fd, ctypes.create_string_buffer(512), 512,
                                       None) < 0 and self.raise_errno()

    @staticmethod
    def raise_errno():
        raise OSError(ctypes.get_errno(), "mq_receive")

    # -- others' sockets

    def every_request(self, number):
        return ((SOCKET_BIND, rawclient.field(2, rawclient.ip_address("127.0.0.1", 0))),
                (SOCKET_CONNECT, rawclient.field(2, rawclient.ip_address("127.0.0.1", 80))),
                (SOCKET_DISCONNECT, b""), (SOCKET_LISTEN, rawclient.field(2, 1)),
                (SET_OPTION, rawclient.field(2, 2) + rawclient.field(3, 2)),
                (GET_OPTION, rawclient.field(2, 2)))

    def test_ids_alone_give_no_right(self):
        client = self.greeted()
        own, _ = client.new_socket()
        victim = self.good.id()
        # Of another, of a later life of one's own, of nobody.
        for number in (victim, own + (1 << 32), own - (1 << 32), 0, 2**64 - 1, own + 1000):
            for tag, rest in self.every_request(number):
                reply = client.ask(tag, of_socket(number, rest))
                self.assertEqual(reply.status, BAD_SOCKET, (hex(number), tag))
        self.assertEqual(self.good.state(), 0)
        self.assertEqual(client.ask(SOCKET_LISTEN, of_socket(own)).status, OK)

    def test_attach_with_the_descriptor_gives_the_right(self):
        client = self.greeted()
        reply = client.ask(SOCKET_ATTACH, b"", [self.good.fd])
        self.assertEqual((reply.status, reply.socket()), (OK, self.good.id()))
        self.assertEqual(client.ask(SOCKET_LISTEN, of_socket(self.good.id())).status, OK)
        self.eventually(lambda: self.good.state() == 1)

    def test_attach_without_descriptor(self):
        self.assertEqual(self.greeted().ask(SOCKET_ATTACH).status, INVALID)

    def test_attach_with_a_foreign_descriptor(self):
        client = self.greeted()
        ours, theirs = socket.socketpair()
        tcp = socket.socket()
        read_end, write_end = os.pipe()
        for fd in (ours.fileno(), tcp.fileno(), read_end, self.reply.fds[0],
                   client.socket.fileno()):
            self.assertEqual(client.ask(SOCKET_ATTACH, b"", [fd]).status, BAD_SOCKET, fd)
        os.close(read_end)
        os.close(write_end)
        for s in (ours, theirs, tcp):
            s.close()

    def test_attach_with_a_forged_name(self):
        """A pair of one's own whose far end has a name like a channel's."""
        client = self.greeted()
        peer = self.good_name()
        for other in (peer, peer[:-1] + (b"0" if peer[-1:] != b"0" else b"1")):
            far, near = socket.socketpair()
            try:
                far.bind(other)
            except OSError as e:
                # The daemon's end has it already.
                self.assertEqual(e.errno, errno.EADDRINUSE)
            self.assertEqual(client.ask(SOCKET_ATTACH, b"", [near.fileno()]).status,
                             BAD_SOCKET)
            far.close()
            near.close()

    def good_name(self):
        s = socket.socket(fileno=os.dup(self.good.fd))
        name = s.getpeername()
        s.close()
        return name

    def test_attach_with_a_dead_sockets_descriptor(self):
        client = self.greeted()
        other = self.greeted()
        _, fd = other.new_socket()
        near, far = socket.socketpair()
        self.assertEqual(client.ask(SOCKET_ATTACH, b"", [fd]).status, OK)
        near.close()
        far.close()

    # -- odd requests

    def test_second_hello_and_unknown_requests(self):
        client = self.greeted()
        self.assertEqual(client.hello().status, MALFORMED)
        for tag in (14, 99, 1000):
            self.assertEqual(client.ask(tag).status, UNKNOWN_REQUEST)
        self.assertEqual(client.ask(GET_STATUS).status, OK)

    def test_sequence_numbers_are_echoed(self):
        client = self.greeted()
        for number in (0, 7, 7, 2**32 - 1):
            client.send(rawclient.field(1, number) + rawclient.field(GET_STATUS, b""))
            self.assertEqual(client.receive().sequence, number)

    def test_malformed_addresses(self):
        client = self.greeted()
        number, _ = client.new_socket()
        for ip, port in ((b"\1\2\3", 1), (b"\1" * 16, 1), (b"\1\2\3\4", 70000)):
            address = rawclient.field(1, 4) + rawclient.field(2, ip) + rawclient.field(3, port)
            reply = client.ask(SOCKET_BIND, of_socket(number, rawclient.field(2, address)))
            self.assertEqual(reply.status, INVALID, ip)

    def test_writes_into_a_channel_before_connecting(self):
        client = self.greeted()
        number, fd = client.new_socket()
        os.write(fd, b"x" * 5000)
        reply = client.ask(SOCKET_CONNECT,
                           of_socket(number, rawclient.field(2, rawclient.ip_address("127.0.0.1",
                                                                                     1))))
        self.assertEqual(reply.status, rawclient.STARTED)
        self.good_client_works()

    def test_rubbish_in_datagram_channels(self):
        client = self.greeted()
        _, fd = client.new_socket(kind=2)
        s = socket.socket(fileno=os.dup(fd))
        for raw in (b"", b"x", bytes(39), bytes(40), b"\xff" * 40, b"\1" + bytes(39),
                    b"\xff" * 60000):
            try:
                s.send(raw)
            except (BrokenPipeError, ConnectionResetError):
                pass
        socket.send_fds(s, [bytes(40)], [0, 1, 2])
        s.close()
        self.good_client_works()

    def test_descriptors_in_channels_are_not_kept(self):
        client = self.greeted()
        null = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
        for kind in (1, 2):
            _, fd = client.new_socket(kind=kind)
            s = socket.socket(fileno=os.dup(fd))
            for _ in range(5):
                socket.send_fds(s, [bytes(41)], null)
            s.close()
        self.good_client_works()
        self.eventually(lambda: self.served.fds() <= self.fds + 3)
        for fd in null:
            os.close(fd)

    # -- too many

    def test_sessions_beyond_the_users_limit_are_told_or_turned_away(self):
        clients = [self.client() for _ in range(200)]
        told = turned_away = good = 0
        for client in clients:
            try:
                reply = client.hello()
            except OSError:
                reply = None
            if reply is None:
                turned_away += 1
            elif reply.status == TOO_MANY:
                told += 1
            else:
                good += 1
        self.assertEqual(good, 127)
        self.assertGreater(told, 0)
        self.assertEqual(told + turned_away, 73)
        self.good_client_works()

    # -- what a client is given

    def test_table_cannot_be_written(self):
        client = self.greeted()
        table = client.fds[0]
        size = os.fstat(table).st_size
        mmap.mmap(table, size, prot=mmap.PROT_READ).close()
        for path in (f"/proc/self/fd/{table}",):
            with self.fails(errno.EACCES, errno.EPERM):
                fd = os.open(path, os.O_RDWR)
                # Root may open it, but not change a byte.
                try:
                    mmap.mmap(fd, size, prot=mmap.PROT_READ | mmap.PROT_WRITE)
                finally:
                    os.close(fd)
        with self.fails(errno.EPERM, errno.EBADF, errno.EINVAL, errno.EACCES):
            os.ftruncate(table, size + 4096)
        with self.fails(errno.EPERM, errno.EBADF):
            os.write(table, b"x")
        with self.assertRaises(OSError):
            mmap.mmap(table, size, prot=mmap.PROT_READ | mmap.PROT_WRITE)

    def test_descriptors_are_close_on_exec_in_the_daemon(self):
        for fd in os.listdir(f"/proc/{self.served.pid}/fdinfo"):
            if int(fd) <= 2:
                continue
            with open(f"/proc/{self.served.pid}/fdinfo/{fd}") as f:
                flags = int(re.search(r"flags:\s*(\d+)", f.read()).group(1), 8)
            self.assertTrue(flags & os.O_CLOEXEC, os.readlink(
                f"/proc/{self.served.pid}/fd/{fd}"))


class FewDescriptors(DaemonCase):
    def test_daemon_out_of_descriptors_recovers(self):
        harness.need_other_users()

        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        daemon = self.daemon(uid=OTHER_UID, preexec=few).start()
        self.use(daemon)
        kept = self.keep(usock.Sock())
        clients = [RawClient(daemon.socket) for _ in range(60)]
        self.eventually(lambda: "cannot accept clients" in daemon.log() or
                        "turned away" in daemon.log(), 10)
        sockets = []
        with self.fails(errno.EMFILE, errno.ENFILE, errno.ENOBUFS):
            for _ in range(60):
                sockets.append(usock.Sock())
        self.assertEqual(kept.state(), 0)
        for thing in clients + sockets:
            thing.close()

        def new_client():
            with usock.Sock() as s:
                s.bind(("127.0.0.1", 0))
            return True
        self.eventually(lambda: in_child(new_client), 10)
        daemon.stop()



if __name__ == "__main__":
    runner.main()
