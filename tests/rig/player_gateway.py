# SPDX-License-Identifier: Apache-2.0
# The simulator's gateway for those who are not xuqid: requests signed as schema/gateway.yaml says.  Registers xuqid's address for
# notices; and plays the person who fetches an invoice by phone and code (guide chapter 5, 途径二).
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import ssl
import time
import urllib.error
import urllib.request

KEY_ID = "demo"  # deploy/demo/parts.sh
CODES = 3  # tries that one code has


class Gateway:
    def __init__(self, address, ca_file, secret_file):
        self.address = address.rstrip("/").removesuffix("/v1")
        self.context = ssl.create_default_context(cafile=ca_file)
        with open(secret_file, "rb") as file:
            self.key = file.read()

    def ask(self, method, path, body=None):
        """The answer's status and body; files as bytes."""
        data = b"" if body is None else json.dumps(body).encode()
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        line = "\n".join([method, path, timestamp, nonce, hashlib.sha256(data).hexdigest()]) + "\n"
        signature = base64.b64encode(hmac.new(self.key, line.encode(), hashlib.sha256).digest()).decode()
        headers = {"Authorization": f'XUQI-HMAC-SHA256 key_id="{KEY_ID}",timestamp="{timestamp}",nonce="{nonce}",'
                                    f'signature="{signature}"'}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(16)}
        request = urllib.request.Request(self.address + path, data=data or None, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.context) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def register(self, url):
        """Notices go to URL from now on; the secret (whsec_...) that they are signed with."""
        _, said = self.ask("POST", "/v1/webhooks", {"url": url, "events": ["*"]})
        return json.loads(said)["secret"]

    def log_in(self, mobile):
        """What each try with the right code of one SMS was answered, and the login once it is open."""
        login = json.loads(self.ask("POST", "/v1/invoice-logins", {"mobile": mobile})[1])
        with urllib.request.urlopen(f"{os.environ['SIM_CONTROL']}/sim/phone/messages?mobile={mobile}", timeout=20) as said:
            code = re.findall(r"验证码(\d{6})", said.read().decode())[-1]
        answers = []
        for _ in range(CODES):
            status, said = self.ask("PUT", f"/v1/invoice-logins/{login['id']}", {"code": code})
            said = json.loads(said)
            answers.append(said.get("code", "open"))
            if status == 200:
                return answers, said
        return answers, None

    def invoices(self, mobile):
        """The answers to the codes, and the number and the file's beginning of each invoice that the phone sees."""
        answers, login = self.log_in(mobile)
        lines = [" ".join(answers)]
        for invoice in login["invoices"] if login else []:
            _, file = self.ask("GET", f"/v1/invoices/{invoice['id']}/file?format=pdf&login={login['id']}")
            lines.append(f"{invoice['number']} {file[:4].decode(errors='replace')}")
        return "\n".join(lines)
