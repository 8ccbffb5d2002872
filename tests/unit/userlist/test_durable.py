"""What the USERLIST confirms is on the disk; tests in this process leave that to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from sqlalchemy import Engine, event
from ualauth.testing.userlist import Userlist

levels = set()

@event.listens_for(Engine, "commit")
def look(connection):
    levels.add(connection.exec_driver_sql("PRAGMA synchronous").scalar())

userlist = Userlist.create(Path(sys.argv[1]))
userlist.add("jsmith", "s3cret")
userlist.close()
print(levels)
"""


def test_each_transaction_waits_for_the_disk(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # https://www.sqlite.org/pragma.html#pragma_synchronous: 2 is FULL.
    assert done.stdout == "{2}\n"
