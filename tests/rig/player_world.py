# SPDX-License-Identifier: Apache-2.0
# What tests/rig/player touches: the command line program xuqi as its persons use it, and outside of it the simulator's phone,
# bank, counter and CA.
import datetime
import glob
import json
import os
import subprocess
import time
import urllib.error
import urllib.request

FINANCE_SECONDS = 2
GIVEN_UP = {"closed", "withdrawn", "rejected"}
NOT_COUNTED = {"notices", "transfers", "bindings", "invoice_logins"}  # how often, or counted otherwise


def seconds_in(timeline, states):
    """How long the renewal was in one of STATES (A+B), all in all."""
    spent, since = 0.0, None
    for entry in timeline:
        if entry.get("to") is None:
            continue
        at = datetime.datetime.fromisoformat(entry["at"])
        if since is not None:
            spent += (at - since).total_seconds()
        since = at if entry["to"] in states.split("+") else None
    return round(spent, 1)


class Away(Exception):
    """Something does not answer just now (xuqid is being started again, say)."""


class World:
    def __init__(self, folder):
        self.folder = folder
        self.control = os.environ["SIM_CONTROL"]
        self.enrolled, self.campaigns = self.known("enrolled.json"), self.known("campaigns.json")
        self.attachment = self.demo("attachment.pdf")
        self.struck = set()  # the renewals whose orders the bank does not execute
        self.uploaded, self.installed, self.once, self.references = set(), set(), set(), {}
        self.statement, self.next_finance = b"", 0.0

    def known(self, name):
        """What player_fleet wrote down, once it has."""
        path = os.path.join(self.folder, "lists", name)
        if not os.path.exists(path):
            return {}
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    @staticmethod
    def demo(name):
        return os.path.join(os.environ["SOURCE"], "deploy", "demo", name)

    # ---- xuqi ----

    def xuqi(self, person, *words):
        env = os.environ | {"XUQI_TOKEN_FILE": os.path.join(self.folder, "people", f"{person}.token")}
        return subprocess.run(["xuqi", *words], env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    def ask(self, person, *words):
        said = self.xuqi(person, *words, "-o", "json")
        if said.returncode != 0:
            raise Away(f"xuqi {' '.join(words)}: {said.stderr.strip()[-200:]}")
        return json.loads(said.stdout)

    def items(self, person, *words):
        return self.ask(person, *words)["items"]

    def timeline(self, branch):
        return self.ask("operator", "renewal", "show", str(branch.renewal))["timeline"]

    def approve(self, unit):
        campaign = self.ask("approver", "campaign", "show", str(self.campaigns[unit]))
        self.xuqi("approver", "campaign", "approve", str(campaign["id"]), "--gate", "all", "--digest", campaign["digest"])

    def run(self, unit):
        if unit in self.once:
            return
        self.approve(unit)
        if self.xuqi("operator", "campaign", "run", str(self.campaigns[unit]), "--commit").returncode == 0:
            self.once.add(unit)

    # ---- the simulator ----

    def http(self, method, path, body=None):
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if method == "GET":
                raise Away(f"{path}: {error}") from error
            return error.read()
        except OSError as error:
            raise Away(f"{path}: {error}") from error

    def post(self, path, body):
        return json.loads(self.http("POST", path, body))

    def put(self, path, body):
        answer = json.loads(self.http("PUT", path, body))
        if "code" in answer:
            raise SystemExit(f"{path}: {answer}")

    def phone(self, code, action):
        self.post("/sim/phone", {"code_url" if action.startswith("pay") else "qr_text": code, "action": action})

    def simulated(self):
        """What the simulator remembers."""
        with open(os.path.join(self.folder, "sim", "state.json"), encoding="utf-8") as file:
            return json.load(file)

    # ---- finance: one file after another, never the same twice ----

    def finance(self):
        if time.monotonic() < self.next_finance:
            return
        self.next_finance = time.monotonic() + FINANCE_SECONDS
        payments = self.payments()
        if any(payment["status"] == "open" for payment in payments):
            self.xuqi("finance", "payment", "export", "--commit")
            payments = self.payments()
        for file in {payment["file"] for payment in payments if payment["file"]} - self.uploaded:
            self.upload(str(file), file)
        self.read_statement()
        for match in self.items("finance", "match", "list", "--verdict", "suggested"):
            self.xuqi("finance", "match", "confirm", str(match["id"]), "--commit")
        for match in self.items("finance2", "match", "list", "--verdict", "confirmed"):
            self.xuqi("finance2", "match", "release", str(match["id"]), "--commit")

    def payments(self):
        payments = self.items("finance", "payment", "list")
        for payment in payments:
            self.references[payment["reference"]] = payment["renewal"]
        return payments

    def upload(self, name, file):
        path = os.path.join(self.folder, "lists", f"payment-{name}.csv")
        if self.xuqi("finance", "payment", "file", name, "--out", path).returncode != 0:
            return
        self.uploaded.add(file)
        with open(path, "rb") as content:
            rows = content.read().splitlines(keepends=True)
        self.http("POST", "/sim/bank/execute", b"".join(row for row in rows if not self.is_struck(row.decode())))

    def is_struck(self, row):
        """Finance strikes out the orders of branches with bank=no before it releases the file."""
        return any(reference in row for reference, renewal in self.references.items() if renewal in self.struck)

    def read_statement(self):
        if not self.uploaded:
            return
        content = self.http("GET", "/sim/bank/statement?encoding=gb18030")
        if content == self.statement:
            return
        path = os.path.join(self.folder, "lists", "statement.csv")
        with open(path, "wb") as file:
            file.write(content)
        if self.xuqi("finance", "statement", "import", path, "--commit").returncode == 0:
            self.statement = content

    # ---- a person installs it in the CA's client, and the inventory learns of it ----

    def install(self, branches):
        labels = {branch.name for branch in branches} - self.installed
        if not labels:
            return
        state = self.simulated()
        by_certificate = {self.enrolled[label]["certificate_id"]: label for label in labels}
        path = os.path.join(self.folder, "lists", "new.pem")
        found = set()
        with open(path, "w", encoding="utf-8") as pem:
            for application in state["applications"].values():
                label = by_certificate.get(application["certificate_id"]) if application["state"] not in GIVEN_UP else None
                for one in application.get("issued", []) if label else []:
                    pem.write(one["pem"])
                    found.add(label)
        if found and self.xuqi("operator", "cert", "upload", path, "--commit").returncode == 0:
            self.installed |= found

    # ---- what the table's `do` lines name ----

    def act(self, branch, words):
        word, *rest = words
        return getattr(self, "act_" + word)(branch, *rest)

    def act_withdraw(self, branch, when=None):
        if when == "exported" and not any(payment["file"] for payment in self.payments() if payment["renewal"] == branch.renewal):
            return False
        said = self.xuqi("operator", "renewal", "withdraw", str(branch.renewal), "--reason", "not needed", "--commit")
        return said.returncode == 0 or "is being withdrawn already" in said.stderr  # the answer was lost

    def act_hint(self, branch):
        return self.xuqi(branch.handler, "renewal", "hint", str(branch.renewal), "--text", "您的证书已审核").returncode == 0

    @staticmethod
    def act_sees(branch, place):
        """Nothing but wait until it was seen there."""
        return branch.was_at(place)

    def act_status(self, branch, status):
        self.post("/sim/certificates", {"certificate_id": self.enrolled[branch.name]["certificate_id"], "status": status})
        return True

    def act_expires(self, branch):
        """The CA's record says that it has expired just now."""
        self.post("/sim/certificates", {"certificate_id": self.enrolled[branch.name]["certificate_id"], "expires": "now"})
        return True

    def act_unbinds(self, branch):
        self.post("/sim/certificates", {"certificate_id": self.enrolled[branch.name]["certificate_id"], "bound": False})
        return True

    def act_reissues(self, branch):
        """The CA puts the invoice right."""
        return "code" not in self.post("/sim/invoices", {"serial": self.enrolled[branch.name]["serial"]})

    def act_closes(self, branch, *fee):
        """The CA closes the open application: its fee is carried_over or refunded, or it has none."""
        body = {"serial": self.enrolled[branch.name]["serial"]} | ({"fee": fee[0]} if fee else {})
        return "code" not in self.post("/sim/applications", body)

    def staff(self, branch, act):
        return "code" not in self.post("/sim/applications", {"serial": self.enrolled[branch.name]["serial"], "act": act})

    def act_approves(self, branch):
        """What is in review is approved, whatever the knobs say."""
        return self.staff(branch, "approve")

    def act_revokes(self, branch):
        """The CA takes its approval back."""
        return self.staff(branch, "revoke")

    def act_knob(self, branch, line):
        """One more rule from now on, or several, for this certificate."""
        knob, rule = line.split(None, 1)
        answer = self.post("/sim/knobs", {knob: json.loads(rule) | {"serial": self.enrolled[branch.name]["serial"]}})
        if "code" in answer:
            raise SystemExit(f"{branch.name}: {answer}")
        return True

    def act_counter(self, branch):
        self.post("/sim/person/counter", {"serial": self.enrolled[branch.name]["serial"]})
        return True

    def act_pay_late(self, branch):
        """The first of its codes, which has run out, is paid all the same."""
        mine = self.enrolled[branch.name]["certificate_id"]
        codes = [payment["code_url"] for payment in self.simulated()["payments"].values()
                 if payment["certificate_id"] == mine and "code_url" in payment]
        if len(codes) < 2:
            return False
        answer = self.post("/sim/phone", {"code_url": codes[0], "action": "pay_late"})
        if "code" in answer:
            print(f"# {branch.name}: {answer}", flush=True)
        return "code" not in answer

    def act_returns(self, branch):
        """退汇: the payee's bank gives the (latest) transfer of the branch back."""
        ledger = Ledger(self)
        transfers = ledger.transfers_of(branch)
        if transfers:
            self.post("/sim/bank/return", {"serial": transfers[-1]["serial"]})
        return bool(transfers)

    def act_ages(self, branch, days):
        """Time passes: the renewal has been where it is for so many days."""
        with open(os.path.join(self.folder, "xuqid", "pgdata", "postmaster.pid"), encoding="utf-8") as file:
            socket = file.read().splitlines()[4]
        psql = glob.glob("/usr/lib/postgresql/*/bin/psql")[0]
        said = subprocess.run([psql, "-qX", "-h", socket, "-U", "xuqi", "xuqi", "-v", "ON_ERROR_STOP=1", "-c",
                               f"update renewals set changed_at = changed_at - interval '{int(days)} days' "
                               f"where id = {int(branch.renewal)}"], capture_output=True, text=True, check=False)
        if said.returncode != 0:
            print("# " + said.stderr.strip(), flush=True)
        return said.returncode == 0


class Ledger:
    """The simulator's ledger, certificate by certificate."""

    def __init__(self, world):
        self.world = world
        self.ledger = json.loads(world.http("GET", "/sim/ledger"))
        details = self.ledger["details"]
        self.owner = {}
        for application in details["applications"]:
            self.owner[application["id"]] = application["certificate"]
        for payment in details["payments"]:
            self.owner[payment["id"]] = payment["certificate"]
        world.payments()
        self.orders = {}
        for path in glob.glob(os.path.join(world.folder, "lists", "payment-*.csv")):
            with open(path, encoding="utf-8-sig") as file:
                for line in file.read().splitlines()[1:]:
                    cells = [cell.strip('"') for cell in line.split(",")]
                    self.orders[cells[0]] = cells[-1]

    def certificate_of(self, item):
        for key in ("certificate", "certificate_id"):
            if item.get(key):
                return item[key]
        for key in ("application", "payment"):
            if item.get(key) in self.owner:
                return self.owner[item[key]]
        return None

    def transfers_of(self, branch):
        return [transfer for transfer in self.ledger["details"]["transfers"]
                if self.world.references.get(self.orders.get(transfer["order"])) == branch.renewal]

    def of(self, branch):
        mine = self.world.enrolled[branch.name]["certificate_id"]
        seen = {}
        for name, items in self.ledger["details"].items():
            if name in NOT_COUNTED or (name == "reused_bindings" and name not in branch.ledger):
                continue
            count = sum(1 for item in items if self.certificate_of(item) == mine)
            if count:
                seen[name] = count
        transfers = len(self.transfers_of(branch))
        if transfers:
            seen["transfers"] = transfers
        refused = {}
        for item in self.ledger["refused"]:
            if item["certificate"] == mine:
                refused[item["code"]] = refused.get(item["code"], 0) + item["attempts"]
        for code in branch.refused_at_least & set(refused):
            refused[code] = min(refused[code], branch.refused[code])
        return seen, refused
