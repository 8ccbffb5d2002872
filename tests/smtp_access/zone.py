"""A DNS server for tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class Zone(threading.Thread):
    """A DNS server on loopback, which answers from a table: name and type -> texts."""

    def __init__(self, records: Mapping[tuple[str, str], Sequence[str]]) -> None:
        super().__init__(daemon=True)
        self.records = records
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked: list[tuple[str, str]] = []

    def run(self) -> None:
        while True:
            data, peer = self.socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            key = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
            self.asked.append(key)
            if key[0].startswith("silent"):
                continue
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            texts = self.records.get(key)
            if texts:
                answer.answer.append(dns.rrset.from_text(key[0], 60, "IN", key[1], *texts))
            elif key[0].startswith("broken"):
                answer.set_rcode(dns.rcode.SERVFAIL)
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(answer.to_wire(), peer)

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self.join(10)
        self.socket.close()
