# SPDX-License-Identifier: Apache-2.0
# The company of tests/rig/player: a certificate for each branch as the CA issued it a year ago, the list that IT imports, the
# report of an agent that has seen the U-KEYs, the people, the simulator's knobs, and a campaign for each unit.
import concurrent.futures
import datetime
import json
import os
import re
import ssl
import subprocess
import urllib.request

import player_table

WORKSTATION = "ws-1"
TOKENS_AT_ONCE = 60  # that one report tells of: orchestrator/flows/check_in.h


class Fleet:
    def __init__(self, table, world):
        self.table, self.world, self.folder = table, world, world.folder
        with open(world.demo("organisation.json"), encoding="utf-8") as file:
            entity = json.load(file)["legal_entities"][0]
        self.holder, self.uscc = entity["name"], entity["uscc"]
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.pool = concurrent.futures.ThreadPoolExecutor(4)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def must(self, person, *words):
        said = self.world.xuqi(person, *words)
        if said.returncode != 0:
            raise SystemExit(f"xuqi {' '.join(words)}: {said.stderr.strip()}")
        return said.stdout

    # ---- certificates ----

    def enrol(self, branch, usage, pair_of):
        csr = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                              "-keyout", self.path("secrets", f"{branch.name}-{usage}.pem"), "-subj", "/CN=x"],
                             capture_output=True, text=True, check=True).stdout
        body = {"csr_pem": csr, "usage": usage, "service": branch.service, "holder": self.holder, "uscc": self.uscc,
                "not_before": (self.now - datetime.timedelta(days=330)).isoformat(),
                "not_after": (self.now + datetime.timedelta(days=branch.days)).isoformat()}
        if branch.media != "-":
            body["media_no"] = branch.media
        if pair_of:
            body["pair_of"] = pair_of
        answer = self.world.post("/sim/enrol", body)
        if "certificate_id" not in answer:
            raise SystemExit(f"{branch.name}: {answer}")
        return answer

    def certificates(self, branch):
        usages = branch.usages.split(",")
        first = self.enrol(branch, usages[0], None)
        return [first] + [self.enrol(branch, usage, first["certificate_id"]) for usage in usages[1:]]

    def enrol_all(self):
        """The first one first: it is what the knob other_certificate_shown shows."""
        made = [self.certificates(self.table.branches[0]), *self.pool.map(self.certificates, self.table.branches[1:])]
        self.enrolled = {branch.name: certificates for branch, certificates in zip(self.table.branches, made)}
        with open(self.path("lists", "enrolled.json"), "w", encoding="utf-8") as file:
            json.dump({name: certificates[0] for name, certificates in self.enrolled.items()}, file)

    def list(self):
        beijing = datetime.timezone(datetime.timedelta(hours=8))
        rows = ["证书用户,统一社会信用代码,服务名称,介质编号,证书有效期至,单位部门,保管人,经办人"]
        for branch in self.table.branches:
            day = (self.now + datetime.timedelta(days=branch.days)).astimezone(beijing).date()
            media = "--" if branch.media == "-" else branch.media
            rows.append(f"{self.holder},{self.uscc},{branch.service},{media},{day},{branch.unit},保管人,{branch.handler}")
        path = self.path("lists", "certificates.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(rows) + "\n")
        self.must("operator", "cert", "import", path, "--commit")

    # ---- people ----

    def person(self, login, name, role, *more):
        self.must("admin", "token", "create", "--login", login, "--name", name, "--role", role, "--days", "30",
                  "--email", f"{login}@example.com", "--out", self.path("people", f"{login}.token"), *more)

    def people(self):
        with open(self.path("xuqid", "admin.token"), "rb") as token, \
                open(self.path("people", "admin.token"), "wb") as out:
            out.write(token.read())
        os.chmod(self.path("people", "admin.token"), 0o600)
        self.must("admin", "org", "apply", self.world.demo("organisation.json"))
        until = (self.now + datetime.timedelta(days=365)).date()
        wanted = [("operator", "李伟", "operator"), ("approver", "陈静", "approver"), ("finance", "黄丽", "finance"),
                  ("finance2", "吴敏", "finance")]
        for number in range(player_table.HANDLERS):
            wanted.append((player_table.handler(number), f"王芳{number:02d}", "handler", "--mobile", f"138001380{number:02d}",
                           "--legal-entity", self.uscc, "--authorised-until", str(until)))
        list(self.pool.map(lambda words: self.person(*words), wanted))

    # ---- what an agent reports: all tokens of one workstation ----

    def token(self, branch):
        certificates = []
        for number, one in enumerate(self.enrolled[branch.name], 1):
            der = "".join(re.findall(r"^[^-].*$", one["certificate_pem"], re.MULTILINE))
            certificates.append({"der_b64": der, "label": "", "id_hex": f"{number:02d}", "has_key": True})
        return {"serial": branch.token_serial, "label": branch.name, "model": "rig", "manufacturer": "rig",
                "free_bytes": 30000, "pin_flags": {"count_low": False, "final_try": False, "locked": False},
                "stored_pin": False, "consent": None, "certificates": certificates}

    def enrol_agent(self):
        code, settings = self.path("secrets", "agent.code"), self.path("settings", "agent.yaml")
        with open(self.path("settings", "demo.json"), encoding="utf-8") as file:
            self.demo = json.load(file)
        with open(settings, "w", encoding="utf-8") as file:
            file.write(f'server: {{url: "{self.demo["agents"]}", ca_file: "{self.demo["agent_ca"]}"}}\n'
                       f'state_dir: "{self.path("agents")}"\nlock_file: "{self.path("agents", "lock")}"\n'
                       f'pkcs11: {{module: "/usr/lib/softhsm/libsofthsm2.so"}}\n'
                       f'roots_file: "{self.path("settings", "root.pem")}"\n')
        self.must("operator", "agent", "enrol-code", "--workstation", WORKSTATION, "--unit", "总部", "--place", "机房",
                  "--out", code)
        subprocess.run(["xuqi-agent", "enrol", "--settings", settings, "--code-file", code], check=True,
                       capture_output=True)

    def report(self):
        """One handful after another is plugged in."""
        context = ssl.create_default_context(cafile=self.demo["agent_ca"])
        context.load_cert_chain(self.path("agents", "identity.pem"))
        for first in range(0, len(self.table.branches), TOKENS_AT_ONCE):
            body = {"wire": "1", "agent_version": "0.1.0", "sent_at": self.now.isoformat(), "client_version": "4.7.10",
                    "client_version_source": "file:rig", "module": {"path": "rig", "description": "rig", "version": "1"},
                    "tokens": [self.token(branch) for branch in self.table.branches[first:first + TOKENS_AT_ONCE]]}
            request = urllib.request.Request(self.demo["agents"] + "/v1/agent/report", data=json.dumps(body).encode(),
                                             headers={"Content-Type": "application/json"}, method="POST")
            with urllib.request.urlopen(request, timeout=60, context=context) as answer:
                answer.read()

    # ---- knobs and campaigns ----

    def policy(self, unit):
        """The demo's policy for UNIT, with the table's lines in place of its own."""
        with open(self.world.demo("policy.yaml"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        mine = [f"name: {unit}", "concurrency: 200", *self.table.campaigns[unit]]
        keys = {line.partition(":")[0] for line in mine} | {"handler"}
        kept = [line for line in lines if line.partition(":")[0] not in keys]
        kept.insert(kept.index("select:") + 1, f"  units: [{unit}]")
        return "\n".join(mine + kept) + "\n"

    def campaign(self, unit):
        path = self.path("lists", f"policy-{unit}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.policy(unit))
        return json.loads(self.must("operator", "campaign", "create", "--name", unit, "--policy", path, "-o", "json"))["id"]

    def campaigns(self):
        units = [unit for unit in self.table.campaigns if any(branch.unit == unit for branch in self.table.branches)]
        self.world.campaigns = {unit: self.campaign(unit) for unit in units}
        with open(self.path("lists", "campaigns.json"), "w", encoding="utf-8") as file:
            json.dump(self.world.campaigns, file)

    def make(self):
        self.people()
        self.enrol_all()
        self.list()
        self.enrol_agent()
        self.report()
        serials = {name: certificates[0]["serial"] for name, certificates in self.enrolled.items()}
        self.world.put("/sim/knobs", self.table.knobs(serials))
        self.campaigns()
        for unit in self.world.campaigns:
            if unit not in self.table.last:
                self.world.run(unit)
