#!/usr/bin/env python3
"""A standing trial of the program: kills, failing writes, full disks, damaged files, random problems and requests.

    trial.py PROGRAM PRELOAD [--kills 200] [--calls] [--errors 200] [--writers 20] [--signals 30] [--flips 1000 FILE...]
                             [--problems 100] [--requests 60] [--seed 1] [--short]

PROGRAM is stemfuse, PRELOAD the library built from fail_calls.c. Every part prints what it ran and what went wrong; the exit
code is 1 if anything did. --short is the part that the tests run: every call that changes the disk killed once, a few
errors, signals and damaged files. Needs nothing but Python's own library.
"""
import argparse, errno, hashlib, json, os, pathlib, random, resource, shutil, signal, socket, subprocess
import sys, tempfile, time, urllib.request

failures = 0
slack = 1  # how many times longer things may take: in the tests the machine may be busy


def report(name, runs, **counts):
    """One line for a part; every count but those that end in _ must be 0."""
    global failures
    bad = {k: v for k, v in counts.items() if not k.endswith("_")}
    failures += any(bad.values())
    text = ", ".join(f"{v} {k.rstrip('_').replace('_', ' ')}" for k, v in counts.items())
    print(f"{'FAILED ' if any(bad.values()) else ''}{name}: {runs} runs: {text}", flush=True)


def state(folder):
    """'absent' (no mark), 'damaged' (the mark cannot be read), 'mixed' (an output is not as the mark says) or 'whole'."""
    mark = folder / "parameters.json"
    if not mark.exists():
        return "absent"
    try:
        outputs = json.loads(mark.read_text())["outputs"]
    except (ValueError, KeyError):
        return "damaged"
    for output in outputs:
        path = folder / output["file"]
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != output["sha256"]:
            return "mixed"
    known = {o["file"] for o in outputs} | {"parameters.json", "notes.txt"}
    others = [p.name for p in folder.iterdir() if p.name not in known and not p.name.startswith(".stemfuse")]
    return "mixed" if others else "whole"


def failure_lines(text):
    return sum(not line.startswith("stemfuse: warning") for line in text.splitlines())


def leftovers(*folders):
    return sum(p.name.startswith(".stemfuse") for folder in folders for p in folder.iterdir())


class Bench:
    """A folder with a small measurement, and fusions of it that differ by their number of iterations."""

    def __init__(self, program, preload, where, seed):
        self.program, self.preload, self.where = program, preload, pathlib.Path(where)
        self.random, self.count = random.Random(seed), 0
        self.run("simulate", "core-shell", "-o", "scan.h5", "--size", "24x24")

    def command(self, *words):
        return [self.program, *map(str, words)]

    def run(self, *words, env={}, **more):
        return subprocess.run(self.command(*words), cwd=self.where, env={**os.environ, **env}, capture_output=True,
                              text=True, errors="replace", **more)

    def fusion(self, folder="out"):
        self.count += 1
        return ["fuse", "scan.h5", "-o", folder, "--quiet", "--recipe", "published", "--tv-iterations", 1,
                "--iterations", 1 + self.count]

    def fresh(self, notes):
        shutil.rmtree(self.where / "out", ignore_errors=True)
        assert self.run(*self.fusion()).returncode == 0
        if notes:
            (self.where / "out/notes.txt").write_text("mine")
        return self.where / "out"

    def disk_calls(self):
        """How many calls of a fusion change the disk."""
        count = self.where / "count"
        env = {"LD_PRELOAD": self.preload, "TRIAL_COUNT": str(count)}
        assert self.run(*self.fusion(), env=env).returncode == 0
        return int(count.read_text())


def after(bench, out, notes, tally):
    """What a run that was ended left, and what the next one makes of it."""
    found = state(out)
    moving = notes and (out / ".stemfuse-ready").exists()  # the next run finishes it; until then nothing is believed
    tally["half_or_mixed"] += found in ("damaged", "mixed") and not (moving and found == "absent")
    tally["absent"] += found == "absent" and not moving
    tally["being_moved_"] += moving
    tally["next_run_failed"] += bench.run(*bench.fusion()).returncode != 0 or state(out) != "whole"
    tally["leftovers"] += leftovers(bench.where, out)
    tally["notes_lost"] += notes and (out / "notes.txt").read_text() != "mine"


def new_tally():
    return {k: 0 for k in ("half_or_mixed", "absent", "next_run_failed", "leftovers", "notes_lost", "being_moved_")}


def calls(bench, step=1):
    """A kill at every call that changes the disk."""
    for notes in (False, True):
        out, tally = bench.fresh(notes), new_tally()
        n = bench.disk_calls()
        for at in range(1, n + 1, step):
            ended = bench.run(*bench.fusion(), env={"LD_PRELOAD": bench.preload, "TRIAL_AT": str(at)})
            assert ended.returncode == -signal.SIGKILL, ended
            after(bench, out, notes, tally)
        report(f"a kill at each of {n} calls, {'beside notes' if notes else 'results alone'}", len(range(1, n + 1, step)),
               **tally)


def kills(bench, runs):
    """Kills at random moments, half of them beside a file of the user's."""
    for notes in (False, True):
        out, tally = bench.fresh(notes), new_tally()
        begin = time.monotonic()
        bench.run(*bench.fusion())
        whole, hit = time.monotonic() - begin, 0
        for _ in range(runs // 2):
            with subprocess.Popen(bench.command(*bench.fusion()), cwd=bench.where, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as p:
                time.sleep(bench.random.uniform(0.2, 1.05) * whole)
                p.kill()
            hit += p.returncode == -signal.SIGKILL
            after(bench, out, notes, tally)
        report(f"kills, {'beside notes' if notes else 'results alone'}", runs // 2, **tally, hit_=hit)


def errors(bench, runs):
    """A call that fails, or all from one on, with errors of disks; and files that may not grow."""
    out, tally, wrong = bench.fresh(False), new_tally(), {"false_success": 0, "no_line": 0, "changed": 0, "signal": 0}
    n = bench.disk_calls()
    for k in range(runs):
        before = (out / "parameters.json").read_bytes()
        env = {"LD_PRELOAD": bench.preload, "TRIAL_AT": str(bench.random.randint(1, n)),
               "TRIAL_ERROR": str(bench.random.choice([errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS]))}
        limit = None
        if k % 3 == 1:
            env["TRIAL_STAYS"] = "1"
        if k % 3 == 2:
            env, size = {}, bench.random.randint(0, 60000)
            limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        ended = bench.run(*bench.fusion(), env=env, preexec_fn=limit)
        wrong["signal"] += ended.returncode < 0
        new = (out / "parameters.json").exists() and (out / "parameters.json").read_bytes() != before
        wrong["false_success"] += ended.returncode == 0 and not (new and state(out) == "whole")
        wrong["no_line"] += ended.returncode != 0 and failure_lines(ended.stderr) != 1
        wrong["changed"] += ended.returncode not in (0, 4) or (ended.returncode == 4 and state(out) != "whole")
        after(bench, out, False, tally)
    report("errors of the disk", runs, **wrong, **tally)


def writers(bench, runs):
    """Two programs that write to one folder at once."""
    tally, refused = {"mixed": 0, "unclear": 0, "leftovers": 0}, 0
    out = bench.fresh(False)
    for _ in range(runs):
        both = [subprocess.Popen(bench.command(*bench.fusion()), cwd=bench.where, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        texts = [p.communicate()[1] for p in both]
        for p, text in zip(both, texts):
            refused += p.returncode == 4
            tally["unclear"] += not (p.returncode == 0 or (p.returncode == 4 and "another stemfuse writes" in text))
        tally["mixed"] += state(out) != "whole"
        tally["leftovers"] += leftovers(bench.where, out)
    report("two writers", runs, **tally, refused_=refused)


def signals(bench, runs):
    """SIGINT, SIGTERM and SIGHUP at random moments of long work: the time to the end."""
    slow, unclean, longest = 0, 0, 0.0
    work = [["fuse", "scan.h5", "-o", "stopped", "--quiet", "--recipe", "published", "--iterations", 10**7,
             "--tv-iterations", t] for t in (1, 10**7)] + [["fuse", "scan.h5", "-o", "stopped", "--quiet"]]
    for k in range(runs):
        with subprocess.Popen(bench.command(*work[k % 3]), cwd=bench.where, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as p:
            time.sleep(bench.random.uniform(0.01, 0.6))
            begin = time.monotonic()
            p.send_signal([signal.SIGINT, signal.SIGTERM, signal.SIGHUP][k % 3])
            text = p.communicate()[1]
            took = time.monotonic() - begin
        slow, longest = slow + (took > slack), max(longest, took)
        early = p.returncode < 0 and failure_lines(text) == 0  # before the program looks for signals
        unclean += not (early or p.returncode == 0 or (p.returncode == 130 and failure_lines(text) == 1))
    shutil.rmtree(bench.where / "stopped", ignore_errors=True)
    report("signals", runs, above_1_s=slow, unclean=unclean, longest_ms_=int(1000 * longest))


def flips(bench, runs, files):
    """Damaged copies of files, listed and fused: the program ends by itself, in time and in memory."""
    tally = {"by_a_signal": 0, "above_10_s": 0, "above_1_GB": 0, "other_exit": 0, "more_than_one_line": 0}
    codes = {}
    for k in range(runs):
        source = pathlib.Path(bench.random.choice(files))
        data = bytearray(source.read_bytes())
        for _ in range(bench.random.choice([1, 4, 16])):
            data[bench.random.randrange(len(data))] ^= bench.random.randrange(1, 256)
        path = bench.where / ("damaged" + source.suffix)
        path.write_bytes(data)
        words = ["inspect", path.name] if k % 2 == 0 else ["fuse", path.name, "-o", "of_damaged", "--quiet", "--recipe",
                                                          "published", "--iterations", 2, "--overwrite"]
        begin = time.monotonic()
        p = subprocess.Popen(bench.command(*words), cwd=bench.where, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             text=True, errors="replace")
        text = p.stderr.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode, took = os.waitstatus_to_exitcode(status), time.monotonic() - begin
        bad = {"by_a_signal": p.returncode < 0, "above_10_s": took > 10 * slack, "above_1_GB": usage.ru_maxrss > 2**20,
               "other_exit": p.returncode not in (0, 2, 3) and p.returncode >= 0,
               "more_than_one_line": p.returncode != 0 and failure_lines(text) != 1}
        for name, wrong in bad.items():
            tally[name] += wrong
        codes[p.returncode] = codes.get(p.returncode, 0) + 1
        if any(bad.values()):
            kept = bench.where.parent / f"damaged-{os.getpid()}-{k}{source.suffix}"
            shutil.copy(path, kept)
            print(f"  {words[0]} {kept} of {source.name}: exit {p.returncode}, {took:.1f} s, {usage.ru_maxrss >> 10} MB, {text!r:.200}")
    report("flipped bytes", runs, **tally, **{f"exit_{c}_": n for c, n in sorted(codes.items())})


def problems(bench, runs):
    """Random measurements and settings: results or one line of error, and no number that is none."""
    tally, codes = {"by_a_signal": 0, "mixed": 0, "no_line": 0}, {}
    specimens = [line.split()[0] for line in bench.run("simulate", "--list").stdout.splitlines()]
    pick = bench.random
    for _ in range(runs):
        size = f"{pick.choice([1, 2, 3, 7, 33])}x{pick.choice([1, 2, 5, 40, 300])}"
        made = bench.run("simulate", pick.choice(specimens), "-o", "problem.h5", "--overwrite", "--size", size, "--dose",
                         10 ** pick.uniform(-3, 5), "--seed", pick.randrange(10**6))
        words = ["fuse", "problem.h5", "-o", "problem", "--overwrite", "--quiet", "--threads", pick.choice([1, 2, 16, 64])]
        if pick.random() < 0.5:
            words += ["--recipe", "published", "--iterations", pick.randint(1, 9), "--gamma", pick.uniform(1, 3),
                      "--lambda-tv", 10 ** pick.uniform(-6, 6), "--lambda-haadf", 10 ** pick.uniform(-9, 9),
                      "--tv", pick.choice(["fgp", "gp", "chambolle"]), "--precision", pick.choice(["float", "double"])]
        ended = bench.run(*words) if made.returncode == 0 else made
        codes[ended.returncode] = codes.get(ended.returncode, 0) + 1
        tally["by_a_signal"] += ended.returncode < 0
        tally["no_line"] += ended.returncode != 0 and failure_lines(ended.stderr) != 1
        tally["mixed"] += ended.returncode == 0 and state(bench.where / "problem") != "whole"
    report("random problems", runs, **tally, **{f"exit_{c}_": n for c, n in sorted(codes.items())})


def requests(bench, seconds):
    """Random requests to the page, 500 idle connections and compressed bodies: memory, and the time of an answer."""
    server = subprocess.Popen(bench.command("explore", "scan.h5", "-o", "explored"), cwd=bench.where,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    address = server.stdout.readline().split()[0]
    port, path = int(address.split(":")[2].split("/")[0]), "/" + address.split("/", 3)[3]
    memory = lambda: int(pathlib.Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * resource.getpagesize() >> 20
    end, sent, longest, lost = time.monotonic() + seconds, 0, 0.0, 0
    pick, idle, start = bench.random, [], memory()
    most = start

    def raw(data, wait):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                s.sendall(data)
                s.settimeout(wait)
                return s.recv(100)
        except OSError:
            return b""

    words = [path.encode(), b"/", b"GET ", b"POST ", b"fuse", b"save", b"info", b" HTTP/1.1\r\n", b"Host: 127.0.0.1:%d\r\n" % port,
             b"Content-Length: 1000000000\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n", b"{}",
             b"Content-Encoding: gzip\r\n", b"Content-Type: application/json\r\n", b"ffffffff\r\n", b"\0", b"%2e%2e/", b"x" * 9000]
    bomb = b"\x1f\x8b" + bytes(1800)
    while time.monotonic() < end and server.poll() is None:
        what = pick.randrange(5)
        if what == 0:
            raw(b"".join(pick.choice(words) for _ in range(pick.randint(1, 12))), 0.01)
        elif what == 1:
            raw(bytes(pick.randrange(256) for _ in range(pick.randint(1, 200))), 0.01)
        elif what == 2:
            raw(b"POST %sfuse HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
                b"Content-Length: %d\r\n\r\n" % (path.encode(), port, len(bomb)) + bomb, 0.05)
        elif what == 3:
            body = json.dumps({pick.choice(["gamma", "iterations", "lambda_tv", "tv_iterations"]): pick.choice(
                [1, 1.5, 10**7, -1, 1e308, "x", None]), "preview": True}).encode()
            raw(b"POST %sfuse HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % (path.encode(), port, len(body)) + body, 0.02)
        elif len(idle) < 500:
            try:
                idle += [socket.create_connection(("127.0.0.1", port), 5) for _ in range(50)]
            except OSError:
                pass
        sent += 1
        if sent % 50 == 0:
            begin = time.monotonic()
            try:
                urllib.request.urlopen(address + "info", timeout=10 * slack).read()
            except OSError:
                lost += 1
            longest, most = max(longest, time.monotonic() - begin), max(most, memory())
    alive = server.poll() is None
    begin = time.monotonic()
    server.send_signal(signal.SIGINT)
    server.wait()
    took = time.monotonic() - begin
    for s in idle:
        s.close()
    report(f"requests for {seconds} s", sent, ended_by_itself=int(not alive), answers_lost=lost,
           answers_above_1_s=int(longest > slack), memory_above_100_MB_more=int(most - start > 100), end_above_1_s=int(took > 1.2 * slack),
           longest_answer_ms_=int(1000 * longest), memory_MB_=most, idle_connections_=len(idle))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program"), parser.add_argument("preload")
    for name in ("kills", "errors", "writers", "signals", "problems", "requests"):
        parser.add_argument("--" + name, type=int, default=0)
    parser.add_argument("--flips", nargs="+", default=[], metavar=("N", "FILE"))
    parser.add_argument("--calls", action="store_true"), parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemfuse-trial-") as where:
        bench = Bench(os.path.abspath(o.program), os.path.abspath(o.preload), where, o.seed)
        print(f"seed {o.seed}")
        if o.short:
            global slack
            slack = 20
            calls(bench, 20), errors(bench, 6), writers(bench, 2), signals(bench, 3)
            flips(bench, 12, [bench.where / "scan.h5"]), problems(bench, 4), requests(bench, 2)
        if o.calls:
            calls(bench)
        for name in ("kills", "errors", "writers", "signals", "problems", "requests"):
            if getattr(o, name):
                globals()[name](bench, getattr(o, name))
        if o.flips:
            flips(bench, int(o.flips[0]), o.flips[1:] or [bench.where / "scan.h5"])
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
