# SPDX-License-Identifier: MIT
"""What the integration tests stand on: daemons, networks, users, threads.

A Daemon is the build's real usocketd. It counts as started when it says so on
NOTIFY_SOCKET, as systemd's services do, and has to end with status 0, without
a sanitizer's report and without leaving a process behind.

Networks are namespaces that a worker process makes for itself and that end
with it. Whatever is started carries the worker's folder in its environment, so
what is left can be found, and is ended by its process id.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import pickle
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import usock

TMP_ENV = "USOCKETD_TEST_TMP"
CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
SIOCGIFTXQLEN = 0x8942
READY_S = 20
STOP_S = 10
NOBODY = 65534
OTHER_UID = 64001
LOG_SHOWN = 30000

REPORTS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|"
                     r"SUMMARY: \w+Sanitizer|Assertion .* failed")

_libc = ctypes.CDLL(None, use_errno=True)


# ---- the build ---------------------------------------------------------------

def adopt_build_settings():
    """Fills in, for a run by hand, what `make check` puts into the environment."""
    here = os.path.dirname(os.path.abspath(__file__))
    env = os.environ
    source = env.setdefault("USOCKETD_SRCDIR", os.path.dirname(os.path.dirname(here)))
    build = env.setdefault("USOCKETD_BUILDDIR", os.path.join(source, "build"))
    env.setdefault("USOCKETD_LIBEXECDIR", build)
    if "USOCKETD_SANITIZER" in env:
        return
    with contextlib.suppress(OSError), open(os.path.join(build, "config.status")) as f:
        text = f.read()
        for name in ("SANITIZER", "SANITIZER_PRELOAD"):
            found = re.search(rf'^S\["{name}"\]="(.*)"$', text, re.M)
            env["USOCKETD_" + name] = found.group(1) if found else ""


def program(name):
    """Path of a built program, past libtool's wrapper script."""
    build = os.environ["USOCKETD_BUILDDIR"]
    real = os.path.join(build, ".libs", name)
    return real if os.path.exists(real) else os.path.join(build, name)


def child_env(**more):
    """The environment for what tests start: without what only Python needs."""
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "PYTHONMALLOC")}
    if "USOCKETD_TEST_ASAN_OPTIONS" in env:
        env["ASAN_OPTIONS"] = env.pop("USOCKETD_TEST_ASAN_OPTIONS")
    env["LD_LIBRARY_PATH"] = os.path.join(env["USOCKETD_BUILDDIR"], ".libs")
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    env.update(more)
    return {k: v for k, v in env.items() if v is not None}


def is_sanitized():
    return os.environ.get("USOCKETD_SANITIZER", "none") not in ("none", "")


def time_scale():
    """How much slower than a plain build things may be."""
    return 3 if is_sanitized() else 1


def temporary_folder():
    folder = os.environ.get(TMP_ENV)
    if not folder:
        raise RuntimeError("tests run through runner.main()")
    return folder


def stat_of(pid):
    """/proc/PID/stat (proc(5)) from its third field on: [0] the state, [19] the start."""
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()


# ---- processes left behind ---------------------------------------------------

def find_leftovers(folder):
    """Processes that carry @folder in their environment: (pid, command) pairs."""
    mark = f"{TMP_ENV}={folder}\0".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/environ", "rb") as f:
                if mark not in f.read() + b"\0":
                    continue
            with open(f"/proc/{name}/cmdline", "rb") as f:
                command = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
            found.append((int(name), command))
    return found


def end_leftovers(folder):
    """Ends them; returns what they were."""
    found = find_leftovers(folder)
    for pid, _ in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"{pid}: {command}" for pid, command in found]


# ---- networks ----------------------------------------------------------------

def run_quietly(*command):
    done = subprocess.run(command, env=child_env(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def ip(*args):
    return run_quietly("ip", *map(str, args))


def _unshare(flags):
    if _libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _become_root_of_own_namespace():
    uid, gid = os.geteuid(), os.getegid()
    _unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                       ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as f:
            f.write(text)


_has_network = False


def private_network():
    """Moves this process into a network namespace of its own, lo up."""
    global _has_network
    if _has_network:
        return
    try:
        if os.geteuid() == 0:
            _unshare(CLONE_NEWNET)
        else:
            _become_root_of_own_namespace()
    except OSError as e:
        raise unittest.SkipTest(f"no network namespace can be made: {e.strerror}")
    ip("link", "set", "lo", "up")
    _has_network = True


def has_private_network():
    return _has_network


def need_tun():
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as e:
        raise unittest.SkipTest(f"/dev/net/tun: {e.strerror}")


def need_slirp():
    if not os.path.exists(program("usocket-slirp")):
        raise unittest.SkipTest("built without the slirp driver")


def is_real_root():
    """Root with all users, not the root of a namespace of one's own."""
    if os.geteuid() != 0:
        return False
    with open("/proc/self/uid_map") as f:
        return int(f.read().split()[2]) > OTHER_UID


def need_other_users():
    if not is_real_root():
        raise unittest.SkipTest("needs root: other users' sockets")


# linux/sockios.h, linux/ethtool.h
SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM = 0x17
ETHTOOL_GTSO = 0x1e


def tx_queue_length(device):
    """Packets that the kernel keeps for a device of this namespace."""
    request = struct.pack("16s24x", device.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        answer = fcntl.ioctl(s, SIOCGIFTXQLEN, request)
    return struct.unpack_from("i", answer, 16)[0]


def packets_of(device):
    """As the kernel counts a TUN device's: taken from its owner, given to it."""
    with open("/proc/net/dev") as f:
        words = next(line.split() for line in f if line.split()[0] == device + ":")
    return int(words[2]), int(words[10])


def ethtool(device, command, value=0):
    """As ethtool(8) -k and -K: asks for a feature, or sets it to @value."""
    data = ctypes.create_string_buffer(struct.pack("II", command, value), 8)
    request = struct.pack("16sP16x", device.encode(), ctypes.addressof(data))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, request)
    return struct.unpack("II", data.raw)[1]


class Tun:
    """A TUN device and the kernel's side of it."""

    DEVICE = "ust0"
    # Per family: the stack, the kernel, nobody, and one played by the test.
    STACK = {4: "10.9.0.2", 6: "fd09::2"}
    KERNEL = {4: "10.9.0.1", 6: "fd09::1"}
    SILENT = {4: "10.9.0.66", 6: "fd09::66"}
    HAND = {4: "10.9.0.77", 6: "fd09::77"}

    def __init__(self):
        need_tun()
        private_network()
        ip("tuntap", "add", "dev", self.DEVICE, "mode", "tun")
        ip("addr", "add", self.KERNEL[4] + "/24", "dev", self.DEVICE)
        ip("-6", "addr", "add", self.KERNEL[6] + "/64", "dev", self.DEVICE, "nodad")
        ip("link", "set", self.DEVICE, "mtu", 1500, "up")

    def config(self):
        return {"driver": "tun", "device": self.DEVICE, "address": self.STACK[4] + "/24",
                "address6": self.STACK[6] + "/64", "gateway": self.KERNEL[4]}

    def close(self):
        ip("link", "del", self.DEVICE)


# ---- daemons -----------------------------------------------------------------

_daemons = []


def mark_logs():
    """Where the logs are now, for logs_since()."""
    return {d: d.log_size() for d in _daemons}


def logs_since(mark):
    text = ""
    for daemon in _daemons:
        log = daemon.log()[(mark or {}).get(daemon, 0):]
        text += f"--- the log of {daemon.name} meanwhile:\n{log[-LOG_SHOWN:]}\n"
    return text


def config_text(sections):
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


class Daemon:
    """
    One usocketd. @config: sections of keys, or the whole text; the rendezvous
    path is put in. @uid: the user it runs as. @notify: with a NOTIFY_SOCKET.
    @prefix: a command in front of it.
    """

    def __init__(self, config=None, uid=None, args=(), env=None, notify=True,
                 name="usocketd", prefix=(), pass_fds=(), preexec=None):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=name + ".", dir=temporary_folder())
        os.chmod(self.folder, 0o755)
        self.uid = uid
        self.programs = None
        if uid is not None:
            os.chown(self.folder, uid, uid)
            self._copy_programs()
        self.socket = os.path.join(self.folder, "usocketd.sock")
        self.config = os.path.join(self.folder, "usocketd.conf")
        self.log_path = os.path.join(self.folder, "daemon.log")
        self.args = list(args)
        self.env = dict(env or {})
        self.prefix = list(prefix)
        self.pass_fds = pass_fds
        self.preexec = preexec
        self.notify = None
        self.messages = []
        self.process = None
        open(self.log_path, "w").close()
        self.write_config(config if config is not None else {})
        if notify:
            self._open_notify()
        _daemons.append(self)

    def _copy_programs(self):
        """Another user may not be able to look into the build's folder."""
        self.programs = os.path.join(self.folder, "bin")
        os.mkdir(self.programs)
        for name in ("usocketd", "usocket-slirp"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(program(name), self.programs)
        os.chmod(self.programs, 0o755)

    def program(self):
        return os.path.join(self.programs, "usocketd") if self.programs else program("usocketd")

    def write_config(self, config):
        if not isinstance(config, str):
            sections = {k: dict(v) for k, v in config.items()}
            daemon = sections.setdefault("daemon", {})
            daemon.setdefault("socket", self.socket)
            daemon.setdefault("log_level", "debug")
            sections.setdefault("resolver", {}).setdefault("hosts", "none")
            config = config_text(sections)
        with open(self.config, "w") as f:
            f.write(config)

    def _open_notify(self):
        path = os.path.join(self.folder, "notify")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        os.chmod(path, 0o666)
        self.env["NOTIFY_SOCKET"] = path

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def log_size(self):
        return len(self.log())

    def _before_exec(self):
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if self.preexec:
            self.preexec()

    def launch(self):
        """Starts the process and does not wait."""
        if self.programs:
            self.env.setdefault("USOCKETD_LIBEXECDIR", self.programs)
        user = {} if self.uid is None else {"user": self.uid, "group": self.uid,
                                            "extra_groups": []}
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.program(), "--config", self.config, *self.args],
                env=child_env(**self.env), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=self._before_exec, pass_fds=self.pass_fds, cwd="/", **user)
        return self

    def start(self):
        self.launch()
        self.wait_for_message("READY=1", READY_S * time_scale())
        return self

    def wait_for_message(self, wanted, timeout_s):
        """Waits for a line on NOTIFY_SOCKET; the daemon must not end meanwhile."""
        end = time.monotonic() + timeout_s
        pidfd = os.pidfd_open(self.process.pid)
        try:
            while True:
                for i, line in enumerate(self.messages):
                    if line == wanted or line.startswith(wanted + "="):
                        return self.messages.pop(i)
                left = end - time.monotonic()
                ready, _, _ = select.select([self.notify, pidfd], [], [], max(left, 0))
                if self.notify in ready:
                    self.messages += self.notify.recv(4096).decode().splitlines()
                elif pidfd in ready:
                    raise AssertionError(f"{self.name} ended with {self.process.wait()} "
                                         f"before {wanted}\n{self.log()[-LOG_SHOWN:]}")
                elif left <= 0:
                    raise AssertionError(f"{self.name}: no {wanted} in {timeout_s} s")
        finally:
            os.close(pidfd)

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """Ends it as a crash would; nothing is checked."""
        self.process.kill()
        self.process.wait()

    def wait(self, timeout_s=STOP_S):
        return self.process.wait(timeout_s * time_scale())

    def stop(self, expected=0):
        """SIGTERM, and everything that must be true afterwards."""
        if self.process is None:
            return
        if self.is_running():
            self.signal(signal.SIGTERM)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} does not end on SIGTERM")
        self.process = None
        self.check(code, expected)

    def check(self, code, expected=0):
        report = REPORTS.search(self.log())
        if report:
            raise AssertionError(f"{self.name}: {report.group(0)}\n{self.log()[-LOG_SHOWN:]}")
        if code != expected:
            raise AssertionError(f"{self.name} ended with {code}\n{self.log()[-LOG_SHOWN:]}")

    def close(self):
        """For cleanup after a failure: no checks."""
        if self.is_running():
            self.kill()
        self.process = None
        if self.notify:
            self.notify.close()
            self.notify = None
        with contextlib.suppress(ValueError):
            _daemons.remove(self)

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


# ---- other processes ---------------------------------------------------------

def in_child(function, *args, uid=None, gid=None, groups=()):
    """
    Runs function(*args) in a forked child, as another user if @uid is given,
    and returns what it returned or raises what it raised.
    """
    return Child(function, *args, uid=uid, gid=gid, groups=groups).result()


def let_threads_end(bound_s=2.0):
    """
    Waits until threads that have ended for Python have ended for the kernel.
    One that is just giving back its memory holds a lock of the sanitizers'
    allocator, which a forked child would find taken for ever.
    """
    end = time.monotonic() + bound_s
    # One more than Python counts: faulthandler's, which allocates nothing.
    while (len(os.listdir("/proc/self/task")) > threading.active_count() + 1
           and time.monotonic() < end):
        time.sleep(0.001)


class Child:
    """The same without waiting at once."""

    def __init__(self, function, *args, uid=None, gid=None, groups=()):
        self.read_end, write_end = os.pipe()
        sys.stdout.flush()
        let_threads_end()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.read_end)
            self._run(write_end, function, args, uid, gid, groups)
        os.close(write_end)

    @staticmethod
    def _run(write_end, function, args, uid, gid, groups):
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if uid is not None:
                os.setgroups(list(groups))
                os.setresgid(*[gid if gid is not None else uid] * 3)
                os.setresuid(uid, uid, uid)
            answer = ("value", function(*args))
        except BaseException as e:
            answer = ("error", e)
        try:
            raw = pickle.dumps(answer)
        except Exception as e:
            raw = pickle.dumps(("error", RuntimeError(f"{answer!r}: {e}")))
        with os.fdopen(write_end, "wb") as f:
            f.write(raw)
        os._exit(0)

    def result(self):
        with os.fdopen(self.read_end, "rb") as f:
            raw = f.read()
        _, status = os.waitpid(self.pid, 0)
        if not raw:
            raise RuntimeError(f"the child ended with {os.waitstatus_to_exitcode(status)}")
        kind, value = pickle.loads(raw)
        if kind == "error":
            raise value
        return value

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.read_end)
        os.waitpid(self.pid, 0)


class Call(threading.Thread):
    """A call in a thread of its own, running from the start."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args = function, args
        self.value = self.error = None
        self.started_at = time.monotonic()
        self.seconds = None
        self.start()

    def run(self):
        try:
            self.value = self.function(*self.args)
        except BaseException as e:
            self.error = e
        self.seconds = time.monotonic() - self.started_at

    def result(self, timeout_s=10):
        left = timeout_s * time_scale()
        while self.is_alive() and left > 0:
            self.join(0.05)
            left -= 0.05
        if self.is_alive():
            raise AssertionError(f"{self.function} still waits after {timeout_s} s")
        if self.error:
            raise self.error
        return self.value


def eventually(condition, timeout_s=5, what=None):
    """
    Waits until @condition() is true and returns its value. Time counts only
    in small steps: a machine that stood still meanwhile gets it back.
    """
    left = timeout_s * time_scale()
    while True:
        value = condition()
        if value:
            return value
        if left <= 0:
            raise AssertionError(f"not true within {timeout_s} s: {what or condition}")
        start = time.monotonic()
        time.sleep(0.005)
        left -= min(time.monotonic() - start, 0.05)


def pattern(n, seed):
    """@n bytes in which every place is told from its neighbours."""
    block = bytes((i * i * seed + i) & 0xff for i in range(65521))
    return (block * (n // len(block) + 1))[:n]


def end_process(process):
    """Ends a subprocess.Popen that may have ended, with its pipes."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in process.stdin, process.stdout, process.stderr:
        if stream:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def errno_name(number):
    return errno.errorcode.get(number, str(number))


def shut_down_folder(path):
    shutil.rmtree(path, ignore_errors=True)


# ---- test cases --------------------------------------------------------------

class Case(unittest.TestCase):
    """Assertions of all integration tests."""

    maxDiff = None

    def keep(self, thing):
        """Closes @thing at the end of the test."""
        close = getattr(thing, "close_if_open", None) or thing.close
        self.addCleanup(close)
        return thing

    @contextlib.contextmanager
    def fails(self, *numbers):
        """The block must raise OSError with one of these errnos."""
        try:
            yield
        except OSError as e:
            if e.errno not in numbers:
                raise AssertionError(f"{errno_name(e.errno)}, not "
                                     f"{' or '.join(map(errno_name, numbers))}") from e
            return
        raise AssertionError(f"no error, not {' or '.join(map(errno_name, numbers))}")

    def eventually(self, condition, timeout_s=5, what=None):
        return eventually(condition, timeout_s, what)

    def assert_takes(self, seconds, action, within=0.05, tries=5, early=0.001):
        """
        @action must never take less than @seconds (by more than @early), and
        not more than @within above it, of a plain build's time: at its best, as a
        busy machine may hold any single one up.
        """
        within *= time_scale()
        best = None
        for _ in range(tries):
            start = time.monotonic()
            action()
            took = time.monotonic() - start
            self.assertGreaterEqual(took, seconds - early)
            best = took if best is None else min(best, took)
            if best <= seconds + within:
                return
        self.fail(f"took {best:.3f} s at best, not {seconds} to {seconds + within}")


class StackCase(Case):
    """
    Tests against a daemon of the class's own. Subclasses say how it is set up
    in `config` and make its link in make_link().
    """

    config = {}
    daemon = None
    family = 4

    @classmethod
    def make_link(cls):
        raise NotImplementedError

    @classmethod
    def daemon_options(cls):
        return {}

    @classmethod
    def setUpClass(cls):
        adopt_build_settings()
        links = cls.make_link()
        config = {**links, **cls.config}
        cls.daemon = Daemon(config, **cls.daemon_options())
        cls.addClassCleanup(cls.daemon.close)
        cls.start_daemon()

    @classmethod
    def start_daemon(cls):
        cls.daemon.start()
        usock.set_socket_path(cls.daemon.socket)
        cls.link_is_up()

    @classmethod
    def link_is_up(cls):
        usock.wait_link(READY_S * 1000)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()
        left = find_leftovers(temporary_folder())
        if left:
            end_leftovers(temporary_folder())
            raise AssertionError(f"left over: {left}")

    def setUp(self):
        if not self.daemon.is_running():
            type(self).daemon.process = None
            self.start_daemon()

    def tearDown(self):
        if not self.daemon.is_running():
            code = self.daemon.wait()
            self.daemon.check(code)
            self.fail(f"the daemon ended with {code}")

    @property
    def af(self):
        return socket.AF_INET if self.family == 4 else socket.AF_INET6

    def tcp(self, flags=0):
        return self.keep(usock.Sock(self.af, socket.SOCK_STREAM | flags))

    def udp(self, flags=0):
        return self.keep(usock.Sock(self.af, socket.SOCK_DGRAM | flags))


class TunCase(StackCase):
    """
    The kernel's own stack is the peer, over a TUN in a namespace. `link_keys`
    go into the link's section.
    """

    tun = None
    link_keys = {}

    @classmethod
    def make_link(cls):
        cls.tun = Tun()
        cls.addClassCleanup(cls.tun.close)
        return {"link net0": {**cls.tun.config(), **cls.link_keys}}

    @classmethod
    def link_is_up(cls):
        super().link_is_up()
        # The kernel throws away what it sends until it has noticed, a moment
        # later, that the device has a carrier.
        eventually(cls.is_refused, what="the stack answers the kernel")

    @staticmethod
    def is_refused():
        with socket.socket() as s:
            s.settimeout(0.05)
            return s.connect_ex((Tun.STACK[4], 1)) == errno.ECONNREFUSED

    stack = property(lambda self: Tun.STACK[self.family])
    kernel = property(lambda self: Tun.KERNEL[self.family])
    silent = property(lambda self: Tun.SILENT[self.family])
    hand = property(lambda self: Tun.HAND[self.family])
    loopback = property(lambda self: "127.0.0.1" if self.family == 4 else "::1")
    any = property(lambda self: "0.0.0.0" if self.family == 4 else "::")

    def kernel_socket(self, kind=socket.SOCK_STREAM):
        s = self.keep(socket.socket(self.af, kind))
        s.settimeout(10)
        return s

    def kernel_listener(self, backlog=16):
        s = self.kernel_socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((self.kernel, 0))
        s.listen(backlog)
        return s

    def address_of(self, kernel_socket):
        return kernel_socket.getsockname()[:2]

    def accept_kernel(self, listener):
        conn, _ = listener.accept()
        self.keep(conn)
        conn.settimeout(10)
        return conn

    @staticmethod
    def is_served(port):
        """Whether somebody listens on the kernel's side."""
        with socket.socket() as s:
            return s.connect_ex((Tun.KERNEL[4], port)) == 0

    def send_until_stuck(self, peer, limit):
        """What @peer can send of a pattern while nobody reads; less than @limit bytes."""
        peer.setblocking(False)
        data, sent = pattern(limit, 11), 0
        while sent < limit and select.select([], [peer], [], 1)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += peer.send(data[sent:sent + 65536])
        self.assertLess(sent, limit)
        return data[:sent]

    def connected(self):
        """A usocket connected to a kernel socket: both."""
        listener = self.kernel_listener()
        s = self.tcp()
        s.connect(self.address_of(listener))
        return s, self.accept_kernel(listener)

    def listening(self, backlog=8, address=None):
        s = self.tcp()
        s.bind((address or self.any, 0))
        s.listen(backlog)
        return s

    def accepted(self):
        """A kernel socket's connection to a usocket listener: usocket, kernel's."""
        listener = self.listening()
        peer = self.kernel_socket()
        peer.connect((self.stack, listener.getsockname()[1]))
        s, _ = listener.accept_timeout(20000)
        return self.keep(s), peer

    def loopback_pair(self):
        """Two connected usockets, over the stack's own loopback."""
        listener = self.listening(address=self.loopback)
        a = self.tcp()
        a.connect_timeout(listener.getsockname(), 20000)
        b, _ = listener.accept_timeout(20000)
        return a, self.keep(b)


def both_families(case):
    """Makes X and XV6 out of the class X."""
    module = sys.modules[case.__module__]
    six = type(case.__name__ + "V6", (case,), {"family": 6, "__module__": case.__module__})
    setattr(module, six.__name__, six)
    return case
