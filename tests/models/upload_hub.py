"""The small hub with what sending needs: tokens that may write or not, repositories made, large files, commits."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.models.small_hub import COMMIT, LARGE_BYTES, NAME, Handler, Hub, git_digest


@dataclass
class UploadHub(Hub):
    """A hub that can be written to. `exists`: whether it holds the repository.

    `cut`: uploads break off; `full`: none is taken.
    """

    exists: bool = False
    private: bool = True
    read_only: bool = False
    cut: bool = False
    full: bool = False
    blobs: dict[str, bytes] = field(default_factory=dict)
    received: list[bytes] = field(default_factory=list)
    """Every body that was sent to it."""
    commits: list[dict[str, Any]] = field(default_factory=list)

    def info(self) -> dict[str, Any]:
        return super().info() | {"private": self.private}


class UploadHandler(Handler):
    """Answers as the model hub does to a client that writes."""

    hub: UploadHub

    def do_GET(self) -> None:
        if self.path == "/api/whoami-v2":
            return self.reply({"name": "acme"}) if self.known() else self.fault(401, None)
        if not self.hub.exists:
            return self.fault(404 if self.known() else 401, "RepoNotFound")
        if self.path.startswith(f"/api/models/{NAME}/tree/{COMMIT}?") and self.known():
            return self.reply([self.leaf(name) for name in self.hub.files])
        self.answer(body=True)

    def do_POST(self) -> None:
        self.hub.asked.append((self.command, self.path, None))
        body = self.body()
        if not self.known():
            return self.fault(401, None)
        if self.hub.read_only and not self.path.endswith("validate-yaml"):
            return self.fault(403, None)
        said = json.loads(body) if not self.path.startswith(f"/api/models/{NAME}/commit/") else {}
        if self.path == "/api/repos/create":
            return self.create(said)
        if self.path == "/api/validate-yaml":
            return self.reply({"errors": [], "warnings": []})
        if self.path == f"/api/models/{NAME}/preupload/main":
            return self.reply({"files": [self.mode(file) for file in said["files"]]})
        if self.path == f"/{NAME}.git/info/lfs/objects/batch":
            return self.reply({"transfer": "basic", "objects": [self.upload(each) for each in said["objects"]]})
        if self.path == f"/api/models/{NAME}/commit/main":
            return self.commit(body)
        self.fault(404, None)

    def do_PUT(self) -> None:
        body = self.body()
        if self.hub.cut:
            return self.fault(418, None)
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.blobs[oid] = body
        self.reply({})

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.received.append(content)
        return content

    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def reply(self, value: Any) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"}, body=True)

    def leaf(self, name: str) -> dict[str, Any]:
        entry = self.hub.sibling(name)
        large = {"lfs": {**entry["lfs"], "oid": entry["lfs"]["sha256"]}} if "lfs" in entry else {}
        return {"type": "file", "path": name, "size": entry["size"], "oid": entry["blobId"], **large}

    def create(self, said: dict[str, Any]) -> None:
        assert (said["organization"], said["name"]) == tuple(NAME.split("/"))
        self.hub.exists = True
        self.hub.private = said.get("visibility") == "private" or said.get("private") is True
        self.hub.files = {".gitattributes": b"*.safetensors filter=lfs\n"}
        self.reply({"url": f"{self.hub.url}/{NAME}"})

    def mode(self, file: dict[str, Any]) -> dict[str, Any]:
        there = self.hub.files.get(file["path"])
        mode = "lfs" if file["size"] > LARGE_BYTES else "regular"
        known = {"oid": git_digest(there)} if there is not None and mode == "regular" else {}
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, **known}

    def upload(self, each: dict[str, Any]) -> dict[str, Any]:
        if self.hub.full:
            return {**each, "error": {"code": 507, "message": "no space is left"}}
        return {**each, "actions": {"upload": {"href": f"{self.hub.url}/blobs/{each['oid']}"}}}

    def commit(self, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            match line["key"]:
                case "header":
                    self.hub.commits.append(value)
                case "file":
                    self.hub.files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    self.hub.files[value["path"]] = self.hub.blobs[value["oid"]]
                case other:
                    raise AssertionError(other)
        assert re.fullmatch(r"[0-9a-f]{40}", COMMIT)
        self.reply({"commitUrl": f"{self.hub.url}/{NAME}/commit/{COMMIT}", "commitOid": COMMIT})
