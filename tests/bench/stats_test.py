#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the benchmark's statistics, rounds and table."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, "integration"))

import runner
import frame
import must
import stats


class Stats(unittest.TestCase):
    def test_median_odd_and_even(self):
        self.assertEqual(stats.median([5, 1, 3]), 3)
        self.assertEqual(stats.median([4, 1, 3, 2]), 2.5)

    def test_median_of_nothing(self):
        self.assertRaises(ValueError, stats.median, [])

    def test_quantile_between_neighbours(self):
        values = [0, 10, 20, 30, 40]
        self.assertEqual(stats.quantile(values, 0.25), 10)
        self.assertEqual(stats.quantile(values, 0.125), 5)
        self.assertEqual(stats.quantile(values, 1), 40)

    def test_spread_is_relative(self):
        self.assertEqual(stats.spread([7]), 0)
        self.assertAlmostEqual(stats.spread([90, 100, 110]), 0.05)
        self.assertAlmostEqual(stats.spread([9, 10, 11]), 0.05)

    def test_spread_ignores_one_stray_value(self):
        self.assertLess(stats.spread([100] * 9 + [1000]), 0.01)

    def test_jain(self):
        self.assertEqual(stats.jain([3, 3, 3]), 1)
        self.assertAlmostEqual(stats.jain([1, 0, 0, 0]), 0.25)
        self.assertEqual(stats.jain([0, 0]), 0)

    def test_ratio(self):
        self.assertEqual(stats.ratio(3, 2), 1.5)
        self.assertIsNone(stats.ratio(3, 0))

    def test_figure_keeps_three_digits(self):
        for value, text in ((1234.5, "1234"), (12.345, "12.3"), (1.2345, "1.23"),
                            (0.0012345, "0.00123"), (0, "0.00")):
            self.assertEqual(stats.figure(value), text)


class Rounds(unittest.TestCase):
    def group(self, calls):
        def measure(name):
            def one():
                calls.append(name)
                return {"speed": len(calls)}
            return one
        return frame.Group("bulk", "one stream", [
            frame.Contender("A", measure("A"), ours=True), frame.Contender("B", measure("B"))])

    def test_contenders_take_turns(self):
        calls = []
        result = frame.run_group(self.group(calls), 3)
        self.assertEqual(calls, list("ABABAB"))
        self.assertEqual(result["contenders"][0]["figures"]["speed"]["values"], [1, 3, 5])
        self.assertEqual(result["contenders"][1]["figures"]["speed"]["median"], 4)

    def test_fewer_than_two_rounds_are_refused(self):
        self.assertRaises(ValueError, frame.run_group, self.group([]), 1)

    def test_what_fails_is_left_out_and_named(self):
        def fails():
            raise frame.Unavailable("is not installed")
        group = frame.Group("bulk", "one stream", [
            frame.Contender("A", lambda: {"speed": 2}, ours=True), frame.Contender("C", fails)])
        result = frame.run_group(group, 2)
        self.assertEqual(result["contenders"][1]["missing"], "is not installed")
        self.assertIn("is not installed", "\n".join(frame.table([result])))

    def test_table_divides_ours_by_each_reference(self):
        group = frame.Group("bulk", "one stream", [
            frame.Contender("A", lambda: {"speed": 3}, ours=True),
            frame.Contender("B", lambda: {"speed": 6})])
        lines = frame.table([frame.run_group(group, 2)])
        row = next(line for line in lines if line.strip().startswith("B"))
        self.assertIn("6.00", row)
        self.assertIn("x0.50", row)


class Must(unittest.TestCase):
    def result(self, ours, theirs):
        def contender(name, value):
            return {"name": name, "ours": name == must.OFFLOAD, "missing": None,
                    "figures": {"Gbit/s": {"median": value}}}
        return {"question": "bulk", "title": must.IN, "contenders": [
            contender(must.OFFLOAD, ours), contender(must.VETH, theirs)]}

    def verdict(self, results):
        return {words: rest for words, *rest in must.judge(results)}[
            "offload, one stream into the stack: of the kernel's over veth"]

    def test_reached_and_not(self):
        self.assertEqual(self.verdict([self.result(6, 10)]), ["0.6 x", "≥ 0.6", "reached"])
        self.assertEqual(self.verdict([self.result(5, 10)])[2], "NOT REACHED")

    def test_not_measured(self):
        self.assertEqual(self.verdict([])[2], "not measured")


if __name__ == "__main__":
    runner.main()
