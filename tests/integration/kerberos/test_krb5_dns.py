"""KDCs that DNS has to tell: a name server that says nothing holds up no login for long.

The host's name server is another one within a network and a mount namespace (unshare(1)).
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from tests.kerberos import Realm
from tests.machine import patience

LOG_IN = """
    import fcntl, socket, struct, subprocess, sys, time
    from pathlib import Path
    from ualauth.kerberos.client import Client
    from ualauth.kerberos.settings import KerberosSettings, Timeout
    from ualauth.stack.folder import FollowedFolder, ServiceFolder

    folder = Path(sys.argv[1])
    server = socket.socket(type=socket.SOCK_DGRAM)
    up = struct.pack("16sH22x", b"lo", 1)  # netdevice(7): SIOCSIFFLAGS, IFF_UP
    fcntl.ioctl(server, 0x8914, up)
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\\n")
    subprocess.run(["mount", "--bind", resolv, Path("/etc/resolv.conf").resolve()], check=True)
    server.bind(("127.0.0.1", 53))
    settings = KerberosSettings(
        krb5_conf=str(folder / "krb5.conf"), keytab=sys.argv[2], timeout=Timeout(1)
    )
    client = Client(settings, FollowedFolder(ServiceFolder(folder)))
    # On a busy machine, what comes before the question may take most of the second: that
    # is not held against the KDC.
    for _ in range(20):
        began = time.monotonic()
        answer = client.log_in("jsmith", "s3cret")
        print(answer.code, answer.log, sep=": ")
        print(time.monotonic() - began, file=sys.stderr)
        if "a moment ago" in answer.log:
            break
    print(len(server.recv(65536)) > 0)
"""


def test_a_name_server_that_says_nothing_holds_up_no_login(kdc: Realm, tmp_path: Path) -> None:
    (tmp_path / "krb5.conf").write_text("[libdefaults]\n default_realm = DNS.TEST\n")
    script = textwrap.dedent(LOG_IN)
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-c", script, tmp_path, kdc.keytab],
        capture_output=True,
        text=True,
        timeout=patience(60),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *first, last, asked = done.stdout.splitlines()
    silent = "authinfo_unavail: no answer of a KDC of DNS.TEST within 1 seconds"
    assert first
    assert all(answer.startswith(silent) for answer in first)
    assert last.startswith("authinfo_unavail: no KDC of DNS.TEST answered a moment ago")
    assert asked == "True"
    # By itself, libkrb5 waits for each of several questions as long as resolv.conf(5) says.
    assert max(map(float, done.stderr.split())) < patience(10)
