"""An IMAP server on a real socket: the part of RFC 3501 that reading a mailbox takes, and nothing that is not in it."""

from __future__ import annotations

import re
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

USER, PASSWORD = "support@example.org", 'pass "word" \\ 1'
_ASTRING = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"|([^\s(){%*"\\]+)')
_FETCH = re.compile(rb"(\d+) \(BODY\.PEEK\[\]<(\d+)\.(\d+)>\)")
_STORE = re.compile(rb"(\d+) \+FLAGS\.SILENT \(([\\\w ]+)\)")


@dataclass
class Stored:
    content: bytes
    seen: bool = False


@dataclass
class ImapServer:
    """mails: by UID, of the folder INBOX. commands: the lines received, without their tags; of LOGIN only the name."""

    port: int = 0
    mails: dict[int, Stored] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    offers_starttls: bool = False
    hangs_up_at: str = ""
    refuses: str = ""

    def add(self, content: bytes) -> int:
        uid = max(self.mails, default=40) + 3  # UIDs grow and leave gaps
        self.mails[uid] = Stored(content)
        return uid

    def unseen(self) -> list[int]:
        return [uid for uid, mail in self.mails.items() if not mail.seen]


class _HangUp(Exception):
    pass


class _Session(socketserver.StreamRequestHandler):
    timeout = 10
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.imap: ImapServer = self.server.imap  # type: ignore[attr-defined]
        self.state = "not authenticated"
        self.say(b"* OK IMAP4rev1 of the tests")
        try:
            while line := self.rfile.readline(10_000):
                tag, _, command = line.rstrip(b"\r\n").partition(b" ")
                name, _, arguments = command.partition(b" ")
                self.do(tag, name.upper().decode(), arguments)
        except (_HangUp, OSError):
            pass

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # after STARTTLS another one than the server knows of

    def say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")

    def do(self, tag: bytes, name: str, arguments: bytes) -> None:
        if name == "UID":
            sub_command, _, arguments = arguments.partition(b" ")
            name = f"UID {sub_command.upper().decode()}"
        imap = self.imap
        imap.commands.append(name if name == "LOGIN" else f"{name} {arguments.decode()}".strip())
        if imap.hangs_up_at == name:
            raise _HangUp
        if imap.refuses == name:
            self.say(tag + b" NO refused by the test")
            return
        handler = {
            "CAPABILITY": self.capability,
            "STARTTLS": self.starttls,
            "LOGIN": self.login,
            "SELECT": self.select,
            "UID SEARCH": self.search,
            "UID FETCH": self.fetch,
            "UID STORE": self.store,
            "LOGOUT": self.logout,
        }.get(name)
        needed = {"LOGIN": "not authenticated", "SELECT": "authenticated"}.get(name, "selected")
        if handler is None or (name.startswith(("UID", "LOGIN", "SELECT")) and self.state != needed):
            self.bad(tag, f"{name} in state {self.state}")
            return
        handler(tag, arguments)

    def bad(self, tag: bytes, what: str) -> None:
        self.imap.wrong.append(what)
        self.say(tag + b" BAD " + what.encode())

    def capability(self, tag: bytes, _: bytes) -> None:
        self.say(b"* CAPABILITY IMAP4rev1" + (b" STARTTLS LOGINDISABLED" if self.imap.offers_starttls else b""))
        self.say(tag + b" OK done")

    def starttls(self, tag: bytes, _: bytes) -> None:
        if not self.imap.offers_starttls or self.imap.tls is None:
            self.bad(tag, "STARTTLS was not offered")
            return
        self.say(tag + b" OK begin")
        self.connection = self.imap.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)

    def login(self, tag: bytes, arguments: bytes) -> None:
        if self.imap.offers_starttls and not isinstance(self.connection, ssl.SSLSocket):
            self.bad(tag, "LOGIN without encryption")
            return
        words = [re.sub(rb"\\(.)", rb"\1", quoted) or plain for quoted, plain in _ASTRING.findall(arguments)]
        if words != [USER.encode(), PASSWORD.encode()]:
            self.say(tag + b" NO [AUTHENTICATIONFAILED] wrong login")
            return
        self.state = "authenticated"
        self.say(tag + b" OK logged in")

    def select(self, tag: bytes, arguments: bytes) -> None:
        if arguments != b'"INBOX"':
            self.say(tag + b" NO [NONEXISTENT] no such folder")
            return
        self.state = "selected"
        self.say(f"* {len(self.imap.mails)} EXISTS".encode())
        self.say(b"* OK [UIDVALIDITY 7] valid")
        self.say(tag + b" OK [READ-WRITE] selected")

    def search(self, tag: bytes, arguments: bytes) -> None:
        if arguments != b"UNSEEN":
            self.bad(tag, f"UID SEARCH {arguments!r}")
            return
        self.say(" ".join(["* SEARCH", *map(str, reversed(self.imap.unseen()))]).encode())  # in no promised order
        self.say(tag + b" OK found")

    def fetch(self, tag: bytes, arguments: bytes) -> None:
        asked = _FETCH.fullmatch(arguments)
        if asked is None:
            self.bad(tag, f"UID FETCH {arguments!r}")
            return
        uid, start, count = map(int, asked.groups())
        if uid in self.imap.mails:
            content = self.imap.mails[uid].content[start : start + count]
            number = list(self.imap.mails).index(uid) + 1
            # Another client's flags may come in between, and the UID before or after the text.
            self.say(f"* {number} FETCH (FLAGS (\\Recent))".encode())
            self.wfile.write(f"* {number} FETCH (UID {uid} BODY[]<{start}> {{{len(content)}}}\r\n".encode() + content)
            self.say(b")")
        self.say(tag + b" OK fetched")

    def store(self, tag: bytes, arguments: bytes) -> None:
        asked = _STORE.fullmatch(arguments)
        if asked is None or asked[2] != rb"\Seen":
            self.bad(tag, f"UID STORE {arguments!r}")
            return
        self.imap.mails[int(asked[1])].seen = True
        self.say(tag + b" OK stored")

    def logout(self, tag: bytes, _: bytes) -> None:
        self.say(b"* BYE")
        self.say(tag + b" OK bye")
        raise _HangUp


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    block_on_close = True

    def get_request(self) -> tuple[object, object]:  # type: ignore[override]
        connection, address = super().get_request()
        imap: ImapServer = self.imap  # type: ignore[attr-defined]
        if imap.tls is not None and not imap.offers_starttls:
            connection.settimeout(10)
            connection = imap.tls.wrap_socket(connection, server_side=True)
        return connection, address


@contextmanager
def serving(tls: ssl.SSLContext | None = None, *, offers_starttls: bool = False) -> Iterator[ImapServer]:
    imap = ImapServer(tls=tls, offers_starttls=offers_starttls)
    server = _Server(("127.0.0.1", 0), _Session)
    server.imap = imap  # type: ignore[attr-defined]
    imap.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield imap
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
