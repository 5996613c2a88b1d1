# SPDX-License-Identifier: Apache-2.0
# The table of branches as tests/rig/player reads it: what each branch is made of, what it wants to see, how far it is.
import json
import shlex

HANDLERS = 16  # one live QR code for each handler at a time: so many sittings at once
USUAL = {key: 1 for key in ("applications", "payments", "declared", "verified", "transfers", "issued", "installed",
                            "invoices")}


def handler(number):
    return f"handler-{number:02d}"


def differences(seen, wanted):
    keys = sorted(set(seen) | set(wanted))
    return ", ".join(f"{key}: {seen.get(key, 0)}, not {wanted.get(key, 0)}"
                     for key in keys if seen.get(key, 0) != wanted.get(key, 0))


def pairs(words):
    return dict(word.split("=", 1) for word in words)


class Step:
    """A task that is expected."""

    def __init__(self, line):
        head, _, words = line.partition("|")
        self.kind, self.person, *values = shlex.split(head)
        self.values = pairs(values)
        self.words = [word.strip() for word in words.split("|") if word.strip()]
        self.label = self.kind
        self.done = False
        self.complaint = ""


class Act:
    """What happens outside, once, when the renewal is AT a state, or has a task; after BEFORE, another act, if there is one."""

    def __init__(self, line, before=None):
        self.at, word, *rest = line.split(None, 2)
        self.words = [word, *(rest if word == "knob" else shlex.split(" ".join(rest)))]
        self.before = before
        self.done = False

    def is_next(self):
        return not self.done and (self.before is None or self.before.done)


class Branch:
    def __init__(self, line, unit, number):
        self.name, *options = shlex.split(line)
        options = pairs(options)
        self.unit = options.pop("unit", unit)
        self.days = int(options.pop("days", 21))
        self.usages = options.pop("usages", "both")
        self.media = options.pop("media", f"4E434100000{number:05d}")
        self.service, self.token_serial = f"业务-{self.name}", f"rig{number:05d}"
        self.handler = handler(number % HANDLERS)
        self.short = options.pop("short", "used") == "left"
        self.install = options.pop("install", "yes") == "yes"
        self.reopens = options.pop("reopens", "no") == "yes"
        self.scan = options.pop("scan", "yes") == "yes"
        self.bank = options.pop("bank", "yes") == "yes"
        if options:
            raise ValueError(f"{self.name}: {options}")
        self.rules, self.steps, self.acts, self.told, self.seen_wanted, self.lasted = [], [], [], [], [], []
        self.ends = ("done", None)
        self.ledger, self.refused, self.refused_at_least = dict(USUAL), {}, set()
        self.renewal = self.state = self.reason = None
        self.seen, self.unexpected, self.open_kinds = set(), set(), set()

    def add(self, word, line):
        if word == "knob":
            knob, rule = line.split(None, 1)
            self.rules.append((knob, json.loads(rule)))
        elif word == "task":
            step = Step(line)
            same = sum(1 for other in self.steps if other.kind == step.kind)
            step.label += "" if same == 0 else f"_{same + 1}"
            self.steps.append(step)
        elif word == "do":
            self.acts.append(Act(line))
        elif word == "then":
            self.acts.append(Act(line, self.acts[-1]))
        elif word == "seen":
            self.seen_wanted += line.split()
        elif word == "lasted":
            state, seconds = line.split()
            self.lasted.append((state, int(seconds)))
        elif word == "told":
            self.told += line.split()
        elif word == "ends":
            state, *reason = line.split()
            self.ends = (state, reason[0] if reason else None)
        elif word == "ledger":
            self.ledger.update({key: int(value) for key, value in pairs(line.split()).items()})
            self.ledger = {key: value for key, value in self.ledger.items() if value != 0}
        elif word == "refused":
            self.refused = {key: int(value.rstrip("+")) for key, value in pairs(line.split()).items()}
            self.refused_at_least = {key for key, value in pairs(line.split()).items() if value.endswith("+")}
        else:
            raise ValueError(f"{self.name}: {word}")

    # ---- how far it is ----

    def saw(self, renewal):
        self.renewal, self.state, self.reason = renewal["id"], renewal["state"], renewal["blocked_reason"]
        self.seen.add(f"{self.state}/{self.reason}")

    def was_at(self, place):
        return any(seen == place or seen.startswith(place + "/") for seen in self.seen)

    def waits_for_act(self, kind):
        """An act at an open task of this kind comes before its answer."""
        return any(act.is_next() and act.at == f"task:{kind}" for act in self.acts)

    def is_at(self, place):
        if place.startswith("task:"):
            return place[5:] in self.open_kinds
        return any(one in (self.state, f"{self.state}/{self.reason}") for one in place.split("+"))

    def is_at_end(self):
        state, reason = self.ends
        return self.state == state and reason in (None, self.reason)

    def missing(self):
        return ", ".join([f"no task {step.kind}" for step in self.steps if not step.done] +
                         [f"not yet {act.words[0]}" for act in self.acts if not act.done])

    def is_over(self):
        return self.is_at_end() and not self.missing()

    def steps_are_done(self):
        return all(step.done for step in self.steps)

    def may_be_installed(self):
        return self.install and all(act.done or not act.at.startswith("install_queued") for act in self.acts)

    def expects(self, kind):
        return any(step.kind == kind for step in self.steps)

    def step_for(self, task):
        """The next expectation of this kind of task, if TASK says what it wants; a task may say one thing after another."""
        for step in self.steps:
            if step.done or step.kind != task["kind"]:
                continue
            text = json.dumps(task, ensure_ascii=False)
            absent = [word for word in step.words if word not in text]
            if not absent:
                return step
            step.complaint = f"no {absent} in: {task['instruction']}"
            return None
        return None


class Table:
    def __init__(self, path):
        self.branches, self.campaigns, self.last, self.plain = [], {}, set(), {}
        unit = None
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                word, _, rest = line.strip().partition(" ")
                if word in ("", "#") or word.startswith("#"):
                    continue
                try:
                    unit = self.take(word, rest.strip(), unit)
                except (ValueError, IndexError) as error:
                    raise SystemExit(f"{path}:{number}: {error}") from error

    def take(self, word, rest, unit):
        if word == "campaign":
            name, _, lines = rest.partition(" ")
            self.campaigns[name] = [line.strip() for line in lines.split("|") if line.strip()]
        elif word == "plain":
            knob, value = rest.split(None, 1)
            self.plain[knob] = json.loads(value)
        elif word == "last":
            self.last.add(rest)
        elif word == "elsewhere":
            return unit  # branches.sh looks there
        elif word == "unit":
            return rest
        elif word == "branch":
            self.branches.append(Branch(rest, unit, len(self.branches)))
        else:
            self.branches[-1].add(word, rest)
        return unit

    def knobs(self, serials):
        knobs = {"not_arrived_times": [], **self.plain}
        for branch in self.branches:
            for knob, rule in branch.rules:
                if not isinstance(knobs.get(knob), list):
                    knobs[knob] = []
                for one in rule if isinstance(rule, list) else [rule]:
                    knobs[knob].append(one | {"serial": serials[branch.name]})
        return knobs

    def words(self):
        """Every knob that a branch turns, and every knob:word."""
        said = set(self.plain)
        for branch in self.branches:
            for knob, rule in branch.rules:
                said.add(knob)
                for one in rule if isinstance(rule, list) else [rule]:
                    if isinstance(one.get("value"), str):
                        said.add(f"{knob}:{one['value']}")
        return said
