"""The results of a run of bench_fusion, as google benchmark writes them."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path


class ReportError(Exception):
    """What the user reads in one line."""


@dataclass(frozen=True)
class Case:
    """A case as timed_case.hpp names it: what/who/scalar/rows x columns x elements/iterations/threads."""

    what: str
    who: str
    scalar: str
    shape: tuple  # rows, columns, elements
    iterations: tuple  # of the prox, or outer and those of TV in each
    threads: int

    @staticmethod
    def parse(name):
        what, who, scalar, shape, iterations, threads = name.split("/")[:6]
        return Case(what, who, scalar, tuple(map(int, shape.split("x"))), tuple(map(int, iterations.split("x"))),
                    int(threads.removesuffix("threads")))

    def side(self):
        """Of a square image of as many pixels."""
        return math.sqrt(self.shape[0] * self.shape[1])


class Run:
    """The best of every case (ns of one pixel and iteration) and of triad (bytes per second), of one run."""

    def __init__(self, path):
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ReportError(f"{path}: {error.strerror}") from error
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ReportError(f"{path}: no JSON ({error})") from error
        self.ns, self.triad = {}, {}
        try:
            self.context = dict(data["context"])
            for entry in data["benchmarks"]:
                if entry.get("run_type") == "iteration":
                    self._add(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ReportError(f"{path}: not the results of bench_fusion ({error!r})") from error
        if not self.ns:
            raise ReportError(f"{path}: no case of bench_fusion in it")

    def _add(self, entry):
        if "ns_per_pixel" in entry:
            case = Case.parse(entry["name"])
            self.ns[case] = min(float(entry["ns_per_pixel"]), self.ns.get(case, math.inf))
        elif "bytes_per_second" in entry:
            _, _, scalar, threads = entry["name"].split("/")[:4]
            key = scalar, int(threads.removesuffix("threads"))
            self.triad[key] = max(float(entry["bytes_per_second"]), self.triad.get(key, 0.0))

    def triad_bytes(self, case):
        """What triad moves in the time of the case, or None."""
        rate = self.triad.get((case.scalar, case.threads))
        return rate * self.ns[case] * 1e-9 if rate and case in self.ns else None

    def against_plain(self, case):
        plain, ours = self.ns.get(replace(case, who="plain", threads=1)), self.ns.get(replace(case, threads=1))
        return plain / ours if plain and ours else None

    def speed_up(self, case):
        one, two = self.ns.get(replace(case, threads=1)), self.ns.get(replace(case, threads=2))
        return one / two if one and two else None

    def milliseconds(self, case):
        return 1e-6 * self.ns[case] * math.prod(case.shape) * case.iterations[0] if case in self.ns else None

    def cases(self, who, threads, **wanted):
        """Those of `who` on so many threads with the wanted fields, by size."""
        found = [c for c in self.ns if c.who == who and c.threads == threads and
                 all(getattr(c, field) == value for field, value in wanted.items())]
        return sorted(found, key=Case.side)

    def machine(self):
        context = self.context
        parts = [context.get("processor"), f"{context['num_cpus']} processors" if "num_cpus" in context else None,
                 context.get("compiler"), context.get("flags"), context.get("instruction_set"),
                 context.get("build_type"), str(context.get("date", ""))[:10]]
        return ", ".join(part for part in parts if part)
