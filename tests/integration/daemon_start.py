# SPDX-License-Identifier: MIT
"""The daemon as a process: command line, configuration, signals, systemd."""

import errno
import fcntl
import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import time

import harness
import rawclient
import usock

from daemon_case import QUIET_LINK, DaemonCase
from harness import OTHER_UID, in_child
from rawclient import HELLO, OK, RawClient


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

    def test_ignored_lines_are_counted(self):
        path = self.file("[daemon]\nlog_levle = error\n[link wan]\ndriver = slirp\napm = x\n")
        done = self.run_daemon("--check-config", "--config", path)
        self.assertEqual(done.returncode, 0)
        self.assertIn("2 of its lines would be ignored", done.stdout)
        self.assertIn("unknown key 'apm' is ignored", done.stderr)

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
