# SPDX-License-Identifier: MIT
"""Agents: programs in the runtimes under test that make the calls they are told.

An agent reads commands on its standard input, one line of JSON each, and writes
an answer to each on the descriptor that its first argument names. What the
runtime itself prints goes to a file, which is shown when a case fails.

    {"id": 1, "do": "call", "on": TARGET, "fn": NAME, "args": [...], "kw": {...},
     "thread": true or false}
    {"id": 1, "us": microseconds, "ok": VALUE}
    {"id": 1, "us": microseconds, "error": {"is": [CLASS...], "n": args[0], "text": ...}}

TARGET is "m" for the module, "module:NAME", or an object's name. Other words of
"do": get (an attribute), poll, drop (forget all objects), and what vocabulary.py
says. A command in a thread is answered when it is done; {"id": 1, "begun": true}
comes first. VALUEs are JSON's, and

    {"b": hex}  bytes      {"big": [length, sum]}  many bytes    {"x": [hex, n]}  n times
    {"t": [...]}  a tuple  {"o": name}  an object  {"f": text}   a float that JSON lacks
    {"d": {...}}  a dictionary, keys are texts
"""

import contextlib
import json
import math
import os
import selectors
import subprocess
import time

import harness

from language import Failure, RemoteError

ANSWER_S = 25


class Big:
    """Many bytes, known by their length and their sum."""

    def __init__(self, length, total):
        self.key = length, total

    def __eq__(self, other):
        if isinstance(other, Repeated):
            return self.key == (other.n * len(other.data), other.n * sum(other.data))
        if isinstance(other, (bytes, bytearray)):
            return self.key == (len(other), sum(other))
        return isinstance(other, Big) and self.key == other.key

    def __len__(self):
        return self.key[0]

    def __repr__(self):
        return f"<{self.key[0]} bytes>"


class Repeated:
    """@n times @data, made in the agent."""

    def __init__(self, data, n):
        self.data, self.n = data, n

    def __len__(self):
        return len(self.data) * self.n

    def __repr__(self):
        return f"big({self.data!r}, {self.n})"


class Remote:
    """An object of an agent; calls of its methods are calls there."""

    def __init__(self, agent, name):
        self._agent, self._name = agent, name

    def __getattr__(self, attribute):
        def call(*args, **kw):
            return self._agent.call(self._name, attribute, args, kw)
        call.__name__ = attribute
        return call

    def __eq__(self, other):
        return isinstance(other, Remote) and self._name == other._name

    def __hash__(self):
        return hash(self._name)

    def __repr__(self):
        return f"<{self._name}>"


class Module(Remote):
    """A module: names in capitals are constants."""

    def __getattr__(self, attribute):
        if attribute.isupper():
            return self._agent.command("get", on=self._name, fn=attribute)
        return super().__getattr__(attribute)

    def has(self, attribute):
        return self._agent.command("has", on=self._name, fn=attribute)


class Agent:
    def __init__(self, argv, env):
        folder = harness.temporary_folder()
        self.output_path = os.path.join(folder, f"agent.{os.getpid()}.{time.monotonic_ns()}.log")
        # What stands before agent.py and its arguments.
        self.interpreter = argv[:-3], env
        read_end, write_end = os.pipe()
        self.answers = read_end
        with open(self.output_path, "w") as output:
            self.process = subprocess.Popen(
                [part.replace("@FD@", str(write_end)) for part in argv], env=env,
                stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=(write_end,))
        os.close(write_end)
        self.selector = selectors.DefaultSelector()
        self.selector.register(read_end, selectors.EVENT_READ)
        self.buffer = b""
        self.next_id = 0
        self.seconds = 0.0
        self.ended = {}
        self.begun = set()
        # While not None, calls are started and their numbers put here.
        self.started = None

    # ---- values ----

    def encode(self, value):
        if isinstance(value, Repeated):
            return {"x": [value.data.hex(), value.n]}
        if isinstance(value, (bytes, bytearray)):
            return {"b": bytes(value).hex()}
        if isinstance(value, tuple):
            return {"t": [self.encode(v) for v in value]}
        if isinstance(value, list):
            return [self.encode(v) for v in value]
        if isinstance(value, Remote):
            return {"o": value._name}
        if isinstance(value, float) and not math.isfinite(value):
            return {"f": repr(value)}
        return value

    def decode(self, value):
        if isinstance(value, list):
            return [self.decode(v) for v in value]
        if not isinstance(value, dict):
            return value
        (kind, inner), = value.items()
        return {
            "b": lambda: bytes.fromhex(inner),
            "big": lambda: Big(*inner),
            "t": lambda: tuple(self.decode(v) for v in inner),
            "o": lambda: Remote(self, inner),
            "d": lambda: {k: self.decode(v) for k, v in inner.items()},
        }[kind]()

    # ---- commands ----

    def call(self, target, name, args=(), kw=None):
        return self.command("call", on=target, fn=name, args=[self.encode(a) for a in args],
                            kw={k: self.encode(v) for k, v in (kw or {}).items()})

    def command(self, word, **more):
        in_thread = self.started is not None and word in ("call", "fork", "pass")
        number = self.send(word, thread=in_thread, **more)
        if in_thread:
            self.started.append(number)
            return None
        return self.result(number)

    def send(self, word, **more):
        self.next_id += 1
        line = {"id": self.next_id, "do": word, **more}
        try:
            self.process.stdin.write(json.dumps(line).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(self.how_it_ended()) from None
        return self.next_id

    @contextlib.contextmanager
    def in_threads(self):
        """Calls meanwhile go to threads of the agent; gives their numbers."""
        self.started = numbers = []
        try:
            yield numbers
        finally:
            self.started = None

    def result(self, number, timeout_s=ANSWER_S):
        left = timeout_s * harness.time_scale()
        while number not in self.ended:
            start = time.monotonic()
            self.read(min(left, 1.0))
            # A machine that stood still gets its time back.
            left -= min(time.monotonic() - start, 1.1)
            if left <= 0 and number not in self.ended:
                self.kill()
                raise Failure(f"no answer in {timeout_s} s")
        answer = self.ended.pop(number)
        self.seconds = answer["us"] / 1e6
        error = answer.get("error")
        if error:
            raise RemoteError(error["is"], error.get("n"), error["text"])
        return self.decode(answer.get("ok"))

    def read(self, timeout_s):
        if not self.selector.select(timeout_s):
            return
        data = os.read(self.answers, 1 << 16)
        if not data:
            raise Failure(self.how_it_ended())
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if answer.get("begun"):
                self.begun.add(answer["id"])
            else:
                self.ended[answer["id"]] = answer

    def is_blocked(self, number):
        """Whether the call has begun and all threads of the agent sleep."""
        self.read(0)
        if number in self.ended:
            return True
        if number not in self.begun:
            return False
        return all(self.states() == {"S"} for _ in range(3))

    def states(self):
        time.sleep(0.002)
        found = set()
        folder = f"/proc/{self.process.pid}/task"
        for task in os.listdir(folder):
            with contextlib.suppress(OSError), open(f"{folder}/{task}/stat") as f:
                found.add(f.read().rsplit(")", 1)[1].split()[0])
        return found

    # ---- the end ----

    def how_it_ended(self):
        self.process.stdin.close()
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            code = "(killed)"
        return f"the agent ended with {code}"

    def output(self):
        with open(self.output_path, errors="replace") as f:
            return f.read()

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Returns the exit code."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            code = self.process.wait(10 * harness.time_scale())
        except subprocess.TimeoutExpired:
            self.kill()
            code = None
        self.selector.close()
        os.close(self.answers)
        return code
