"""A web site of FastAPI's that lets in whom the service ual.remote lets in.

usage: .venv/bin/python examples/fastapi_site.py [PORT]

It listens on 127.0.0.1 under TLS, says how to log in, and ends by Ctrl-C.
"""

# FastAPI looks annotations up at run time: here they are no texts.

import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from playground import PASSWORD, Playground, show_refusals

from ualauth import AsyncAuthenticator, Identity
from ualauth.adapters.fastapi import TokenLogin

HOST = "127.0.0.1"


def new_application(folder: Path) -> FastAPI:
    """Return the site."""
    authenticator = AsyncAuthenticator(folder)
    login = TokenLogin(authenticator, "ual.remote")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with authenticator:
            # A service that cannot be used is told now, and not at the first login.
            await authenticator.load("ual.remote")
            yield

    application = FastAPI(lifespan=lifespan)

    @application.get("/whoami")
    async def whoami(identity: Annotated[Identity, Depends(login)]) -> dict[str, str]:
        return {"authid": identity.authid, "name": identity.person.name}

    return application


def main(port: int) -> None:
    """Serve until stopped."""
    show_refusals()
    with tempfile.TemporaryDirectory(prefix="ualauth-") as temporary:
        playground = Playground.make(Path(temporary) / "etc")
        print(
            f"""\
user jsmith, password {PASSWORD!r}; also: locked, expired
  curl --cacert {playground.authority} --user 'jsmith:{PASSWORD}' https://localhost:{port}/whoami
stop by Ctrl-C""",
            flush=True,
        )
        certificate = str(playground.certificate)
        uvicorn.run(
            new_application(playground.folder), host=HOST, port=port, ssl_certfile=certificate
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8443)
