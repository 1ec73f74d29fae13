#!/usr/bin/env python3
"""Boots the guests of guests.yaml, which lack the lab's agent, and compares the verdicts with the truth.

Prints a row a guest: the verdicts, and the median time from the trouble to the verdict; then, per kind of trouble, how many
were found, and how many healthy guests were called otherwise. Folders of trials with a wrong verdict are kept and named.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
KERNELS = {"x86_64": "debian-6.1", "aarch64": "debian-6.1", "riscv64-nommu": "linux-7.3"}
RAM = {"x86_64": "256M", "aarch64": "256M", "riscv64-nommu": "32M"}
BEGINS = "foreign: begins"
REFUSED = "foreign: could not do it"
LIMIT_S = 100
BOOT_S = 30
# Maximum stretch of a trial's limit, which counts granted time.
MAX_STRETCH = 10

Guest = collections.namedtuple("Guest", "name arch does truth onset append qemu ram vcpus limit watch")
Trial = collections.namedtuple("Trial", "verdict right seconds reason folder")


WORD = r'"[^"]*"|[^\[\]",]+'


def clean(text):
    return text.strip().strip('"')


def values(text):
    """The mapping of one entry, `guest: x, on: [a, b], does: "c,d"`; all its values are text or lists of text."""
    mapping = {}
    for key, value in re.findall(rf"(\w+): (\[(?:(?:{WORD}),? *)*\]|{WORD})", text):
        if value.startswith("["):
            mapping[key] = tuple(clean(each) for each in re.findall(WORD, value[1:-1]) if each.strip())
        else:
            mapping[key] = clean(value)
    return mapping


def read_guests():
    text = "\n".join(line for line in (HERE / "guests.yaml").read_text().splitlines() if not line.startswith("#"))
    for entry in re.findall(r"^- \{(.*?)\}$", text, re.M | re.S):
        guest = values(" ".join(entry.split()))
        for arch in guest["on"]:
            ram = RAM[arch] if arch == "riscv64-nommu" else guest.get("ram", RAM[arch])
            yield Guest(guest["guest"], arch, guest.get("does", ""), guest["truth"], guest.get("onset", BEGINS),
                        guest.get("append", ""), guest.get("qemu", ()), ram, guest.get("vcpus", "1"),
                        int(guest.get("limit", LIMIT_S)), "watch" in guest)


def command(guest, oomlab, initrd, kernel, out):
    if guest.watch:
        paths = {"KERNEL": kernel, "INITRD": initrd}
        argv = [paths.get(word, word) for word in guest.qemu]
        return [oomlab, "watch", "--timeout", str(guest.limit), "--out", out, "--", *argv]
    argv = [oomlab, "boot", "--kernel", KERNELS[guest.arch], "--arch", guest.arch, "--initrd", initrd, "--ram", guest.ram,
            "--vcpus", guest.vcpus, "--boot-timeout", str(BOOT_S), "--load-timeout", str(guest.limit - BOOT_S),
            "--append", f"foreign={guest.does} {guest.append}", "--jobs", "1", "--out", out]
    return argv + [f"--qemu-arg={word}" for word in guest.qemu]


def read_json(path):
    return json.loads(path.read_text()) if path.is_file() else None


def onset_s(guest, folder):
    """When the console said that the trouble begins, by the host's clock."""
    if not guest.onset:
        return 0.0
    with open(folder / "events.jsonl") as events:
        for line in events:
            event = json.loads(line)
            if event["event"] == "line" and guest.onset in event["text"]:
                return event["us"] / 1e6
    return None


def judge(guest, out, failure):
    document = read_json(out / "report.json")
    folder = next(out.glob("cells/*"), None)
    if not document or not folder:
        return Trial("none", False, None, failure, out)
    trial = document["cells"][0]
    name = f"{trial['outcome']}/{trial['kind']}"
    right = any(truth in (name, trial["outcome"]) for truth in guest.truth)
    bundle = read_json(folder / "bundle.json") or {"steps": []}
    after = [step["began_us"] for step in bundle["steps"] if not step.get("before_verdict")]
    judged = min(after) / 1e6 if after else trial["duration_s"]
    began = onset_s(guest, folder)
    failed = REFUSED in (folder / "console.log").read_text(errors="replace")
    if began is None or failed:
        return Trial(name, False, None, f"{trial['summary']} (the guest did not do it)", folder)
    return Trial(name, right, judged - began, trial["summary"], folder)


class Runner:
    def __init__(self, options, guests, images, kernels):
        self.options, self.images, self.kernels = options, images, kernels
        self.work = [(guest, number) for number in range(options.times) for guest in guests]
        self.total, self.next = len(self.work), 0
        self.trials = collections.defaultdict(list)
        self.lock = threading.Lock()
        self.root = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="oomlab-foreign-"))

    def boot(self, guest, number):
        out = self.root / f"{guest.name}.{guest.arch}.{number + 1}"
        shutil.rmtree(out, ignore_errors=True)
        argv = command(guest, self.options.oomlab, self.images[guest.arch], self.kernels[guest.arch], str(out))
        report = self.root / f"{out.name}.json"
        argv[2:2] = ["--json", str(report)]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=self.root,
                                  timeout=MAX_STRETCH * guest.limit + 60)
            failure = done.stderr.strip().splitlines()[-1:]
        except subprocess.TimeoutExpired:
            failure = ["the lab did not end"]
        if report.is_file():
            report.rename(out / "report.json")
        trial = judge(guest, out, " ".join(failure))
        if trial.right and not self.options.keep:
            shutil.rmtree(out)
        return trial

    def run(self):
        while True:
            with self.lock:
                if self.next == self.total:
                    return
                at, self.next = self.next, self.next + 1
            guest, number = self.work[at]
            trial = self.boot(guest, number)
            with self.lock:
                self.trials[guest].append(trial)
                wrong = "" if trial.right else f"  WRONG, not {' or '.join(guest.truth)}: {trial.reason}"
                print(f"{at + 1:>4}/{self.total} {guest.name}.{guest.arch} {trial.verdict}{wrong}", flush=True)


def median(trials):
    seconds = [trial.seconds for trial in trials if trial.right]
    return f"{statistics.median(seconds):.0f} s" if seconds else "-"


def report(trials):
    print(f"\n{'guest':<40} {'truth':<38} {'right':>5} {'median':>7}  verdicts")
    for guest, each in trials.items():
        counts = collections.Counter(trial.verdict for trial in each)
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        right = sum(trial.right for trial in each)
        seconds = "-" if guest.truth[0] == "pass" else median(each)
        print(f"{guest.name + '.' + guest.arch:<40} {' or '.join(guest.truth):<38} {right:>2}/{len(each):<2} "
              f"{seconds:>7}  {verdicts}")
        for trial in each:
            if not trial.right:
                print(f"    {trial.reason} ({trial.folder})")

    kinds = collections.defaultdict(list)
    for guest, each in trials.items():
        kinds[guest.truth[0]] += each
    print(f"\n{'truth':<38} {'trials':>6} {'right':>6} {'called otherwise':>17} {'median':>7}")
    for truth, each in sorted(kinds.items()):
        right = sum(trial.right for trial in each)
        name = {"pass": "healthy (called otherwise: false)"}.get(truth, truth)
        print(f"{name:<38} {len(each):>6} {right:>6} {len(each) - right:>17} {'-' if truth == 'pass' else median(each):>7}")


def read_trials(guests, folders):
    """The trials that earlier runs kept, by today's table."""
    trials = {guest: [judge(guest, out, "") for folder in folders
                      for out in sorted(pathlib.Path(folder).glob(f"{guest.name}.{guest.arch}.*")) if out.is_dir()]
              for guest in guests}
    return {guest: each for guest, each in trials.items() if each}


def is_named(value, names):
    return not names or value in names.split(",")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="runs of each guest (10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at a time (as many as there are cores)")
    parser.add_argument("--busy", action="store_true", help="beside twice as many spinning processes as there are cores")
    parser.add_argument("--only", default="", help="these guests alone: NAME,NAME…")
    parser.add_argument("--arch", default="", help="these architectures alone: ARCH,ARCH…")
    parser.add_argument("--oomlab", default=os.environ.get("OOMLAB", "oomlab"), help="the program (OOMLAB, oomlab)")
    parser.add_argument("--keep", metavar="DIR", help="keep all folders there, not just the wrong ones")
    parser.add_argument("--table", metavar="DIR", nargs="+", help="boot nothing; print the tables of what was kept there")
    options = parser.parse_args()
    guests = [guest for guest in read_guests()
              if is_named(guest.name, options.only) and is_named(guest.arch, options.arch)]
    if options.table:
        return report(read_trials(guests, options.table))
    options.oomlab = shutil.which(options.oomlab) or sys.exit(f"{options.oomlab}: no such program")
    images, kernels = {}, {}
    for arch in sorted({guest.arch for guest in guests}):
        get = [options.oomlab, "kernel", "get", KERNELS[arch], "--arch", arch]
        kernels[arch] = subprocess.run(get, check=True, text=True, stdout=subprocess.PIPE).stdout.split()[-1]
        build = [HERE / "build.sh", arch]
        environment = {**os.environ, "OOMLAB": options.oomlab}
        images[arch] = subprocess.run(build, check=True, text=True, stdout=subprocess.PIPE, env=environment).stdout.strip()
    runner = Runner(options, guests, images, kernels)
    runner.root.mkdir(parents=True, exist_ok=True)
    spin = [sys.executable, "-c", "while True: pass"]
    spinners = [subprocess.Popen(spin) for _ in range(2 * os.cpu_count() if options.busy else 0)]
    try:
        threads = [threading.Thread(target=runner.run) for _ in range(options.jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for spinner in spinners:
            spinner.kill()
    report(runner.trials)
    sys.exit(any(not trial.right for each in runner.trials.values() for trial in each))


if __name__ == "__main__":
    main()
