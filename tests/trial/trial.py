#!/usr/bin/env python3
"""A standing trial of the program: kills, failing writes, full disks, damaged files, random problems and requests.

    trial.py PROGRAM PRELOAD [--kills 200] [--calls] [--errors 200] [--full 50] [--writers 20] [--signals 30]
                             [--flips 1000 FILE...] [--broken FILE...] [--problems 100] [--requests 60] [--seed 1] [--short]

PROGRAM is stemfuse, PRELOAD the library built from fail_calls.c. Every part prints what it ran and what went wrong; the exit
code is 1 if anything did. SIGTERM or ^C ends a part early, with what it has counted. --full, a full disk, needs root for a disk in memory. --short is the part that the tests run: every call that changes the disk killed once, a few
errors, signals and damaged files. Needs nothing but Python's own library.
"""
import argparse, errno, hashlib, json, os, pathlib, random, resource, shutil, signal, socket, subprocess
import sys, tempfile, threading, time, urllib.request

failures, begun = 0, time.monotonic()
slack = 1  # how many times longer things may take: in the tests the machine may be busy


class rounds:
    """Counts up to n, and fewer where the trial is told to end; then done() says how many there were."""

    stopped = False

    def __init__(self, n):
        self.n, self.count = n, 0

    def __iter__(self):
        while self.count < self.n and not rounds.stopped:
            self.count += 1
            yield self.count - 1

    def done(self):
        return self.count


def report(name, runs, **counts):
    """One line for a part; every count but those that end in _ must be 0."""
    global failures, begun
    took, begun = time.monotonic() - begun, time.monotonic()
    bad = {k: v for k, v in counts.items() if not k.endswith("_")}
    failures += any(bad.values())
    text = ", ".join(f"{v} {k.rstrip('_').replace('_', ' ')}" for k, v in counts.items())
    print(f"{'FAILED ' if any(bad.values()) else ''}{name}: {runs} runs in {took:.0f} s: {text}", flush=True)


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
        os.environ["LD_PRELOAD"] = preload  # packs figures quickly; else it does nothing unless it is told to
        self.run("simulate", "core-shell", "-o", "scan.h5", "--size", "8x8")

    def command(self, *words):
        return [self.program, *map(str, words)]

    def run(self, *words, env={}, **more):
        return subprocess.run(self.command(*words), cwd=self.where, env={**os.environ, **env}, capture_output=True,
                              text=True, errors="replace", **more)

    def fusion(self, folder="out"):
        self.count += 1
        return ["fuse", "scan.h5", "-o", folder, "--quiet", "--elements", "Co", "--threads", 1, "--recipe", "published",
                "--tv-iterations", 1, "--iterations", 1 + self.count]

    def fresh(self, notes):
        shutil.rmtree(self.where / "out", ignore_errors=True)
        assert self.run(*self.fusion()).returncode == 0
        if notes:
            (self.where / "out/notes.txt").write_text("mine")
        return self.where / "out"

    def disk_calls(self):
        """How many calls of a fusion change the disk."""
        count = self.where / "count"
        env = {"TRIAL_COUNT": str(count)}
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
            ended = bench.run(*bench.fusion(), env={"TRIAL_AT": str(at)})
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
        all_of_them = rounds(runs // 2)
        for _ in all_of_them:
            with subprocess.Popen(bench.command(*bench.fusion()), cwd=bench.where, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as p:
                time.sleep(bench.random.uniform(0.2, 1.05) * whole)
                p.kill()
            hit += p.returncode == -signal.SIGKILL
            after(bench, out, notes, tally)
        report(f"kills, {'beside notes' if notes else 'results alone'}", all_of_them.done(), **tally, hit_=hit)


disk_errors = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS]


def errors(bench, runs):
    """A call that fails, or all from one on, with errors of disks; and files that may not grow."""
    out, tally, wrong = bench.fresh(False), new_tally(), {"false_success": 0, "no_line": 0, "changed": 0, "signal": 0}
    n, all_of_them = bench.disk_calls(), rounds(runs)
    for k in all_of_them:
        before = (out / "parameters.json").read_bytes()
        env = {"TRIAL_AT": str(bench.random.randint(1, n)), "TRIAL_ERROR": str(bench.random.choice(disk_errors))}
        limit = None
        if k % 3 == 1:
            env["TRIAL_STAYS"] = "1"
        if k % 3 == 2:
            env, size = {}, int(10 ** bench.random.uniform(0, 6.5))
            limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        ended = bench.run(*bench.fusion(), env=env, preexec_fn=limit)
        wrong["signal"] += ended.returncode < 0
        new = (out / "parameters.json").exists() and (out / "parameters.json").read_bytes() != before
        wrong["false_success"] += ended.returncode == 0 and not (new and state(out) == "whole")
        wrong["no_line"] += ended.returncode != 0 and failure_lines(ended.stderr) != 1
        wrong["changed"] += ended.returncode not in (0, 4) or (ended.returncode == 4 and state(out) != "whole")
        after(bench, out, False, tally)
    report("errors of the disk", all_of_them.done(), **wrong, **tally)


def full(bench, runs):
    """A disk on which there is room for a part of the results, or for one set of them and not for two."""
    disk = bench.where / "disk"
    disk.mkdir(exist_ok=True)
    wrong, codes = {"signal": 0, "false_success": 0, "no_line": 0, "not_as_before": 0, "leftovers": 0}, {}
    all_of_them = rounds(runs)
    for k in all_of_them:
        kilobytes = int(10 ** bench.random.uniform(1, 4.3))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(disk)], check=True)
        try:
            out = disk / "out"
            for _ in range(2):
                before = state(out) if out.exists() else "absent"
                ended = bench.run(*bench.fusion("disk/out"))
                now = state(out) if out.exists() else "absent"
                codes[ended.returncode] = codes.get(ended.returncode, 0) + 1
                wrong["signal"] += ended.returncode < 0
                wrong["false_success"] += ended.returncode == 0 and now != "whole"
                wrong["no_line"] += ended.returncode != 0 and failure_lines(ended.stderr) != 1
                wrong["not_as_before"] += ended.returncode != 0 and now != before
                wrong["leftovers"] += leftovers(disk, *([out] if out.exists() else []))
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    report("full disks", 2 * all_of_them.done(), **wrong, **{f"exit_{c}_": n for c, n in sorted(codes.items())})


def writers(bench, runs):
    """Two programs that write to one folder at once."""
    tally, refused = {"mixed": 0, "unclear": 0, "leftovers": 0}, 0
    out = bench.fresh(False)
    all_of_them = rounds(runs)
    for _ in all_of_them:
        both = [subprocess.Popen(bench.command(*bench.fusion()), cwd=bench.where, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        texts = [p.communicate()[1] for p in both]
        for p, text in zip(both, texts):
            refused += p.returncode == 4
            tally["unclear"] += not (p.returncode == 0 or (p.returncode == 4 and "another stemfuse writes" in text))
        tally["mixed"] += state(out) != "whole"
        tally["leftovers"] += leftovers(bench.where, out)
    report("two writers", all_of_them.done(), **tally, refused_=refused)


def signals(bench, runs):
    """SIGINT, SIGTERM and SIGHUP at random moments of long work: the time to the end."""
    slow, unclean, longest, where = 0, 0, 0.0, ""
    (bench.where / "list.txt").write_text("scan.h5\n" * 50)
    bench.run("simulate", "core-shell", "--tilts", "-o", "tilts.npz", "--size", "16x16")
    fuse = ["fuse", "scan.h5", "-o", "stopped", "--quiet"]
    work = [[*fuse, "--recipe", "published", "--iterations", 10**7, "--tv-iterations", t] for t in (1, 10**7)]
    work += [[*fuse, "--no-averaging"], fuse, ["tomo", "tilts.npz", "-o", "stopped", "--quiet", "--iterations", 10**6]]
    work += [["explore", "scan.h5", "-o", "stopped"],
             ["batch", "list.txt", "-o", "stopped", "--quiet"],
             ["inspect", *["scan.h5"] * 50], ["simulate", "core-shell", "-o", "big.h5", "--overwrite", "--size", "1500x1500"]]
    all_of_them = rounds(runs)
    for k in all_of_them:
        words, what = work[k % len(work)], [signal.SIGINT, signal.SIGTERM, signal.SIGHUP][(k + k // len(work)) % 3]
        with subprocess.Popen(bench.command(*words), cwd=bench.where, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, start_new_session=True) as p:
            time.sleep(bench.random.uniform(0.01, 1))
            begin = time.monotonic()
            p.send_signal(what)
            text = p.communicate()[1]
            took = time.monotonic() - begin
        if took > longest:
            longest, where = took, words[0]
        slow += took > slack
        early = p.returncode < 0 and failure_lines(text) == 0  # before the program looks for signals
        good = early or p.returncode == 0 or (p.returncode == 130 and failure_lines(text) == 1)
        unclean += not good
        if took > slack or not good:
            print(f"  {what.name} to {' '.join(map(str, words))[:80]}: {took:.2f} s, exit {p.returncode}, {text!r:.200}")
    left = leftovers(bench.where)
    shutil.rmtree(bench.where / "stopped", ignore_errors=True)
    print(f"  the longest: {where}")
    report("signals", all_of_them.done(), above_1_s=slow, unclean=unclean, leftovers=left, longest_ms_=int(1000 * longest))


def judged(bench, words, tally, codes, kept_from=None, full_disk=False):
    """Runs the program on a damaged file, and tells of what is not well. What can be read ends at the first result that is
    to be written on a full disk: that is cheaper than figures by a factor of ten."""
    full = {"TRIAL_AT": "8", "TRIAL_STAYS": "1", "TRIAL_ERROR": str(errno.ENOSPC)} if full_disk else {}
    begin = time.monotonic()
    p = subprocess.Popen(bench.command(*words), cwd=bench.where, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True, errors="replace", env={**os.environ, **full})
    text = p.stderr.read()
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode, took = os.waitstatus_to_exitcode(status), time.monotonic() - begin
    bad = {"by_a_signal": p.returncode < 0, "above_1_GB": usage.ru_maxrss > 2**20,
           "other_exit": p.returncode >= 0 and p.returncode not in (0, 2, 3, *([4] if full_disk else [])),
           "more_than_one_line": p.returncode != 0 and failure_lines(text) != 1}
    computed = usage.ru_utime + usage.ru_stime  # with the reader's; a busy machine makes all wait
    bad["above_10_s"] = computed > 10 or took > 60 * slack
    for name, wrong in bad.items():
        tally[name] += wrong
    codes[p.returncode] = codes.get(p.returncode, 0) + 1
    if any(bad.values()):
        kept = words[1]
        if kept_from is not None:
            kept = bench.where.parent / f"damaged-{os.getpid()}-{sum(codes.values())}{kept_from.suffix}"
            shutil.copy(bench.where / words[1], kept)
        print(f"  {words[0]} {kept}: exit {p.returncode}, {took:.1f} s, {usage.ru_maxrss >> 10} MB, {text!r:.300}", flush=True)
    return p.returncode, text


def work_on(path, k):
    return ["inspect", path] if k % 2 == 0 else ["fuse", path, "-o", "of_damaged", "--quiet", "--recipe", "published",
                                                 "--iterations", 2, "--tv-iterations", 1, "--overwrite"]


def new_judgement():
    return {k: 0 for k in ("by_a_signal", "above_10_s", "above_1_GB", "other_exit", "more_than_one_line")}


def flips(bench, runs, files):
    """Damaged copies of files, listed and fused: the program ends by itself, in time and in memory. Half of the damage is
    done to the first and last 4096 bytes, where most formats keep what they say of the rest."""
    tally, codes = new_judgement(), {}
    all_of_them = rounds(runs)
    for k in all_of_them:
        source = pathlib.Path(bench.random.choice(files))
        data = bytearray(source.read_bytes())
        for _ in range(bench.random.choice([1, 4, 16])):
            at = bench.random.randrange(len(data))
            if bench.random.random() < 0.5:
                at = bench.random.randrange(-4096, 4096) % len(data)
            data[at] ^= bench.random.randrange(1, 256)
        path = bench.where / ("damaged" + source.suffix)
        path.write_bytes(data)
        judged(bench, work_on(path.name, k), tally, codes, source, full_disk=k % 20 != 1)
    report("flipped bytes", all_of_them.done(), **tally, **{f"exit_{c}_": n for c, n in sorted(codes.items())})


def broken(bench, files):
    """Files that are known to break a library, listed and fused."""
    tally, codes = new_judgement(), {}
    for path in files:
        for k in range(2):
            code, text = judged(bench, work_on(os.path.abspath(path), k), tally, codes)
            print(f"  {work_on('', k)[0]} {os.path.basename(path)}: exit {code}: {text.strip()[-150:]}")
    report("files that break a library", 2 * len(files), **tally, **{f"exit_{c}_": n for c, n in sorted(codes.items())})


def problems(bench, runs):
    """Random measurements and settings: results or one line of error, and no number that is none."""
    tally, codes = {"by_a_signal": 0, "mixed": 0, "no_line": 0}, {}
    specimens = [line.split()[0] for line in bench.run("simulate", "--list").stdout.splitlines()]
    pick = bench.random
    all_of_them = rounds(runs)
    for _ in all_of_them:
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
    report("random problems", all_of_them.done(), **tally, **{f"exit_{c}_": n for c, n in sorted(codes.items())})


def requests(bench, seconds):
    """Random requests to the page, 500 idle connections and compressed bodies: memory, and the time of an answer."""
    server = subprocess.Popen(bench.command("explore", "scan.h5", "-o", "explored", "--threads", 1), cwd=bench.where,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    address = server.stdout.readline().split()[0]
    port, path = int(address.split(":")[2].split("/")[0]), "/" + address.split("/", 3)[3]
    memory = lambda: int(pathlib.Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * resource.getpagesize() >> 20
    end, sent = time.monotonic() + seconds, 0
    pick, idle, start = bench.random, [], memory()
    answers, lost, most = [], [], [start]

    def look():  # as a browser would, four times a second
        while time.monotonic() < end and server.poll() is None:
            begin = time.monotonic()
            try:
                urllib.request.urlopen(address + pick.choice(["", "info", "measured"]), timeout=10 * slack).read()
                answers.append(time.monotonic() - begin)
            except OSError as e:
                lost.append(str(e))
            most.append(memory())
            time.sleep(0.25)

    looking = threading.Thread(target=look)
    looking.start()

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
    while time.monotonic() < end and server.poll() is None and not rounds.stopped:
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
                [1, 1.5, 10**7 if pick.random() < 0.05 else 9, -1, 1e308, "x", None]), "preview": True}).encode()
            raw(b"POST %sfuse HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % (path.encode(), port, len(body)) + body, 0.02)
        elif len(idle) < 500:
            try:
                idle += [socket.create_connection(("127.0.0.1", port), 5) for _ in range(50)]
            except OSError:
                pass
        sent += 1
    looking.join()
    alive = server.poll() is None
    begin = time.monotonic()
    server.send_signal(signal.SIGINT)
    server.wait()
    took = time.monotonic() - begin
    for s in idle:
        s.close()
    report(f"requests for {seconds} s", sent, ended_by_itself=int(not alive), answers_lost=len(lost),
           answers_above_1_s=sum(t > slack for t in answers), memory_above_100_MB_more=int(max(most) - start > 100),
           end_above_1_s=int(took > slack), answers_=len(answers), longest_answer_ms_=int(1000 * max(answers, default=0)),
           memory_MB_at_first_=start, memory_MB_at_most_=max(most), idle_connections_=len(idle))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program"), parser.add_argument("preload")
    for name in ("kills", "errors", "full", "writers", "signals", "problems", "requests"):
        parser.add_argument("--" + name, type=int, default=0)
    parser.add_argument("--flips", nargs="+", default=[], metavar=("N", "FILE"))
    parser.add_argument("--broken", nargs="+", default=[], metavar="FILE")
    parser.add_argument("--calls", action="store_true"), parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    for what in (signal.SIGINT, signal.SIGTERM):
        signal.signal(what, lambda *_: setattr(rounds, "stopped", True))
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
        for name in ("kills", "errors", "full", "writers", "signals", "problems", "requests"):
            if getattr(o, name):
                globals()[name](bench, getattr(o, name))
        if o.broken:
            broken(bench, o.broken)
        if o.flips:
            flips(bench, int(o.flips[0]), o.flips[1:] or [bench.where / "scan.h5"])
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
