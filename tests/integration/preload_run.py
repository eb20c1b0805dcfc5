# SPDX-License-Identifier: MIT
"""usocket-run: what it refuses, and that nothing runs without the library."""

import os
import shutil
import stat
import subprocess
import sys
import unittest

import harness
from preload_support import PreloadCase, usocket_run
from runner import deadline

HELLO = """
#include <stdio.h>
int main(void) { puts("ran"); return 7; }
"""


@deadline(60)
class Run(PreloadCase):
    def build(self, name, *options):
        path = os.path.join(self.folder, name)
        source = path + ".c"
        with open(source, "w") as f:
            f.write(HELLO)
        done = subprocess.run(["gcc", "-o", path, source, *options], capture_output=True)
        if done.returncode:
            raise unittest.SkipTest(f"gcc {' '.join(options)} does not work here")
        return path

    def refused(self, *argv, options=(), code=126):
        for more in ((), ("--check",)):
            said = self.run_it(*argv, options=[*options, *more], expected=code)
            self.assertNotIn("ran", said.split())
        return said

    def test_becomes_the_program(self):
        path = self.build("hello")
        self.assertEqual(self.run_it(path, expected=7), "ran\n")
        process = self.start("sh", "-c", "echo $$")
        self.assertEqual(process.stdout.read(), b"%d\n" % process.pid)

    def test_the_watcher_ends_and_leaves_nothing(self):
        said = self.run_it(sys.executable, "-c", "import os, time; time.sleep(0.5)\n"
                           "print('USOCKET_RUN_ACK' in os.environ, os.listdir('/proc/self/fd'))")
        self.assertEqual(said, "False ['0', '1', '2', '3']\n")

    def test_arguments_are_the_programs(self):
        self.assertEqual(self.run_it("echo", "--deny", "x"), "--deny x\n")

    def test_check(self):
        self.assertIn("can be run", self.run_it("sh", options=["--check"]))

    def test_static(self):
        said = self.refused(self.build("static", "-static"))
        self.assertIn("is statically linked", said)
        self.assertIn("SOCKS", said)
        self.refused(self.build("static-pie", "-static-pie", "-fPIE"))

    def test_go(self):
        path = self.build("cgo")
        subprocess.run(["objcopy", "--add-section", f".go.buildinfo={path}.c", path], check=True)
        self.assertIn("Go program", self.refused(path))

    def test_set_uid(self):
        harness.need_other_users()
        path = self.build("setuid")
        os.chown(path, harness.OTHER_UID, harness.OTHER_UID)
        os.chmod(path, 0o4755)
        self.assertIn("privileges", self.refused(path))
        os.chmod(path, 0o2755)
        self.assertIn("privileges", self.refused(path))
        # A process that can gain none runs it as any other.
        done = subprocess.run(["setpriv", "--no-new-privs", *usocket_run(), path],
                              env=self.environment(), capture_output=True, text=True)
        self.assertEqual((done.stdout, done.returncode), ("ran\n", 7), done.stderr)

    def test_file_capabilities(self):
        harness.need_other_users()
        path = self.build("capable")
        try:
            # VFS_CAP_REVISION_2 with CAP_NET_RAW effective and permitted.
            os.setxattr(path, "security.capability",
                        bytes.fromhex("0100000200200000000000000000000000000000"))
        except OSError as e:
            raise unittest.SkipTest(f"no file capabilities here: {e}")
        self.assertIn("capabilities", self.refused(path))

    def test_other_libc_and_word_size(self):
        path = self.build("musl", "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
        self.assertIn("another C library", self.refused(path))
        path = self.build("word")
        with open(path, "r+b") as f:
            f.seek(4)
            f.write(b"\1")
        self.assertIn("word size", self.refused(path))

    def test_scripts_are_judged_by_their_interpreter(self):
        static = self.build("interpreter", "-static")
        path = os.path.join(self.folder, "script")
        for interpreter, code in ((static, 126), ("/bin/sh", 0)):
            with open(path, "w") as f:
                f.write(f"#! {interpreter}\necho good\n")
            os.chmod(path, 0o755)
            if code:
                self.assertIn("statically", self.refused(path))
            else:
                self.assertEqual(self.run_it(path), "good\n")

    def test_what_is_no_program(self):
        self.assertIn("No such file", self.refused("no-such-program", code=127))
        self.assertIn("No such file", self.refused("./no-such-program", code=127))
        path = os.path.join(self.folder, "data")
        with open(path, "w") as f:
            f.write("just text")
        self.refused(path)
        os.chmod(path, stat.S_IRWXU)
        self.assertIn("neither an ELF", self.refused(path))
        with open(path, "wb") as f:
            f.write(b"\x7fELF\2\1\1" + bytes(20))
        self.refused(path)

    def test_usage(self):
        self.assertIn("usage", self.run_it(options=["--nonsense"], expected=125))
        self.assertIn("no address", self.run_it("true", options=["--deny", "1.2.3.4/33"],
                                                expected=125))
        self.assertIn("no address", self.run_it("true", options=["--kernel", "x"], expected=125))

    def test_without_the_library_nothing_runs(self):
        path = self.build("lonely")
        said = self.run_it(path, USOCKET_PRELOAD="/nonexistent/libusocket-preload.so",
                           expected=126)
        self.assertIn("No such file", said)
        self.assertIn("USOCKET_PRELOAD", said)
        # One that is there but cannot be loaded: glibc would only warn.
        broken = os.path.join(self.folder, "libusocket-preload.so")
        with open(broken, "w") as f:
            f.write("no library")
        said = self.run_it(path, USOCKET_PRELOAD=broken, expected=126)
        self.assertNotIn("ran", said.split())
        self.assertIn("cannot be preloaded", said)

    def library(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".c", "w") as f:
            f.write(text)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", path, path + ".c"], check=True)
        return path

    def test_another_library_in_front_ends_the_program(self):
        other = self.library("front.so", "int socket(int a, int b, int c) { return a+b+c; }\n")
        said = self.run_it("echo", "ran", LD_PRELOAD=other, expected=126)
        self.assertIn("another preloaded library", said)

    def test_a_library_that_does_not_speak_kills_the_program(self):
        silent = self.library("libusocket-preload.so", "int unused;\n")
        said = self.run_it("sleep", "30", USOCKET_PRELOAD=silent, expected=-9)
        self.assertIn("ran without the library and was killed", said)

    def test_log(self):
        log = os.path.join(self.folder, "log")
        self.script("""
            fails(errno.EACCES, socket.socket().connect, ("198.51.100.7", 80))
            fails(errno.ECONNREFUSED, socket.socket().connect, ("127.0.0.1", 1))
            """, options=["--deny", "198.51.100.7", "--log", log])
        with open(log) as f:
            lines = f.read()
        self.assertIn("connect 198.51.100.7 port 80: denied", lines)
        self.assertIn("connect 127.0.0.1 port 1: by the kernel", lines)

    def test_bad_settings_end_the_program(self):
        env = self.environment(USOCKET_RUN_DENY="nonsense")
        done = subprocess.run([*usocket_run(), "echo", "ran"], env=env, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (126, b""))

    def test_no_call_of_ours_comes_back_to_us(self):
        """Names of the table that the library itself would call through the linker."""
        library = os.path.join(os.environ["USOCKETD_BUILDDIR"], ".libs", "libusocket-preload.so")
        if not shutil.which("readelf"):
            raise unittest.SkipTest("no readelf")
        relocations = subprocess.check_output(["readelf", "-rW", library], text=True)
        symbols = subprocess.check_output(["nm", "-D", "--defined-only", library], text=True)
        exported = {line.split()[2] for line in symbols.splitlines()}
        self.assertIn("recvmsg", exported)
        self.assertFalse([n for n in exported if n.startswith("usocket_")])
        called = {line.split()[4].split("@")[0] for line in relocations.splitlines()
                  if "JUMP_SLOT" in line or "GLOB_DAT" in line or "R_AARCH64_" in line
                  if len(line.split()) > 4}
        self.assertEqual(called & exported, set())
